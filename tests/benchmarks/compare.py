"""Ours beside stock `bentoml` and what else moves files: what `make bench` runs, in less than ten minutes.

    python -m tests.benchmarks.compare [--size 1GiB] [--rounds 3] [--only WORDS] [--json FILE]

How it is measured. Every tool moves the same bytes to and from the same servers, as a whole process from start to exit,
interpreter included. Within a round the tools follow each other, so that a machine that grows slow is slow for all of
them. What is printed are medians over the rounds; how many times as long as ours a tool took is taken within each
round. Every pull goes into an empty place, and what came is compared byte by byte. Ours checks the digest of each part
and waits for the disk, as always; `curl`, `cp`, `tar` and the S3 tools do neither. The page cache holds what is pushed.
`tar c` writes into a file on the same disk.

Servers: an object host that forgets what is PUT and answers GETs from nginx, so that clients are measured and not
servers; one S3 server (JuiceFS's gateway); a host with 30 ms to the first byte and 90 MB/s for each connection, where a
client of bare sockets shows what the simulation carries on this machine. CPU is user and system time of the client's
process alone. `own` is memory of its own (RssAnon + RssShmem, sampled, the worst of all rounds), `disk` what it gave to
file systems to write, `wire` what all processes sent over the loopback meanwhile.

A run on a busy machine says little about seconds; ratios and CPU seconds hold better.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from time import monotonic

from modelsync_jupyter.core.units import parse_size

from .measure import Usage, middle
from .report import Results, table, times
from .scenarios import SCENARIOS, Bench


def run_rounds(bench: Bench, rounds: int, only: str, limit: float) -> Results:
    """Run each scenario once in every round, until the time is over; prints each cost as it comes."""
    results: Results = {}
    begun = monotonic()
    for number in range(rounds):
        if number and (monotonic() - begun) * (number + 1) / number > limit:
            print(f"no round {number + 1}: it would take longer than {limit:.0f} s", flush=True)
            break
        print(f"round {number + 1} of {rounds}, load {os.getloadavg()[0]:.1f}", flush=True)
        for name, scenario in SCENARIOS.items():
            if not re.search(only, name):
                continue
            for direction, tool, usage in scenario(bench):
                results.setdefault((name, direction, tool), []).append(usage)
                print(f"  {name:24} {direction} {tool:12} {usage.wall:6.2f} s  {usage.cpu:6.2f} s CPU", flush=True)
                os.sync()
    return results


def save(results: Results, path: Path, size: int, files: int) -> None:
    """Write medians as JSON, for `report`."""
    compared = times(results)
    rows = [
        {
            **{"scenario": key[0], "direction": key[1], "tool": key[2], "rounds": len(usages)},
            **{"times": compared.get(key), **asdict(middle(usages))},
        }
        for key, usages in results.items()
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    machine = {"processors": len(os.sched_getaffinity(0)), "memory": memory}
    path.write_text(json.dumps({"machine": machine, "size": size, "files": files, "rows": rows}, indent=1))


def main() -> None:
    """Run, print, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=parse_size, default=1 << 30, help="bytes of the big file (1GiB)")
    parser.add_argument("--files", type=int, default=10_000, help="how many small files (10000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds over all scenarios (3)")
    parser.add_argument("--limit", type=float, default=450, help="seconds after which no round begins (450)")
    parser.add_argument("--only", default="", help="scenarios to run: a regular expression")
    parser.add_argument("--json", type=Path, help="where to write the medians, for `tests.benchmarks.report`")
    parser.add_argument("--folder", type=Path, help="where to work: a disk, not tmpfs (the system's temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder) as folder, ExitStack() as stack:
        bench = Bench(Path(folder), options.size, options.files, stack)
        results = run_rounds(bench, options.rounds, options.only, options.limit)
    if options.json:
        save(results, options.json, options.size, options.files)
    costs: dict[tuple[str, str, str], Usage] = {key: middle(usages) for key, usages in results.items()}
    print("", table(costs, times(results), options.size), sep="\n")


if __name__ == "__main__":
    main()
