"""The README's table and plot, from what `compare --json` measured.

python -m tests.benchmarks.report FILE [--svg FILE]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from xml.sax.saxutils import escape

from .measure import Usage

Key = tuple[str, str, str]
Results = dict[Key, list[Usage]]
OURS = "modelsync"
#: What is shown of the bars: their height and distance, the widths of names and of the longest bar.
_ROW, _GAP, _NAMES, _BARS = 16, 8, 130, 330


def times(results: Results) -> dict[Key, float]:
    """Return how many times as long as ours each tool took: the median of the rounds."""
    found: dict[Key, float] = {}
    for (name, direction, tool), usages in results.items():
        if ours := results.get((name, direction, OURS)):
            pairs = zip(usages, ours, strict=False)
            found[name, direction, tool] = median(theirs.wall / mine.wall for theirs, mine in pairs)
    return found


def table(costs: Mapping[Key, Usage], compared: Mapping[Key, float], size: int) -> str:
    """Return a Markdown table.

    Args:
        costs: Medians by scenario, direction and tool.
        compared: As `times` gives it.
        size: Bytes of the big file.
    """
    lines = [
        "| | | s | times ours | CPU s/GB | own MB | disk MB | wire MB |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, direction in dict.fromkeys(key[:2] for key in costs):
        group = {key[2]: usage for key, usage in costs.items() if key[:2] == (name, direction)}
        for tool, u in sorted(group.items(), key=lambda item: (item[0] != OURS, item[1].wall)):
            title = f"{name}, {direction}" if tool == OURS else ""
            ratio = compared.get((name, direction, tool))
            cpu = f"{u.cpu:.2f} s" if name in ("small files", "unchanged") else f"{u.cpu / size * 1e9:.2f}"
            numbers = f"{u.wall:.2f} | {f'{ratio:.2f}' if ratio else ''} | {cpu}"
            lines.append(f"| {title} | {tool} | {numbers} | {_mb(u.anon)} | {_mb(u.written)} | {_mb(u.wire)} |")
    return "\n".join(lines)


def _mb(size: float) -> str:
    return f"{size / 1e6:.0f}"


def plot(costs: Mapping[Key, Usage]) -> str:
    """Return an SVG: a bar for each tool, as long as it took beside the slowest of its scenario and direction."""
    parts: list[str] = []
    y = 0
    for name, direction in dict.fromkeys(key[:2] for key in costs):
        group = {key[2]: usage for key, usage in costs.items() if key[:2] == (name, direction)}
        slowest = max(usage.wall for usage in group.values())
        y += _ROW + _GAP
        parts.append(f'<text class="title" x="0" y="{y}">{escape(f"{name}, {direction}")}</text>')
        for tool, usage in sorted(group.items(), key=lambda item: item[1].wall):
            y += _ROW + 2
            width = max(1.0, _BARS * usage.wall / slowest)
            kind = "ours" if tool == OURS else "other"
            parts.append(f'<text x="{_NAMES - 6}" y="{y}" text-anchor="end">{escape(tool)}</text>')
            parts.append(f'<rect class="{kind}" x="{_NAMES}" y="{y - 11}" width="{width:.1f}" height="13" rx="2"/>')
            parts.append(f'<text x="{_NAMES + width + 5:.1f}" y="{y}">{usage.wall:.2f} s</text>')
    style = (
        "text{font:12px sans-serif;fill:#444}.title{font-weight:bold}.ours{fill:#2563eb}.other{fill:#b6bfca}"
        "@media (prefers-color-scheme:dark){text{fill:#ccc}.other{fill:#6b7480}}"
    )
    width, height = _NAMES + _BARS + 60, y + _GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    return "\n".join([head, f"<style>{style}</style>", *parts, "</svg>", ""])


def main() -> None:
    """Print the table; write the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measured", type=Path)
    parser.add_argument("--svg", type=Path)
    options = parser.parse_args()
    data = json.loads(options.measured.read_text())
    names = Usage.__dataclass_fields__
    costs = {
        (row["scenario"], row["direction"], row["tool"]): Usage(**{name: row[name] for name in names})
        for row in data["rows"]
    }
    machine = data["machine"]
    print(
        f"{machine['processors']} processors, {machine['memory'] / 2**30:.0f} GiB; the big file has "
        f"{data['size'] / 2**30:.2f} GiB, there are {data['files']:,} small ones.\n"
    )
    compared = {
        (row["scenario"], row["direction"], row["tool"]): row["times"]
        for row in data["rows"]
        if row["times"] is not None
    }
    print(table(costs, compared, data["size"]))
    if options.svg:
        options.svg.write_text(plot(costs))


if __name__ == "__main__":
    main()
