"""What a model that Keras saved would import, told from its description without loading it."""

from __future__ import annotations

import json
import zipfile
import zlib
from typing import Any

from modelsync_jupyter.archive.borders import Reader, open_zip

from .judging import DANGEROUS, KNOWN, UNKNOWN, judge

CONFIG = "config.json"
#: Bytes of a description that are read at most.
_MAX_CONFIG = 64 << 20
#: What Keras calls functions in a description; and plain values, which it builds itself.
_FUNCTION, _PLAIN = "function", {"__tuple__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__"}
#: They hold the code of a function. Keras loads them only where its safe mode is switched off.
_CODE = {"Lambda", "__lambda__"}
#: Parts of Keras that models are made of; others, such as `keras.utils`, read files or reach the network.
_PARTS = "layers models activations initializers losses metrics optimizers regularizers constraints"
_USUAL = (
    *(f"{library}.{part}." for library in ("keras", "keras.src") for part in _PARTS.split()),
    *("keras.DTypePolicy", "keras.Sequential", "keras.Functional", "keras.Model"),
)


class NoConfig(ValueError):
    """The file has no description that can be read."""


def keras_names(reader: Reader) -> tuple[str, ...]:
    """Return the classes and functions that the description of a model names, as `module.name`.

    Raises:
        NoConfig: There is no description, or it is broken.
    """
    try:
        with open_zip(reader) as file, file.open(CONFIG) as member:
            data = member.read(_MAX_CONFIG + 1)
        if len(data) > _MAX_CONFIG:
            raise NoConfig(f"its {CONFIG} is too long")
        waiting = [json.loads(data)]
    except NoConfig:
        raise
    except (zipfile.BadZipFile, zlib.error, LookupError, ValueError, RuntimeError, OSError, EOFError) as error:
        raise NoConfig(f"its {CONFIG} cannot be read: {error}") from error
    names: dict[str, None] = {}
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if isinstance(item.get("class_name"), str) and item["class_name"] not in _PLAIN:
                names[_name(item)] = None
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
    return tuple(names)


def judge_keras(name: str) -> str:
    """Say what to think of a name in such a description, as `judge` does of an import."""
    if name.rpartition(".")[2] in _CODE:
        return DANGEROUS
    if name.startswith(_USUAL):
        return KNOWN
    return DANGEROUS if judge(name) == DANGEROUS else UNKNOWN


def _name(item: dict[str, Any]) -> str:
    name, module = item["class_name"], item.get("module")
    if name == _FUNCTION and isinstance(item.get("config"), str):
        name = item["config"]
    return f"{module}.{name}" if isinstance(module, str) and module else name
