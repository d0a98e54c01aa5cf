"""What a target would need: ours beside the least that any client could do on this machine. Exits with 1 where a
process of ours took more than 150 MB.

    python -m tests.benchmarks.limits [--size 1GiB] [--rounds 5] [--only WORDS]

A *floor* does less than a client must, so that no client can be quicker: sockets that the kernel fills from the file,
the same with a digest of each byte, the same with what comes written and flushed to disk. What lies between two floors
is the price of the one thing by which they differ. Each runs as a whole process, interpreter included; within a round
one follows the other, and how many times as long as a floor ours took is taken within each round.

Of 10,000 files of 1 KB the floor is what it takes in Python to look at, open, read, close and hash each of them, and
to start with the libraries that a push needs; `tar c` writes into a file on the disk, and hashes nothing.

Behind the table stands each target, whether it is reached, and what the floor beside it takes: where that is more than
the target as well, no client that keeps the floor's promises can reach it here. What hashes at all, for example, reads
each byte once more than `curl`; and what starts in Python has no time left for 150 ms where importing an HTTP library
takes most of that. How quick a push or pull of little that changed can be, `delta` tells in the same way.

To add a floor, write a function of a `Scene` that returns a `Usage`, and put it into `FLOORS`.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from modelsync_jupyter.core.units import parse_size
from tests.harness.models import Entry

from .measure import Usage, middle, run
from .scenarios import FAR
from .scene import OURS, SMALL, STOCK, Scene, open_scene

#: Connections of bare clients: more of them move no more bytes over a loopback.
THREADS = ("--threads", "4")

Floor = Callable[[Scene], Usage]


def start(code: str, scene: Scene) -> Usage:
    """Start Python, do little, and end."""
    return run((sys.executable, "-c", code), os.environ)


#: By what they are floors of: ours comes last in each.
FLOORS: Mapping[str, Mapping[str, Floor]] = {
    "push": {
        "bare sockets": lambda scene: scene.bare_push(*THREADS),
        "and digests": lambda scene: scene.bare_push(*THREADS, "--digest"),
        "curl -T": Scene.curl_push,
        "bentoml": lambda scene: scene.push(STOCK),
        "modelsync": lambda scene: scene.push(OURS),
    },
    "pull": {
        "bare sockets": lambda scene: scene.bare_pull(*THREADS),
        "and digests": lambda scene: scene.bare_pull(*THREADS, "--digest"),
        "and the disk": lambda scene: scene.bare_pull(*THREADS, "--digest", keep=True),
        "curl -o": Scene.curl_pull,
        "cp -r": Scene.copy,
        "bentoml": lambda scene: scene.pull(STOCK),
        "modelsync": lambda scene: scene.pull(OURS),
    },
    "push far": {  # ours sends a gigabyte in three requests of each thread, so that an interruption loses little
        "one request": lambda scene: scene.bare_push_far(FAR, "--requests", "1"),
        "three": lambda scene: scene.bare_push_far(FAR, "--requests", "3"),
        "and digests": lambda scene: scene.bare_push_far(FAR, "--requests", "3", "--digest"),
        "modelsync": lambda scene: scene.push_far(OURS, FAR),
    },
    "pull far": {
        "one request": lambda scene: scene.bare_pull_far(FAR, "--requests", "1"),
        "two": lambda scene: scene.bare_pull_far(FAR, "--requests", "2"),
        "and digests": lambda scene: scene.bare_pull_far(FAR, "--requests", "2", "--digest"),
        "and the disk": lambda scene: scene.bare_pull_far(FAR, "--requests", "2", "--digest", keep=True),
        "modelsync": lambda scene: scene.pull_far(OURS, FAR),
    },
    "push again": {
        "python": partial(start, "pass"),
        "and requests": partial(start, "import requests"),
        "modelsync": lambda scene: scene.again(OURS)[0],
    },
    "pull again": {
        "python": partial(start, "pass"),
        "and yaml": partial(start, "import yaml"),
        "modelsync": lambda scene: scene.again(OURS)[1],
    },
}

#: The same for a model of `MANY` small files.
FLOORS_OF_MANY: Mapping[str, Mapping[str, Floor]] = {
    "push small": {
        "and yaml": partial(start, "import requests, yaml"),
        "bare reads": Scene.read,
        "tar c": Scene.tar,
        "modelsync": lambda scene: scene.push(OURS),
    },
    "pull small": {
        "cp -r": Scene.copy,
        "modelsync": lambda scene: scene.pull(OURS),
    },
}
MANY: Mapping[str, Entry] = {f"d{i // 500:03}/f{i:05}.bin": 1000 + i % 48 for i in range(10_000)}

Results = dict[tuple[str, str], list[Usage]]

#: Bytes that a process of ours may have resident at its peak, whatever it moves.
MOST_MEMORY = 150_000_000


@dataclass(frozen=True)
class Target:
    """What ours is to reach.

    Args:
        subject: Whose rows of the table it is about.
        most: The most that ours may take: times as long as `against`, or seconds, or whatever `unit` says.
        against: Name of a row that ours is compared with within each round; "" for a target that stands by itself.
        floor: Name of the row that tells whether it can be reached at all.
        unit: "x" of another row's time, "s", "cpu s/GB", or "x of the line's time".
    """

    subject: str
    most: float
    against: str
    floor: str
    unit: str = "x"

    def taken(self, name: str, results: Results, size: int) -> float:
        """Return what a row takes, in the target's unit."""
        usages = results[self.subject, name]
        if self.against:
            others = results[self.subject, self.against]
            return median(one.wall / other.wall for one, other in zip(usages, others, strict=False))
        u = middle(usages)
        numbers = {"s": u.wall, "cpu s/GB": u.cpu / size * 1e9, "x of the line's time": u.wall * FAR.ideal / size}
        return numbers[self.unit]


