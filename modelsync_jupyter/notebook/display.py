"""How values look as the last line of a cell: a card, a table or a sentence, in place of raw fields.

Formatters are registered by the names of classes, so nothing is imported before a value of one is shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

_PACKAGE = "modelsync_jupyter"
_MARKED = re.compile(r"`([^`\n]+)`|(https?://[^\s`<>]+[^\s`<>.,;:!?)])")


def register(ip: Any) -> None:
    """Let a shell show this package's values; calling it again does no harm."""
    for where, text, html in _SHOWN:
        module, _, name = where.rpartition(".")
        formatters = ip.display_formatter.formatters
        if text:
            formatters["text/plain"].for_type_by_name(f"{_PACKAGE}.{module}", name, _printer(text))
        if html:
            formatters["text/html"].for_type_by_name(f"{_PACKAGE}.{module}", name, html)


def _printer(text: Callable[[Any], str]) -> Callable[[Any, Any, bool], None]:
    return lambda value, printer, cycle: printer.text(text(value))


def sentences(text: str) -> str:
    """Write sentences as HTML: what stands in backticks as code, addresses as links, lines as they are."""

    def mark(found: re.Match[str]) -> str:
        code, address = found.groups()
        return f"<code>{code}</code>" if code else f'<a href="{address}" target="_blank" rel="noopener">{address}</a>'

    return f"<div style='white-space:pre-line'>{_MARKED.sub(mark, escape(text))}</div>"


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


def _plan(plan: Any) -> str:
    from modelsync_jupyter.commands.views import plan_text

    return plan_text(plan)


def _diff(diff: Any) -> str:
    from modelsync_jupyter.commands.insight import diff_text

    return diff_text(diff)


def _diff_html(diff: Any) -> str:
    from modelsync_jupyter.commands.insight import change_row, diff_head, diff_summary
    from modelsync_jupyter.commands.tables import Table

    table = Table(diff.changes, diff_head(diff), change_row)._repr_html_() if diff.changes else ""
    remarks = "".join(f"<p>{escape(each)}</p>" for each in diff.remarks)
    return f"<p>{escape(diff_summary(diff))}</p>{table}{remarks}"


def _transfer(transfer: Any) -> str:
    from modelsync_jupyter.commands.views import transfer_text

    return transfer_text(transfer)


def _models_table(models: Any) -> Any:
    from modelsync_jupyter.commands.tables import Table
    from modelsync_jupyter.commands.views import MODEL_HEAD, model_row

    return Table(models, MODEL_HEAD, model_row, "There are no models.")


def _status_table(statuses: Any) -> Any:
    from modelsync_jupyter.commands.tables import Table
    from modelsync_jupyter.commands.views import STATUS_HEAD, status_row

    return Table(statuses, STATUS_HEAD, status_row, "There are no models.")


#: Class, its text and its HTML.
_SHOWN: tuple[tuple[str, Callable[[Any], str] | None, Callable[[Any], str] | None], ...] = (
    ("store.model.Model", None, model_card),
    ("remotes.bentocloud.replies.RemoteModel", None, remote_card),
    ("core.outcome.Outcome", _outcome, None),
    ("transfer.plan.Plan", _plan, None),
    ("contents.diff.Diff", _diff, _diff_html),
    ("jobs.transfer.Transfer", _transfer, None),
    (
        "store.reading.Models",
        lambda models: repr(_models_table(models)),
        lambda each: _models_table(each)._repr_html_(),
    ),
    (
        "client.statuses.Statuses",
        lambda each: repr(_status_table(each)),
        lambda each: _status_table(each)._repr_html_(),
    ),
)
