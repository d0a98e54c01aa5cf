"""What stock BentoML exports we import, and the reverse, in each of its formats."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelsync_jupyter.client import Client
from tests.harness.models import Entry, differences, make_model

from .conftest import Person

FORMATS = ["bentomodel", "tar", "gz", "bz2", "xz", "zip", "folder"]

_EXPORT = """
import pathlib
place = pathlib.Path({place!r})
for format in {formats!r}:
    chosen = None if format == "bentomodel" else format
    print(bentoml.models.export_model("m:v1", str(place / f"{{format}}" / "m"), chosen))
"""
_IMPORT = """
import json, shutil
paths = json.loads({paths!r})
for format, path in paths.items():
    made = bentoml.models.import_model(path, None if format == "bentomodel" else format)
    print(made.tag)
    shutil.copytree(made.path, {place!r} + "/" + format)
    bentoml.models.delete("m:v1")
"""


@pytest.fixture
def model(tmp_path: Path) -> tuple[Path, Path]:
    """A home, and the folder of a model with all that every format of stock BentoML keeps."""
    files: dict[str, Entry] = {"weights.bin": 300_000, "sub/deep/a.json": b"{}", "sub/empty": b"", "ü.txt": b"\xc3\xbc"}
    return tmp_path / "ann", make_model(tmp_path / "ann", "m:v1", files)


def test_what_stock_bentoml_exports_we_import(model: tuple[Path, Path], tmp_path: Path) -> None:
    home, made = model
    for format in FORMATS:
        (tmp_path / format).mkdir()
    code = _EXPORT.format(place=str(tmp_path), formats=FORMATS)
    paths = dict(zip(FORMATS, Person(home, "").python(code).split(), strict=True))
    for format, path in paths.items():
        here = Client(tmp_path / f"bob-{format}")
        imported = here.import_model(path)
        assert differences(made, imported.path) == [], format
        assert here.digest(imported) == Client(home).digest(Client(home).get("m:v1"), hash=True)
        assert here.run_import(path).status == "skipped"


def test_what_we_export_stock_bentoml_imports(model: tuple[Path, Path], tmp_path: Path) -> None:
    home, made = model
    (tmp_path / "out").mkdir()
    paths = {}
    for format in FORMATS:
        outcome = Client(home).export_model(
            "m:v1", tmp_path / "out" / ("m" if format == "folder" else ""), format=format
        )
        paths[format] = outcome.path
    (tmp_path / "seen").mkdir()
    code = _IMPORT.format(paths=json.dumps(paths), place=str(tmp_path / "seen"))
    assert Person(tmp_path / "bob", "").python(code).split() == ["m:v1"] * len(FORMATS)
    for format in FORMATS:
        assert differences(made, tmp_path / "seen" / format) == [], format
