"""What loading a file would run, told without running it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelsync_jupyter.contents.judging import DANGEROUS, KNOWN, UNKNOWN, judge
from modelsync_jupyter.contents.pickles import MAX_UNPACKED, PICKLED, NotAPickle, Reading, read_pickle
from modelsync_jupyter.contents.reader import FileReader
from modelsync_jupyter.contents.tensors import NoTensors, list_tensors, pickles_in_zip
from modelsync_jupyter.info import MODEL_YAML
from modelsync_jupyter.store.model import Model

_SAFE = {".safetensors": "safetensors", ".gguf": "gguf", ".onnx": "onnx", ".npy": "numpy", ".json": "json"}
_ZIPPED = {".pt", ".pth", ".bin", ".ckpt", ".npz", ".zip"}


@dataclass(frozen=True, slots=True)
class Scanned:
    """What loading a file would run.

    Args:
        path: The file, within the model.
        kind: "pickle", or the name of a format that runs nothing.
        verdict: "safe", "known", "unknown" or "dangerous": the worst of what it imports.
        imports: Every name that it imports.
        problem: Why it could not be read to its end, or "".
    """

    path: str
    kind: str
    verdict: str
    imports: tuple[str, ...] = ()
    problem: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON."""
        names = ("path", "kind", "verdict", "problem")
        return {name: getattr(self, name) for name in names} | {"imports": list(self.imports)}


def scan_model(model: Model) -> list[Scanned]:
    """Scan every file of a model that is loaded by running it, or that is known to run nothing."""
    files = sorted(each for each in model.path.rglob("*") if each.is_file() and not each.is_symlink())
    scanned = [scan_file(each, model.path) for each in files if each.name != MODEL_YAML]
    return [each for each in scanned if each.kind]


def scan_file(path: Path, folder: Path) -> Scanned:
    """Scan one file, by what is in it rather than by its name.

    Args:
        path: The file.
        folder: The model's folder.
    """
    name = path.relative_to(folder).as_posix()
    head = FileReader(path).read(0, 4)
    if head == b"PK\x03\x04":
        try:
            pickles = pickles_in_zip(FileReader(path))
        except NoTensors as error:
            return Scanned(name, "pickle", UNKNOWN, problem=str(error))
        return _judged(name, pickles) if pickles else Scanned(name, "zip", "safe")
    is_pickle = path.suffix == ".npy" and head != b"\x93NUM"  # as which NumPy loads what is no array
    if path.suffix in _SAFE and not is_pickle:
        return _scan_safe(name, path)
    if is_pickle or path.suffix in PICKLED | _ZIPPED or head[:1] == b"\x80":
        if path.stat().st_size > MAX_UNPACKED:
            return Scanned(name, "pickle", UNKNOWN, problem="it is larger than is scanned")
        found = _judged(name, {name: path.read_bytes()})
        is_other = path.suffix == ".bin" and found.problem and not found.imports  # PyTorch's name, and everybody's
        return Scanned(name, "", "safe") if is_other else found
    return Scanned(name, "", "safe")


def _scan_safe(name: str, path: Path) -> Scanned:
    kind = _SAFE[path.suffix]
    if kind == "numpy":
        try:
            if any("O" in each.dtype for each in list_tensors(path.name, FileReader(path))):  # their array is a pickle
                return Scanned(name, "pickle", UNKNOWN, problem="it holds Python objects")
        except NoTensors as error:
            return Scanned(name, "pickle", UNKNOWN, problem=str(error))
    return Scanned(name, kind, "safe")


def _judged(name: str, pickles: Mapping[str, bytes]) -> Scanned:
    readings: list[Reading] = []
    problem = ""
    for data in pickles.values():
        try:
            readings.append(read_pickle(data))
            problem = problem or readings[-1].problem
        except NotAPickle as error:
            problem = problem or str(error)
    imports = tuple(dict.fromkeys(each for reading in readings for each in reading.imports))
    verdicts = {judge(each) for each in imports} | ({UNKNOWN} if problem else set())
    worst = next((each for each in (DANGEROUS, UNKNOWN, KNOWN) if each in verdicts), "safe")
    return Scanned(name, "pickle", worst, imports, problem)
