"""What people read of each thing: sentences, facts and tables. Pure functions of what the API returns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from modelsync_jupyter.core.outcome import Outcome, SyncReport
from modelsync_jupyter.core.states import FAILED, PAUSED, PLANNED, RUNNING, SUCCEEDED
from modelsync_jupyter.core.steps import Step
from modelsync_jupyter.core.units import format_age, format_seconds, format_size, short_digest

from .tables import Facts, Table, blocks_text, rows_table
from .words import Words

if TYPE_CHECKING:
    from modelsync_jupyter.client import (
        Changes,
        Context,
        FilePlan,
        Forecast,
        Model,
        Plan,
        Record,
        RemoteModel,
        SyncPlan,
        Transfer,
        VersionStatus,
    )

Blocks = list[str | Table[Any]]
MODEL_HEAD = ("TAG", "SIZE", "CREATED", "MODULE", "LABELS")
REMOTE_HEAD = ("TAG", "SIZE", "CREATED", "STATUS", "BY", "LABELS")
TRANSFER_HEAD = ("ID", "WHAT", "TAG", "STATE", "DONE", "SIZE", "RATE", "STARTED", "REASON")
CONTEXT_HEAD = ("", "NAME", "ENDPOINT", "USER")
STATUS_HEAD = ("TAG", "STATE", "SIZE", "CREATED", "DIGEST")
PLAN_HEAD = ("ACTION", "SIZE", "WHAT", "WHY")
#: What a sync does with versions, as a plan says it and as the outcome does; what it leaves alone has one word.
_SYNCED = {
    "copy": ("to copy", "copied"),
    "replace": ("to replace", "replaced"),
    "update": ("to update", "updated"),
    "delete": ("to delete", "deleted"),
    "alias": ("aliases to move", "aliases moved"),
    "same": ("the same", "the same"),
}
#: Changes that a sentence names, and that a table lists.
_NAMED, _LISTED = 3, 20


def outcome_text(outcome: Outcome, words: Words) -> str:
    """Say what was done, how many bytes, how fast, what was reused, why this version, and where people see it."""
    said = f"{outcome.status.capitalize()} `{outcome.tag}`"
    if outcome.different:
        where = "The registry" if outcome.direction == "push" else "The local store"
        step = words.step(Step("force", "Choose another version, or overwrite it."))
        return _with_page(f"{said}. {where} has a different model under this tag. {step}", outcome)
    if outcome.status == "skipped":
        return _with_page(f"{said}. {outcome.reason}".rstrip(), outcome)
    said += {"export": f" to `{outcome.path}`", "import": f" from `{outcome.path}`"}.get(outcome.direction, "")
    speed = f" ({format_size(outcome.moved / outcome.seconds)}/s)" if outcome.moved and outcome.seconds else ""
    text = f"{said}: {format_size(outcome.moved)} in {format_seconds(outcome.seconds)}{speed}"
    if outcome.reused:
        text += f"; {format_size(outcome.reused)} of {format_size(outcome.size)} reused"
    text = f"{text}. {outcome.reason}".rstrip()
    return _with_page(f"{text}\n{_changed(outcome.changes)}" if outcome.changes else text, outcome)


def _with_page(text: str, outcome: Outcome) -> str:
    return f"{text}\n{outcome.page}" if outcome.page else text


def plan_text(plan: Plan | FilePlan) -> str:
    """Say what would be done and why."""
    return blocks_text(plan_blocks(plan))


def plan_blocks(plan: Plan | FilePlan) -> Blocks:
    """Say what would be done and why, a row for each operation, and where it is known what would travel and change."""
    forecast = getattr(plan, "forecast", None)
    size = _forecast(forecast) if forecast else format_size(plan.size) if plan.size else ""
    text = f"Would {plan.action} {f'`{plan.tag}`' if plan.tag else 'the model'}"
    text = f"{text}{f' ({size})' if size else ''}. {plan.reason}"
    moving = ("send", "receive") if forecast else ()
    rows = [
        (op.verb, format_size(op.size) if op.size or op.verb in moving else "", op.subject, op.reason)
        for op in plan.operations
    ]
    said: Blocks = [text, rows_table(PLAN_HEAD, rows)]
    if forecast and forecast.changes:
        said += [_changed(forecast.changes), *_change_rows(forecast.changes)]
    return said


def _forecast(forecast: Forecast) -> str:
    """Say how much of a version will travel, and how long that will take."""
    moved, whole = format_size(forecast.moved), format_size(forecast.moved + forecast.reused)
    text = f"{'' if forecast.exact else 'up to '}{moved}{f' of {whole}' if whole != moved else ''}"
    return text + ("" if forecast.seconds is None else f", about {format_seconds(forecast.seconds)}")


def _changed(changes: Changes) -> str:
    """Say in a sentence what is different from another version; of a few files and tensors, which."""
    where = {"local": "the local", "remote": "the registry's"}[changes.where]
    kinds = ((changes.file_count, "file", changes.files), (changes.tensor_count, "tensor", changes.tensors))
    counts = [f"{count:,} {kind}{'' if count == 1 else 's'}" for count, kind, _ in kinds if count]
    if not counts:
        return f"Its files are those of {where} `{changes.against}`."
    shown = changes.tensors or changes.files
    names = ", ".join(f"`{each.name}`" for each in shown[:_NAMED]) + (", …" if len(shown) > _NAMED else "")
    verb = "differs" if changes.file_count + changes.tensor_count == 1 else "differ"
    return f"{' and '.join(counts)} {verb} from {where} `{changes.against}`: {names}."


def _change_rows(changes: Changes) -> Blocks:
    rows = [("file", each.name, each.how, format_size(each.size)) for each in changes.files[:_LISTED]]
    rows += [("tensor", f"{each.file}: {each.name}", each.how, format_size(each.size)) for each in changes.tensors]
    more = changes.file_count + changes.tensor_count - len(rows[:_LISTED])
    table = rows_table(("WHAT", "NAME", "CHANGE", "SIZE"), rows[:_LISTED])
    return [table, f"… and {more:,} more" if more and rows else ""]


def sync_plan_text(plan: SyncPlan) -> str:
    """Say what a sync would do."""
    return blocks_text(sync_plan_blocks(plan))


def sync_plan_blocks(plan: SyncPlan) -> Blocks:
    """Say what a sync would do: a row for each version that is not the same on both sides, and for each alias."""
    rows = [(each.action, str(each.tag), format_size(each.size)) for each in plan.items if each.action != "same"]
    rows += [("alias", f"{each.name}:{each.alias} → {each.version or 'removed'}", "") for each in plan.aliases]
    text = f"From `{plan.source}` to `{plan.target}`: {_counts(plan.counts, 0)}. "
    text += f"At most {format_size(plan.size)} to transfer."
    return [text, rows_table(("ACTION", "TAG", "SIZE"), rows)]


def sync_text(report: SyncReport) -> str:
    """Say what a sync did, and what it left alone."""
    text = f"Synced `{report.source}` to `{report.target}`: {_counts(report.counts, 1)}; "
    text += f"{format_size(report.moved)} in {format_seconds(report.seconds)}."
    if report.different:
        shown = ", ".join(f"`{tag}`" for tag in report.different[:5])
        more = f" and {len(report.different) - 5} more" if len(report.different) > 5 else ""
        text += f" The target has a different model under {shown}{more}, which was left alone."
    return text


def _counts(counts: Mapping[str, int], done: int) -> str:
    """Say how many versions there are of each kind, before it is done (0) or afterwards (1)."""
    said = [f"{number} {_SYNCED.get(kind, (kind, kind))[done]}" for kind, number in sorted(counts.items())]
    return ", ".join(said) or "no models"


def model_facts(model: Model, digest: str | None) -> Facts:
    """Say everything about one local model, and where it is."""
    return Facts([*facts_of(model, digest), ("path", str(model.path))])


def facts_of(model: Model, digest: str | None) -> list[tuple[str, str]]:
    """Say everything about one local model but where it is, as names and values."""
    info = model.info
    return [
        ("tag", str(model.tag)),
        ("size", format_size(model.size)),
        ("created", f"{info.creation_time:%Y-%m-%d %H:%M:%S %Z} ({format_age(info.creation_time)})"),
        ("module", info.module),
        ("labels", labels_text(info.labels)),
        ("digest", digest or ""),
        *((f"metadata.{key}", str(value)) for key, value in info.metadata.items() if key != "provenance"),
        *provenance_facts(model),
    ]


def remote_facts(model: RemoteModel) -> list[tuple[str, str]]:
    """Say everything about a registry's model, as names and values."""
    return [
        ("tag", str(model.tag)),
        ("size", format_size(model.size)),
        ("created", format_age(model.creation_time) if model.creation_time else ""),
        ("status", model.upload_status),
        ("by", model.creator),
        ("module", model.module),
        ("labels", labels_text(model.labels)),
        ("aliases", ", ".join(model.aliases)),
        ("description", model.description),
        ("downloads", str(model.downloads or "")),
        ("digest", model.digest),
    ]


