"""Pushes and pulls, and what can be done with one under way."""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.core.outcome import Direction, Outcome, SyncReport
from modelsync_jupyter.core.states import PAUSED
from modelsync_jupyter.core.steps import Step
from modelsync_jupyter.core.tags import Tag

from . import client_of
from .answers import Answer
from .face import Face
from .options import TAG_HELP, add_background, add_context, add_output, add_pace
from .tables import Table
from .using import add_locked, pull_locked_command
from .views import TRANSFER_HEAD, outcome_text, plan_text, sync_text, transfer_row, transfer_text

if TYPE_CHECKING:
    from modelsync_jupyter.client import Client, Transfer


def add_commands(add: Any) -> None:
    """Add the commands that send and fetch models, and those about transfers."""
    for verb, what in (("push", "send a model to the registry"), ("pull", "fetch a model from the registry")):
        parser = add(verb, what, move_command)
        if verb == "pull":
            parser.add_argument("tag", nargs="?", metavar="TAG", help=TAG_HELP)
            add_locked(parser)
        else:
            parser.add_argument("tag", metavar="TAG", help=TAG_HELP)
        parser.add_argument("-f", "--force", action="store_true", help="replace what is there under the same tag")
        add_pace(parser)
        add_context(parser)
        add_background(parser)
        parser.add_argument("-n", "--dry-run", action="store_true", help="show what would be done, and do nothing")
        add_output(parser, "path")
    add_output(add("transfers", "list transfers, running and ended", transfers_command))
    for verb, what, run in (
        (
            "attach",
            "follow a transfer to its end; Ctrl-C stops following, not the transfer",
            attach_command,
        ),
        ("pause", "stop a transfer for now; `resume` continues it", pause_command),
        ("cancel", "stop a transfer; it can be resumed", cancel_command),
        ("resume", "run a transfer again; it resumes where it left off", resume_command),
    ):
        parser = add(verb, what, run)
        parser.add_argument("id", metavar="ID", help="id of the transfer, or the beginning of it")
        if verb == "resume":
            add_background(parser)
        add_output(parser)
    parser = add("forget", "remove ended transfers from the list; models stay as they are", forget_command)
    parser.add_argument("ids", nargs="+", metavar="ID", help="id of the transfer, or the beginning of it")
    add_output(parser)


def move_command(args: argparse.Namespace, face: Face) -> Answer:
    """`push TAG` and `pull TAG`: the outcome, or the model that was pulled; a plan; or a transfer."""
    direction: Direction = args.command
    if getattr(args, "locked", None):
        return pull_locked_command(args, face)
    if args.tag is None:
        raise UsageError("The following arguments are required: TAG.", Step("help", "", {"command": "pull"}))
    tag, client, threads, rate = Tag.parse(args.tag), client_of(args), args.threads, args.rate_limit
    if args.output == "path" and (args.dry_run or args.background):
        raise UsageError("`--output path` needs a transfer that has ended.", step="Use `--output json` instead.")
    if args.dry_run:
        with face.progress(f"plan {tag}") as bar:
            sink = bar or False
            plan = client.plan(direction, tag, force=args.force, threads=threads, rate_limit=rate, progress=sink)
        return Answer(plan, plan_text(plan), data=plan.to_dict())
    if wants_background(args, client, face):
        return handle(client.start(direction, tag, force=args.force, threads=threads, rate_limit=rate), face)
    with face.progress(f"{direction} {args.tag}") as bar:
        outcome = client.run(
            direction, tag, force=args.force, threads=threads, rate_limit=rate, progress=bar or False, on_wait=face.note
        )
    return ended(outcome, args, client, face)


def wants_background(args: argparse.Namespace, client: Client, face: Face) -> bool:
    """Return whether a transfer is to run in the background: as the line says, else in a cell as the settings say.

    A shell waits unless it is told not to: scripts read its exit code.
    """
    if args.background is not None:
        return bool(args.background)
    return face.stored and not args.dry_run and args.output != "path" and bool(client.setting("background").value)


def transfers_command(args: argparse.Namespace, face: Face) -> Answer:
    """`transfers`: all that are on record."""
    found = Table(client_of(args).transfers(), TRANSFER_HEAD, transfer_row, "There are no transfers yet.")
    return Answer(found, str(found), data=[transfer.record.to_dict() for transfer in found])


def attach_command(args: argparse.Namespace, face: Face) -> Answer:
    """`attach ID`: follow to the end; an interrupt only stops following."""
    client = client_of(args)
    transfer = client.transfer(args.id)
    record = transfer.record
    bar = face.progress(f"{record.direction} {record.tag}", follows=True) if record.active else nullcontext()
    try:
        with bar as progress:
            outcome = client.attach(record.id, progress=progress or False)
    except KeyboardInterrupt:
        return handle(transfer, face)
    return ended(outcome, args, client, face)


def cancel_command(args: argparse.Namespace, face: Face) -> Answer:
    """`cancel ID`: ask it to stop and say what became of it."""
    return handle(client_of(args).cancel(args.id), face)


def pause_command(args: argparse.Namespace, face: Face) -> Answer:
    """`pause ID`: ask it to stop for now and say what became of it."""
    return handle(client_of(args).pause(args.id), face)


def forget_command(args: argparse.Namespace, face: Face) -> Answer:
    """`forget ID ...`: remove transfers that have ended from the list."""
    client = client_of(args)
    ids = [client.transfer(id).id for id in args.ids]
    for id in ids:
        client.forget(id)
    return Answer(None, f"Forgot {', '.join(f'`{id}`' for id in ids)}.", data=ids)


def resume_command(args: argparse.Namespace, face: Face) -> Answer:
    """`resume ID`: the same transfer again."""
    client = client_of(args)
    if args.background:
        return handle(client.resume_in_background(args.id), face)
    record = client.transfer(args.id).record
    with face.progress(f"{record.direction} {record.tag}") as progress:
        outcome = client.resume(record.id, progress=progress or False)
    return ended(outcome, args, client, face)


def ended(outcome: Outcome | SyncReport, args: argparse.Namespace, client: Client, face: Face) -> Answer:
    """Answer with what came of a transfer: the model where one arrived."""
    if isinstance(outcome, SyncReport):
        return Answer(outcome, sync_text(outcome), outcome.to_dict(), live=True)
    arrived = outcome.direction in ("pull", "import")
    model = client.get(outcome.tag) if arrived or getattr(args, "output", "") == "path" else None
    value = model if arrived else outcome
    text, path = outcome_text(outcome, face.words), str(model.path) if model else ""
    return Answer(value, text, outcome.to_dict(), path, live=True)


def handle(transfer: Transfer, face: Face) -> Answer:
    """Answer with a transfer that goes on elsewhere."""
    record, words = transfer.record, face.words
    text = transfer_text(transfer)
    if record.active:
        follow, stop = words.command("attach", id=record.id), words.command("cancel", id=record.id)
        text += f"\nIt continues in the background: follow it with {follow}, stop it with {stop}."
    elif record.state == PAUSED:
        text += f"\nIt is kept as it is: continue with {words.command('resume', id=record.id)}."
    return Answer(transfer, text, data={"id": record.id, "tag": record.tag, "state": record.state}, live=True)
