"""Push and pull of one big model: us, `bentoml`, and the tools that mark the limit. What `make bench` runs.

Rows are run one after another in every round, each as a whole process, each pull into a fresh home. Both clients talk
to the same plain API (no extension of ours) whose object host costs next to nothing: GETs come from nginx, PUTs go to a
sink.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from modelsync_jupyter.core.units import parse_size

from .measure import Usage, middle
from .scene import OURS, STOCK, Client, Scene, open_scene

Results = dict[str, list[Usage]]
#: Another version of ours, to be compared in the same run.
BEFORE = "modelsync before"


def rows(scene: Scene, clients: Sequence[Client]) -> dict[str, Callable[[], Results]]:
    """What is run in a round, by name; each gives one or more lines of the table."""
    found: dict[str, Callable[[], Results]] = {}
    for verb, method in (("push", scene.push), ("pull", scene.pull)):
        for client in clients:
            found[f"{verb} {client.name}"] = _line(f"{verb} {client.name}", partial(method, client))
    found["push curl -T"] = _line("push curl -T", scene.curl_push)
    found["pull curl -o"] = _line("pull curl -o", scene.curl_pull)
    found["pull cp -r"] = _line("pull cp -r", scene.copy)
    for client in clients:
        found[f"{client.name}, our registry"] = partial(_through_registry, scene, client)
    return found


def _line(name: str, row: Callable[[], Usage]) -> Callable[[], Results]:
    return lambda: {name: [row()]}


def _through_registry(scene: Scene, client: Client) -> Results:
    pushed, pulled = scene.through_registry(client)
    return {f"push {client.name}, our registry": [pushed], f"pull {client.name}, our registry": [pulled]}


def one_round(scene: Scene, clients: Sequence[Client], results: Results, only: str) -> None:
    """Run every row once whose name matches the regular expression."""
    for name, row in rows(scene, clients).items():
        if re.search(only, name):
            os.sync()
            for line, usages in row().items():
                results.setdefault(line, []).extend(usages)
                print(f"  {line:32} {usages[0].wall:6.2f} s", flush=True)


def table(results: Results, size: int) -> str:
    """Medians as text; `own` is RssAnon + RssShmem sampled every 10 ms, `rss` is ru_maxrss, both the worst round's."""
    lines = [f"{'':32} {'wall s':>7} {'GB/s':>6} {'cpu s':>6} {'own MB':>7} {'rss MB':>7} {'written MB':>11}"]
    for name, usages in sorted(results.items(), key=lambda item: item[0].split()[0], reverse=True):
        u = middle(usages)
        numbers = f"{u.wall:7.2f} {size / u.wall / 1e9:6.2f} {u.cpu:6.2f}"
        memory = f"{u.anon / 1e6:7.0f} {u.rss / 1e6:7.0f} {u.written / 1e6:11.0f}"
        lines.append(f"{name:32} {numbers} {memory}")
    return "\n".join(lines)


def ratios(results: Results) -> str:
    """How many times faster than stock `bentoml` we are, and how far from the limit."""
    lines = []
    for slow, quick in (
        ("bentoml", "modelsync"),
        (BEFORE, "modelsync"),
        ("modelsync", "curl -T"),
        ("modelsync", "curl -o"),
        ("modelsync", "cp -r"),
    ):
        for direction in ("push", "pull"):
            a, b = results.get(f"{direction} {slow}"), results.get(f"{direction} {quick}")
            if a and b:
                wall, cpu = middle(a).wall / middle(b).wall, middle(a).cpu / middle(b).cpu
                lines.append(f"{direction}: {slow} / {quick} = {wall:.2f} (wall), {cpu:.2f} (cpu)")
    return "\n".join(lines)


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=parse_size, default=1 << 30, help="bytes of the model's big file (1GiB)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds over all rows (3)")
    parser.add_argument("--object-host", choices=("sink", "nginx"), default="sink", help="where PUTs go (sink)")
    parser.add_argument("--only", default="", help="rows to run: a regular expression")
    parser.add_argument("--before", help="the `modelsync` command of another version, to be compared in the same run")
    parser.add_argument("--folder", type=Path, help="where to work: a disk, not tmpfs (the system's temporary folder)")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # where it is set, each client would compile its libraries anew
    before = [Client(BEFORE, tuple(shlex.split(options.before)))] if options.before else []
    clients = [STOCK, *before, OURS]
    results: Results = {}
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder) as folder,
        open_scene(Path(folder), options.size, options.object_host, OURS) as scene,
    ):
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}, load {os.getloadavg()[0]:.1f}", flush=True)
            one_round(scene, clients, results, options.only)
    print(f"\n{options.size} bytes, medians of {options.rounds} rounds, PUTs to {options.object_host}\n")
    print(table(results, options.size), ratios(results), sep="\n\n")


if __name__ == "__main__":
    main()
