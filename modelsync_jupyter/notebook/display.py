"""How values look as the last line of a cell: a card, a table or a sentence, in place of raw fields.

Formatters are registered by the names of classes, so nothing is imported before a value of one is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from modelsync_jupyter.core.marked import as_html
from modelsync_jupyter.core.plain import printable

_PACKAGE = "modelsync_jupyter"
_Looks = tuple[Callable[[Any], str] | None, Callable[[Any], str] | None]


def register(ip: Any) -> None:
    """Let a shell show this package's values; calling it again does no harm."""
    for where, (text, html) in _SHOWN:
        module, _, name = where.rpartition(".")
        formatters = ip.display_formatter.formatters
        if text:
            formatters["text/plain"].for_type_by_name(f"{_PACKAGE}.{module}", name, _printer(text))
        if html:
            formatters["text/html"].for_type_by_name(f"{_PACKAGE}.{module}", name, html)


def _printer(text: Callable[[Any], str]) -> Callable[[Any, Any, bool], None]:
    return lambda value, printer, cycle: printer.text(printable(text(value)))


def sentences(text: str) -> str:
    """Write sentences as HTML, lines as they are."""
    return f"<div style='white-space:pre-line'>{as_html(text)}</div>"


def model_card(model: Any) -> str:
    """Draw a local model as a small card: what it is, where it came from, and what can be done next."""
    from modelsync_jupyter.commands.views import facts_of

    tag = str(model.tag)
    steps = [f'push("{tag}")', f'load("{tag}")', f'panel("{tag}")']
    return _rows(facts_of(model, None)) + f"<p>{' · '.join(f'<code>{escape(each)}</code>' for each in steps)}</p>"


def remote_card(model: Any) -> str:
    """Draw a registry's model as a small card."""
    from modelsync_jupyter.commands.views import remote_facts

    step = f'pull("{model.tag}")'
    return _rows(remote_facts(model)) + f"<p><code>{escape(step)}</code></p>"


def _rows(pairs: Sequence[tuple[str, str]]) -> str:
    cell = "text-align:left;vertical-align:top;white-space:pre-wrap"
    rows = "".join(
        f"<tr><th style='{cell}'>{escape(name)}</th><td style='{cell}'>{escape(value)}</td></tr>"
        for name, value in pairs
        if value
    )
    return f"<table>{rows}</table>"


def _outcome(outcome: Any) -> str:
    from modelsync_jupyter.commands.views import outcome_text
    from modelsync_jupyter.commands.words import CELL

    return outcome_text(outcome, CELL)


def _transfer(transfer: Any) -> str:
    from modelsync_jupyter.commands.views import transfer_text

    return transfer_text(transfer)


def _plan(plan: Any) -> list[Any]:
    from modelsync_jupyter.commands.views import plan_blocks

    return plan_blocks(plan)


def _sync_plan(plan: Any) -> list[Any]:
    from modelsync_jupyter.commands.views import sync_plan_blocks

    return sync_plan_blocks(plan)


def _sync(report: Any) -> str:
    from modelsync_jupyter.commands.views import sync_text

    return sync_text(report)


def _diff(diff: Any) -> list[Any]:
    from modelsync_jupyter.commands.insight import diff_blocks

    return diff_blocks(diff)


def _told(text: Callable[[Any], str]) -> _Looks:
    """Show a value as sentences."""
    return text, lambda value: sentences(text(value))


def _listed(blocks: Callable[[Any], list[Any]]) -> _Looks:
    """Show a value as paragraphs and tables."""

    def text(value: Any) -> str:
        from modelsync_jupyter.commands.tables import blocks_text

        return blocks_text(blocks(value))

    def html(value: Any) -> str:
        from modelsync_jupyter.commands.tables import blocks_html

        return blocks_html(blocks(value))

    return text, html


def _models_table(models: Any) -> Any:
    from modelsync_jupyter.commands.tables import Table
    from modelsync_jupyter.commands.views import MODEL_HEAD, model_row

    return Table(models, MODEL_HEAD, model_row, "There are no models.")


def _status_table(statuses: Any) -> Any:
    from modelsync_jupyter.commands.tables import Table
    from modelsync_jupyter.commands.views import STATUS_HEAD, status_row

    return Table(statuses, STATUS_HEAD, status_row, "There are no models.")


#: Class, its text and its HTML.
_SHOWN: tuple[tuple[str, _Looks], ...] = (
    ("store.model.Model", (None, model_card)),
    ("remotes.bentocloud.replies.RemoteModel", (None, remote_card)),
    ("core.outcome.Outcome", _told(_outcome)),
    ("core.outcome.SyncReport", _told(_sync)),
    ("jobs.transfer.Transfer", _told(_transfer)),
    ("transfer.plan.Plan", _listed(_plan)),
    ("transfer.exchange.FilePlan", _listed(_plan)),
    ("transfer.mirror.SyncPlan", _listed(_sync_plan)),
    ("contents.diff.Diff", _listed(_diff)),
    ("store.model.Models", _listed(lambda models: [_models_table(models)])),
    ("client.statuses.Statuses", _listed(lambda statuses: [_status_table(statuses)])),
)