TARGETS = (
    Target("push", 1 / 7, "bentoml", "and digests"),
    Target("push", 1.15, "curl -T", "and digests"),
    Target("push", 0.5, "", "and digests", "cpu s/GB"),
    Target("pull", 1 / 10, "bentoml", "and the disk"),
    Target("pull", 1.0, "curl -o", "and the disk"),
    Target("push far", 1 / 0.9, "", "three", "x of the line's time"),
    Target("push far", 0.6, "", "and digests", "cpu s/GB"),
    Target("pull far", 1 / 0.9, "", "two", "x of the line's time"),
    Target("pull far", 0.6, "", "and the disk", "cpu s/GB"),
    Target("push again", 0.15, "", "and requests", "s"),
    Target("pull again", 0.15, "", "and yaml", "s"),
    Target("push small", 1.5, "tar c", "bare reads"),
    Target("pull small", 1.5, "cp -r", "cp -r"),
)


def verdicts(results: Results, size: int) -> Iterator[str]:
    """Yield a line for each target of which all was measured, and one for the memory of all our processes."""
    for target in TARGETS:
        rows = {(target.subject, name) for name in ("modelsync", target.floor, target.against or "modelsync")}
        if rows <= results.keys():
            ours, floor = (target.taken(name, results, size) for name in ("modelsync", target.floor))
            wanted = (
                f"{target.subject}, at most {target.most:.2f} {target.unit}{target.against and f' {target.against}'}"
            )
            said = "reached" if ours <= target.most else "not reached"
            hopeless = "" if ours <= target.most or floor <= target.most else ", which is too much as well"
            yield f"{wanted:48} {ours:5.2f}, {said}; `{target.floor}` takes {floor:.2f}{hopeless}"
    peaks = {subject: middle(usages).rss for (subject, name), usages in results.items() if name == "modelsync"}
    for subject, peak in peaks.items():
        wanted = f"{subject}, at most {MOST_MEMORY / 1e6:.0f} MB"
        yield f"{wanted:48} {peak / 1e6:5.0f}, {'reached' if peak <= MOST_MEMORY else 'not reached'}"


def is_small(results: Results) -> bool:
    """Return whether none of our processes took more memory than it may."""
    return all(each.rss <= MOST_MEMORY for (_, name), some in results.items() if name == "modelsync" for each in some)


def table(results: Results, size: int) -> str:
    """Return medians as text: seconds, ours beside each, processor seconds, these for each GB, and peaks of memory."""
    lines = [f"{'':12} {'':14} {'wall s':>7} {'ours is':>8} {'cpu s':>6} {'cpu s/GB':>9} {'rss MB':>7}"]
    for (subject, name), usages in results.items():
        ours = results.get((subject, "modelsync"), [])
        times = [mine.wall / theirs.wall for mine, theirs in zip(ours, usages, strict=False)]
        ratio = f"{median(times):7.2f}x" if times else ""
        u = middle(usages)
        each = "" if "again" in subject or "small" in subject else f"{u.cpu / size * 1e9:.2f}"
        lines.append(f"{subject:12} {name:14} {u.wall:7.3f} {ratio:>8} {u.cpu:6.3f} {each:>9} {u.rss / 1e6:7.0f}")
    return "\n".join(lines)


def main() -> int:
    """Run the rounds and print the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=parse_size, default=1 << 30, help="bytes of the model's big file (1GiB)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds over all floors (5)")
    parser.add_argument("--only", default="", help="what to run: a regular expression for `push bare sockets` and such")
    parser.add_argument("--folder", type=Path, help="where to work: a disk, not tmpfs (the system's temporary folder)")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # where it is set, each client would compile its libraries anew
    results: Results = {}
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder) as folder:
        for name, size, small, floors in (("big", options.size, SMALL, FLOORS), ("many", 0, MANY, FLOORS_OF_MANY)):
            chosen = [
                (subject, each, floor)
                for subject, some in floors.items()
                for each, floor in some.items()
                if re.search(options.only, f"{subject} {each}")
            ]
            place = Path(folder, name)
            place.mkdir()
            if chosen:
                with open_scene(place, size, "sink", OURS, small) as scene:
                    for _ in range(options.rounds):
                        for subject, each, floor in chosen:
                            os.sync()
                            results.setdefault((subject, each), []).append(floor(scene))
    print(f"{options.size} bytes, medians of {options.rounds} rounds, load {os.getloadavg()[0]:.1f}\n")
    print(table(results, options.size), *verdicts(results, options.size), sep="\n")
    return int(not is_small(results))


if __name__ == "__main__":
    sys.exit(main())
