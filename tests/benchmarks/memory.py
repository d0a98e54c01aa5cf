"""Peak memory of our push and pull: RssAnon + RssShmem of /proc/PID/status every 2 ms. Exits with 1 above the limit.

Mapped file pages are not counted. Both ways of transfer are run: presigned parts on all threads, and one stream.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from modelsync_jupyter.core.units import parse_size

from .measure import Usage
from .scene import OURS, open_scene


def measure(folder: Path, size: int, threads: int) -> dict[str, Usage]:
    """Run every way of transfer once."""
    with open_scene(folder, size, "sink", OURS) as scene:
        scene.every = 0.002
        more = ("--threads", str(threads))
        results = {"push, parts": scene.push(OURS, *more), "pull, parts": scene.pull(OURS, "", *more)}
        results["push, one stream"], results["pull, one stream"] = scene.through_proxy_strategy(OURS, *more)
    return results


def main() -> int:
    """Measure and compare with the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=parse_size, default=1 << 30, help="bytes of the model's big file (1GiB)")
    parser.add_argument("--threads", type=int, default=10)
    parser.add_argument("--limit", type=int, default=150, help="megabytes (150)")
    parser.add_argument("--folder", type=Path, help="where to work (the system's temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="memory-", dir=options.folder) as folder:
        results = measure(Path(folder), options.size, options.threads)
    print(f"{options.size} bytes, {options.threads} threads, limit {options.limit} MB")
    for name, usage in results.items():
        print(f"{name:20} own {usage.anon / 1e6:5.0f} MB   rss {usage.rss / 1e6:5.0f} MB   {usage.wall:6.2f} s")
    return int(max(usage.anon for usage in results.values()) > options.limit * 1e6)


if __name__ == "__main__":
    sys.exit(main())
