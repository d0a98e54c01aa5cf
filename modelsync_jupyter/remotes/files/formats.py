"""Formats of an export: BentoML's names for them, and Zstandard."""

from __future__ import annotations

from dataclasses import dataclass

from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.info import MODEL_YAML

from .codecs import CODECS, Codec
from .places import Place
from .urls import find_place


@dataclass(frozen=True)
class Format:
    """A format.

    Args:
        name: What `--format` calls it.
        suffix: How names of such files end.
        codec: What compresses the tar, or None.
    """

    name: str
    suffix: str
    codec: Codec | None = None


_BY_NAME = {codec.name: codec for codec in CODECS}
FORMATS = {
    each.name: each
    for each in (
        Format("bentomodel", ".bentomodel", _BY_NAME["xz"]),
        Format("tar", ".tar"),
        *(Format(codec.name, f".tar.{codec.name}", codec) for codec in CODECS),
        Format("zip", ".zip"),
        Format("folder", ""),
    )
}
_SUFFIXES = {"tgz": "gz", "tbz2": "bz2", "txz": "xz", "tzst": "zst"}


def choose_format(text: str, name: str | None, export_name: str) -> tuple[Format, Place]:
    """Decide how and where to export, as BentoML does: by the name of the file, and `.bentomodel` without one.

    Args:
        text: The path or URL that the user named: a file, or a folder to put the export into.
        name: The format, or None to guess it.
        export_name: What to call the export in a folder: `name-version`.

    Returns:
        The format, and the place of the export itself.

    Raises:
        UsageError: There is no such format.
    """
    if name is not None and name not in FORMATS:
        raise UsageError(f"There is no format `{name}`.", f"Use one of {', '.join(FORMATS)}.")
    place = find_place(text)
    inside = text.endswith("/") or place.is_root() or place.kind() == "folder"
    ending = place.name.rpartition(".")[2].lower()
    guessed = FORMATS.get(_SUFFIXES.get(ending, ending)) if not inside else None
    chosen = FORMATS[name] if name else guessed or FORMATS["bentomodel"]
    if chosen.name == "folder" and place.child(MODEL_YAML).kind():
        return chosen, place  # an export of earlier, to be compared or replaced
    if inside:
        return chosen, place.child(f"{export_name}{chosen.suffix}")
    if chosen.name == "bentomodel" and ending != "bentomodel":
        return chosen, place.beside(f"{place.name}{chosen.suffix}")
    return chosen, place
