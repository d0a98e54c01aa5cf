"""How much of a wide-area link is used, for each number of threads: ours, and what any client could on this machine.

    python -m tests.benchmarks.far [--size 1GiB] [--threads 1,2,4,8,10,16] [--rounds 3] [--before COMMAND]

The link is a simulation: each answer, also of the API, begins after 30 ms, and no connection carries more than 90 MB/s.
So the ideal is `threads` x 90 MB/s. What is told of it counts whole processes: interpreter, looks at both ends, waiting
for each first byte, and the flush to the disk of a pull are in it, and weigh the less the larger the model is.

A machine has its own limit, for client and far end share its processors. So ours runs beside bare sockets that hash
each byte, and flush what they fetch to the disk. They ask no API, and send or fetch in about as many requests as ours.
Where these do not reach 90 % of the ideal, nothing does: then `ours of bare` is what can be read off a run.
"""

from __future__ import annotations

import argparse
import os
import shlex
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median

from modelsync_jupyter.core.units import parse_size

from .measure import Usage, middle
from .scene import OURS, Client, Link, Scene, open_scene
from .speed import BEFORE

BARE = "bare"
Results = dict[tuple[str, Link, str], list[Usage]]


def movers(scene: Scene, link: Link, before: Client | None) -> Mapping[tuple[str, str], Callable[[], Usage]]:
    """Return what is run, by direction and tool."""
    found: dict[tuple[str, str], Callable[[], Usage]] = {}
    for client in (before, OURS) if before else (OURS,):
        found["push", client.name] = partial(scene.push_far, client, link)
        found["pull", client.name] = partial(scene.pull_far, client, link)
    found["push", BARE] = partial(scene.bare_push_far, link, "--requests", "3", "--digest")
    found["pull", BARE] = partial(scene.bare_pull_far, link, "--requests", "2", "--digest", keep=True)
    return found


def table(results: Results, size: int) -> str:
    """Return medians as text; how much of what bare sockets reach is taken within each round."""
    lines = [f"{'':4} {'threads':>7} {'':16} {'wall s':>7} {'of ideal':>8} {'of bare':>8} {'cpu s/GB':>9}"]
    for (direction, link, name), usages in sorted(results.items(), key=lambda item: item[0][0], reverse=True):
        u, bare = middle(usages), results.get((direction, link, BARE), [])
        shares = [theirs.wall / mine.wall for mine, theirs in zip(usages, bare, strict=False)]
        of_bare = f"{median(shares):8.0%}" if shares and name != BARE else f"{'':8}"
        share = f"{size / link.ideal / u.wall:8.0%}"
        lines.append(
            f"{direction} {link.threads:7} {name:16} {u.wall:7.2f} {share} {of_bare} {u.cpu / size * 1e9:9.2f}"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=parse_size, default=1 << 30, help="bytes of the model's big file (1GiB)")
    parser.add_argument("--threads", default="1,2,4,8,10,16", help="numbers of threads (1,2,4,8,10,16)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds over all of them (3)")
    parser.add_argument("--delay", type=float, default=0.03, help="seconds to the first byte of each answer (0.03)")
    parser.add_argument("--rate", type=parse_size, default=90_000_000, help="bytes a second of a connection (90MB)")
    parser.add_argument("--only", choices=("push", "pull"), help="one direction")
    parser.add_argument("--before", help="the `modelsync` command of another version, to be compared in the same run")
    parser.add_argument("--folder", type=Path, help="where to work: a disk, not tmpfs (the system's temporary folder)")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # where it is set, each client would compile its libraries anew
    before = Client(BEFORE, tuple(shlex.split(options.before))) if options.before else None
    links = [Link(int(word), options.delay, options.rate) for word in options.threads.split(",")]
    results: Results = {}
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder) as folder,
        open_scene(Path(folder), options.size, "sink", OURS) as scene,
    ):
        for _ in range(options.rounds):
            for link in links:
                for (direction, name), mover in movers(scene, link, before).items():
                    if options.only in (None, direction):
                        os.sync()
                        usage = mover()
                        results.setdefault((direction, link, name), []).append(usage)
                        print(f"  {direction} {link.threads:2} {name:16} {usage.wall:6.2f} s", flush=True)
    print(f"{options.size} bytes, medians of {options.rounds} rounds, load {os.getloadavg()[0]:.1f}\n")
    print(table(results, options.size))


if __name__ == "__main__":
    main()
