"""Pushes and pulls, and what can be done with one under way."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from modelsync_jupyter import client as api
from modelsync_jupyter.core.errors import Cancelled, UsageError
from modelsync_jupyter.core.outcome import Direction, Options, Outcome
from modelsync_jupyter.core.tags import Tag

from .answers import Answer
from .face import Face
from .tables import Table
from .views import TRANSFER_HEAD, outcome_text, plan_text, transfer_row, transfer_text

if TYPE_CHECKING:
    from modelsync_jupyter.client import Transfer


def push_command(args: argparse.Namespace, face: Face) -> Answer:
    """`push TAG`: the outcome, a plan or a transfer."""
    return _move("push", args, face)


def pull_command(args: argparse.Namespace, face: Face) -> Answer:
    """`pull TAG`: the model, a plan or a transfer."""
    return _move("pull", args, face)


def transfers_command(args: argparse.Namespace, face: Face) -> Answer:
    """`transfers`: all that are on record."""
    found = Table(api.transfers(home=args.home), TRANSFER_HEAD, transfer_row, "There are no transfers yet.")
    return Answer(found, str(found), data=[transfer.record.to_dict() for transfer in found])


def attach_command(args: argparse.Namespace, face: Face) -> Answer:
    """`attach ID`: follow to the end; an interrupt only stops following."""
    try:
        with face.progress(args.id) as sink:
            outcome = api.attach(args.id, sink=sink, home=args.home)
    except KeyboardInterrupt:
        hint = f"Follow it again with `modelsync attach {args.id}`, stop it with `modelsync cancel {args.id}`."
        raise Cancelled(f"No longer following `{args.id}`; the transfer goes on.", step=hint) from None
    return _ended(outcome, args)


def cancel_command(args: argparse.Namespace, face: Face) -> Answer:
    """`cancel ID`: ask it to stop and say what became of it."""
    return _handle(api.cancel(args.id, home=args.home))


def resume_command(args: argparse.Namespace, face: Face) -> Answer:
    """`resume ID`: the same transfer again."""
    with face.progress(args.id) as sink:
        result = api.resume(args.id, sink=sink, background=args.background, home=args.home)
    return _ended(result, args) if isinstance(result, Outcome) else _handle(result)


def _move(direction: Direction, args: argparse.Namespace, face: Face) -> Answer:
    tag = Tag.parse(args.tag)
    if args.output == "path" and (args.dry_run or args.background):
        raise UsageError("`--output path` needs a transfer that has ended.", step="Use `--output json` instead.")
    options = Options(args.force, args.threads, args.context, args.rate_limit)
    if args.dry_run:
        plan = api.plan(direction, tag, force=args.force, threads=args.threads, context=args.context, home=args.home)
        return Answer(plan, plan_text(plan), data=plan.to_dict())
    if args.background:
        return _handle(api.start(direction, tag, options, home=args.home))
    with face.progress(f"{direction} {args.tag}") as sink:
        outcome = api.run(direction, tag, options, sink=sink, home=args.home, on_wait=face.note)
    return _ended(outcome, args)


def _ended(outcome: Outcome, args: argparse.Namespace) -> Answer:
    model = api.get(outcome.tag, home=args.home) if outcome.direction == "pull" or args.output == "path" else None
    value = model if outcome.direction == "pull" else outcome
    return Answer(value, outcome_text(outcome), outcome.to_dict(), str(model.path) if model else "", live=True)


def _handle(transfer: Transfer) -> Answer:
    record = transfer.record
    text = transfer_text(transfer)
    if record.state in ("planned", "running"):
        text += f" Follow it with `modelsync attach {record.id}`, stop it with `modelsync cancel {record.id}`."
    return Answer(transfer, text, data={"id": record.id, "tag": record.tag, "state": record.state})