def all_remote_facts(model: RemoteModel) -> Facts:
    """Say everything about one model of the registry, its metadata too."""
    metadata = [pair for pair in model.metadata.items() if pair != ("description", model.description)]
    noted = ((f"metadata.{key}", str(value)) for key, value in metadata if key != "provenance")
    return Facts([*remote_facts(model), *noted])


def provenance_facts(model: Model) -> list[tuple[str, str]]:
    """Say where a model came from, as names and values; what is not known is empty."""
    from modelsync_jupyter.client import Provenance

    found = Provenance.of(model.info.metadata)
    if found is None:
        return []
    git = found.git
    state = ", uncommitted changes" if git.get("dirty") else ""
    place = " ".join(filter(None, (str(git.get("branch", "")), str(git.get("path", "")))))
    return [
        *((f"metric.{name}", str(value)) for name, value in found.metrics.items()),
        *((f"dataset.{name}", _dataset(value)) for name, value in found.datasets.items()),
        ("notebook", ", ".join(filter(None, (found.notebook, f"cell {found.cell}" if found.cell else "")))),
        ("git", f"{str(git['commit'])[:12]} ({place}{state})" if git.get("commit") else ""),
        ("packages", ", ".join(f"{name} {version}" for name, version in found.packages.items())),
        ("source", found.source),
    ]


