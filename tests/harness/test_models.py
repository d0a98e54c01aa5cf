"""Models made for tests are models to `bentoml`, and `differences` sees what differs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from . import zygote
from .models import ODD_FILES, Entry, Folder, Link, differences, make_model
from .processes import environment


def test_bentoml_reads_what_we_make(tmp_path: Path) -> None:
    make_model(tmp_path, "m:v1", size=10_000, labels={"a": "b"}, metadata={"deep": {"list": [1, 2.5]}})
    code = "import bentoml; m = bentoml.models.get('m:latest'); print(m.tag, m.info.labels, m.info.metadata)"
    done = zygote.run("bentoml", ["-c", code], environment(tmp_path))
    assert done.stdout.strip() == "m:v1 {'a': 'b'} {'deep': {'list': [1, 2.5]}}"


def test_model_yaml_is_written_as_bentoml_writes_it(tmp_path: Path) -> None:
    code = "import bentoml\nwith bentoml.models.create('m:v1'): pass"
    assert zygote.run("bentoml", ["-c", code], environment(tmp_path / "real")).returncode == 0
    real = yaml.safe_load((tmp_path / "real/models/m/v1/model.yaml").read_text())
    ours = yaml.safe_load((make_model(tmp_path / "ours", "m:v1", {}) / "model.yaml").read_text())
    assert list(ours) == list(real)
    assert [type(value) for value in ours.values()] == [type(value) for value in real.values()]


def test_the_same_tag_has_the_same_bytes(tmp_path: Path) -> None:
    one = make_model(tmp_path / "1", "m:v1", ODD_FILES)
    two = make_model(tmp_path / "2", "m:v1", ODD_FILES)
    assert differences(one, two) == []
    other = make_model(tmp_path / "1", "m:v2", ODD_FILES)
    assert "weights/w.bin: bytes differ" in differences(one, other)


def test_no_two_pages_of_a_big_file_are_alike(tmp_path: Path) -> None:
    data = (make_model(tmp_path, "m:v1", size=(3 << 20) + 100) / "weights.bin").read_bytes()
    assert len(data) == (3 << 20) + 100
    pages = {data[start : start + 4096] for start in range(0, len(data), 4096)}
    assert len(pages) == 3 * 256 + 1


def _replace(path: Path, entry: bytes | Link) -> None:
    path.unlink()
    path.write_bytes(entry) if isinstance(entry, bytes) else path.symlink_to(entry.target)


CHANGES: dict[str, Callable[[Path], object]] = {
    "bytes": lambda model: (model / "file").write_bytes(b"124"),
    "mode": lambda model: (model / "file").chmod(0o755),
    "missing": lambda model: (model / "file").unlink(),
    "extra": lambda model: (model / "more").touch(),
    "kind": lambda model: _replace(model / "link", b"123"),
    "target": lambda model: _replace(model / "link", Link("other")),
    "folder": lambda model: (model / "folder").rmdir(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_any_change_is_seen(tmp_path: Path, change: Callable[[Path], object]) -> None:
    files: dict[str, Entry] = {"file": b"123", "link": Link("file"), "folder": Folder()}
    one, two = make_model(tmp_path / "1", "m:v1", files), make_model(tmp_path / "2", "m:v1", files)
    assert differences(one, two) == []
    change(two)
    assert differences(one, two)
    assert differences(two, one)
