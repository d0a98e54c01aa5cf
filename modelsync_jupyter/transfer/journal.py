"""Journal: what a transfer has safely done, a line for each part, so that the next attempt resumes there.

The first line says what the transfer is about; a journal about something else is begun anew. A line that a crash cut
short is ignored. A note about staged bytes is believed only when the bytes on disk still hash to it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from modelsync_jupyter.files import writable_or_skipped, write_text

Note = dict[str, Any]


class Journal:
    """Notes in a file of JSON lines; threads may add at the same time.

    Args:
        path: The file.
        about: What the transfer is about: JSON values that must be equal for the notes to count.
    """

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        self.path = path
        self.notes: list[Note] = []
        lines = _read(path)
        self.fresh = not lines or lines[0] != about
        kept = [dict(about)] if self.fresh else lines
        self.notes = kept[1:]
        self._file = -1
        with writable_or_skipped():
            write_text(path, "".join(map(_line, kept)), durable=False)
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)

    def add(self, **note: Any) -> None:
        """Note something done; in a home that is read-only it is remembered by nobody."""
        if self._file >= 0:
            os.write(self._file, _line(note).encode())

    def close(self) -> None:
        """Keep the notes for the next attempt. May be called twice: the file is closed once."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)

    def remove(self) -> None:
        """Forget the notes: all is done, or nothing counts any more."""
        self.close()
        self.path.unlink(missing_ok=True)


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"


def _read(path: Path) -> list[Note]:
    lines: list[Note] = []
    with suppress(OSError, ValueError, TypeError):
        for line in path.read_bytes().splitlines():
            lines.append(dict(json.loads(line)))
    return lines