def _dataset(value: object) -> str:
    if not isinstance(value, Mapping):
        return str(value)
    size = f" ({format_size(value['size'])})" if isinstance(value.get("size"), int) else ""
    return f"{value.get('digest', '')}{size}"


def model_row(model: Model) -> tuple[str, ...]:
    """Return a local model as a row of a table."""
    info = model.info
    created = format_age(info.creation_time)
    return str(model.tag), format_size(model.size), created, info.module, labels_text(info.labels)


def status_row(version: VersionStatus) -> tuple[str, ...]:
    """Return a version of both sides as a row of a table."""
    there = version.local or version.remote
    assert there
    created = there.info.creation_time if version.local else version.remote.creation_time  # type: ignore[union-attr]
    digest = short_digest(version.digest)
    return str(version.tag), str(version.state), format_size(there.size), format_age(created), digest


def remote_row(model: RemoteModel) -> tuple[str, ...]:
    """Return a registry's model as a row of a table."""
    created = format_age(model.creation_time) if model.creation_time else ""
    labels = labels_text(model.labels)
    return str(model.tag), format_size(model.size), created, model.upload_status, model.creator or "", labels


def transfer_text(transfer: Transfer) -> str:
    """Say in a sentence how a transfer stands."""
    record = transfer.record
    state = {PLANNED: "is queued", SUCCEEDED: "succeeded", FAILED: "failed"}.get(
        record.state, f"is {record.state}" if record.active or record.state == PAUSED else f"was {record.state}"
    )
    amount = f", {format_size(record.done)} of {format_size(record.total)}" if record.total else ""
    return f"{record.direction.capitalize()} of `{record.tag}` {state} (transfer `{record.id}`{amount})."


def transfer_row(transfer: Transfer) -> tuple[str, ...]:
    """Return a transfer as a row of a table; a failed one says why."""
    record = transfer.record
    return (
        record.id,
        record.direction,
        record.tag,
        record.state,
        f"{100 * record.done // record.total}%" if record.total else "",
        format_size(record.total) if record.total else "",
        f"{format_size(record.rate)}/s" if record.state == RUNNING and record.rate else "",
        format_age(datetime.fromtimestamp(record.started, timezone.utc)) if record.started else "",
        _reason(record),
    )


def _reason(record: Record) -> str:
    """Say why a transfer failed, or what a queued one waits for."""
    if record.state == PLANNED:
        return record.step if record.step != "planning" else ""
    return str((record.error or {}).get("message", "")) if record.state == FAILED else ""


def context_row(context: Context) -> tuple[str, ...]:
    """Return a context as a row of a table; a star marks the current one."""
    return "*" if context.current else "", context.name, context.endpoint, context.email or ""


def labels_text(labels: Mapping[str, str]) -> str:
    """Write labels in a line: `stage=prod, team=nlp`."""
    return ", ".join(f"{key}={value}" for key, value in labels.items())
