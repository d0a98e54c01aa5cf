"""Times of many versions are kept, and believed only as long as the folders are those that were read."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.store import model
from modelsync_jupyter.store.local import LocalStore
from tests.harness.models import CREATED, make_model


def make(home: Path, version: str, day: int) -> Path:
    return make_model(home, f"m:{version}", {}, created=CREATED + timedelta(days=day), latest=False)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Folders of which the time was read, since it was last cleared."""
    found: list[str] = []
    real = model.read_creation_time
    monkeypatch.setattr(model, "read_creation_time", lambda folder, tag: found.append(folder) or real(folder, tag))
    monkeypatch.setattr(model, "FEW", 2)
    return found


@pytest.fixture
def home(tmp_path: Path, read: list[str]) -> Path:
    """A home whose times are kept."""
    home = tmp_path / "home"
    for number in range(9):
        make(home, f"v{number}", number)
    assert first(home) == ["v8", "v7", "v6"]
    assert (home / ".modelsync/times.json").exists()
    assert len(read) >= 9
    read.clear()
    return home


def first(home: Path, **asked: object) -> list[str]:
    """The first three of a list."""
    return [str(model.tag.version) for model in LocalStore(Home(home)).models(limit=3, **asked)]  # type: ignore[arg-type]


def test_the_second_time_no_time_is_read(home: Path, read: list[str]) -> None:
    assert first(home) == ["v8", "v7", "v6"]
    assert first(home, matches=lambda tag: tag.version != "v7") == ["v8", "v6", "v5"]
    assert LocalStore(Home(home)).models(limit=2, start=8).total == 9
    assert read == []


def _replace(home: Path) -> None:
    shutil.rmtree(home / "models/m/v3")
    make(home, "v3", 30)


def _exchange(home: Path) -> None:
    make(home, "other", 30).rename(home / "aside")
    yaml = home / "aside/model.yaml"
    yaml.write_text(yaml.read_text().replace("version: other", "version: v3"))
    (home / "models/m/v3").rename(home / "old")
    (home / "aside").rename(home / "models/m/v3")


def _all_anew(home: Path) -> None:
    make_model(home / "b", "m:v3", {}, created=CREATED + timedelta(days=30))
    shutil.rmtree(home / "models/m")
    (home / "b/models/m").rename(home / "models/m")


CHANGES: list[tuple[Callable[[Path], object], list[str]]] = [
    (lambda home: make(home, "new", 30), ["new", "v8", "v7"]),
    (lambda home: shutil.rmtree(home / "models/m/v8"), ["v7", "v6", "v5"]),
    (lambda home: (home / "models/m/v8").rename(home / "gone"), ["v7", "v6", "v5"]),
    (lambda home: (home / "models/m/v8/model.yaml").unlink(), ["v7", "v6", "v5"]),
    (_replace, ["v3", "v8", "v7"]),
    (_exchange, ["v3", "v8", "v7"]),
    (_all_anew, ["v3"]),
]


@pytest.mark.parametrize(("change", "expected"), CHANGES)
def test_what_comes_goes_or_is_replaced_shows(
    change: Callable[[Path], object], expected: list[str], home: Path
) -> None:
    change(home)
    assert first(home) == expected
    assert first(home) == expected


def test_a_change_right_after_a_list_shows(home: Path) -> None:
    """However short a tick of the clock is: nothing is kept before the clock has passed the last change."""
    for day in range(10, 40):
        shutil.rmtree(home / "models/m/v3")
        make(home, "v3", day)
        assert first(home)[0] == "v3"
        shutil.rmtree(home / "models/m/v3")
        make(home, "v3", 0)
        assert first(home)[0] == "v8"


def test_a_version_elsewhere_is_read_each_time(home: Path, tmp_path: Path, read: list[str]) -> None:
    there = make_model(tmp_path / "elsewhere", "m:linked", {}, created=CREATED + timedelta(days=50))
    (home / "models/m/linked").symlink_to(there)
    assert first(home)[0] == "linked"
    first(home)
    read.clear()
    yaml = there / "model.yaml"
    yaml.write_text(yaml.read_text().replace("2024", "1999"))
    assert first(home)[0] == "v8"
    assert [Path(folder).name for folder in read] == ["linked"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.write_text(""),
        lambda file: file.write_text('{"form": "times-1", "names": {"m": [1]}}'),
        lambda file: file.write_text(file.read_text().replace("2024", "20x4")),
        lambda file: file.chmod(0o666),
        lambda file: file.symlink_to(file.rename(file.with_name("moved"))),
        lambda file: (file.unlink(), file.mkdir()),
    ],
)
def test_a_file_that_is_broken_or_others_could_have_written_is_not_believed(
    spoil: Callable[[Path], object], home: Path, read: list[str]
) -> None:
    spoil(home / ".modelsync/times.json")
    assert first(home) == ["v8", "v7", "v6"]
    assert len(read) >= 9


def test_a_time_that_was_edited_in_place_shows_where_the_version_does(home: Path) -> None:
    yaml = home / "models/m/v8/model.yaml"
    yaml.write_text(yaml.read_text().replace("2024", "1999"))
    assert first(home) == ["v7", "v6", "v5"]


def test_names_that_are_gone_are_forgotten(home: Path) -> None:
    for number in range(4):
        make_model(home, f"n:v{number}", {})
    first(home)
    shutil.rmtree(home / "models/m")
    for number in range(4, 8):
        make_model(home, f"n:v{number}", {})
    first(home)
    assert '"m"' not in (home / ".modelsync/times.json").read_text()
