"""What people read of each thing: sentences, facts and tables. Pure functions of what the API returns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from modelsync_jupyter.core.outcome import Outcome
from modelsync_jupyter.core.units import format_age, format_seconds, format_size

from .tables import align, facts

if TYPE_CHECKING:
    from modelsync_jupyter.client import Context, Model, Plan, RemoteModel, Transfer

MODEL_HEAD = ("TAG", "SIZE", "CREATED", "MODULE", "LABELS")
REMOTE_HEAD = ("TAG", "SIZE", "CREATED", "STATUS", "BY", "LABELS")
TRANSFER_HEAD = ("ID", "WHAT", "TAG", "STATE", "DONE", "SIZE", "RATE", "STARTED")
CONTEXT_HEAD = ("", "NAME", "ENDPOINT", "USER")
PLAN_HEAD = ("DO", "SIZE", "WHAT", "WHY")


def outcome_text(outcome: Outcome) -> str:
    """What was done, how many bytes, how fast, what did not have to travel, and why this version."""
    said = f"{outcome.status.capitalize()} `{outcome.tag}`"
    if outcome.status == "skipped":
        return f"{said}. {outcome.reason}".rstrip()
    speed = f" ({format_size(outcome.moved / outcome.seconds)}/s)" if outcome.moved and outcome.seconds else ""
    text = f"{said}: {format_size(outcome.moved)} in {format_seconds(outcome.seconds)}{speed}"
    if outcome.reused:
        text += f"; {format_size(outcome.reused)} of {format_size(outcome.size)} did not have to travel"
    return f"{text}. {outcome.reason}".rstrip()


def plan_text(plan: Plan) -> str:
    """What would be done and why, one row for each operation."""
    size = f" ({format_size(plan.size)})" if plan.size else ""
    text = f"Would {plan.action} `{plan.tag}`{size}. {plan.reason}"
    rows = [(op.verb, format_size(op.size) if op.size else "", op.subject, op.reason) for op in plan.operations]
    return f"{text}\n\n{align(PLAN_HEAD, rows)}" if rows else text


def model_text(model: Model) -> str:
    """Everything about one local model, a line each."""
    info = model.info
    return facts(
        [
            ("tag", str(model.tag)),
            ("size", format_size(model.size)),
            ("created", f"{info.creation_time:%Y-%m-%d %H:%M:%S %Z} ({format_age(info.creation_time)})"),
            ("module", info.module),
            ("labels", labels_text(info.labels)),
            *((f"metadata.{key}", str(value)) for key, value in info.metadata.items()),
            ("path", str(model.path)),
        ]
    )


def model_row(model: Model) -> tuple[str, ...]:
    """A local model in a table."""
    info = model.info
    created = format_age(info.creation_time)
    return str(model.tag), format_size(model.size), created, info.module, labels_text(info.labels)


def remote_row(model: RemoteModel) -> tuple[str, ...]:
    """A registry's model in a table."""
    created = format_age(model.creation_time) if model.creation_time else ""
    labels = labels_text(model.labels)
    return str(model.tag), format_size(model.size), created, model.upload_status, model.creator or "", labels


def transfer_text(transfer: Transfer) -> str:
    """One transfer as a sentence."""
    record = transfer.record
    text = f"{record.direction.capitalize()} of `{record.tag}` is {record.state}: transfer `{record.id}`"
    return f"{text}, {format_size(record.done)} of {format_size(record.total)}." if record.total else f"{text}."


def transfer_row(transfer: Transfer) -> tuple[str, ...]:
    """A transfer in a table."""
    record = transfer.record
    return (
        record.id,
        record.direction,
        record.tag,
        record.state,
        f"{100 * record.done // record.total}%" if record.total else "",
        format_size(record.total) if record.total else "",
        f"{format_size(record.rate)}/s" if record.state == "running" and record.rate else "",
        format_age(datetime.fromtimestamp(record.started, timezone.utc)) if record.started else "",
    )


def context_row(context: Context) -> tuple[str, ...]:
    """A context in a table; a star marks the current one."""
    return "*" if context.current else "", context.name, context.endpoint, context.email or ""


def labels_text(labels: Mapping[str, str]) -> str:
    """`stage=prod, team=nlp`."""
    return ", ".join(f"{key}={value}" for key, value in labels.items())
