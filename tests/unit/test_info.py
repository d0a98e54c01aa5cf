"""model.yaml: what is taken, what is refused, and that BentoML's form comes out."""

from __future__ import annotations

import os
import time
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest
import yaml

from modelsync_jupyter.core.errors import InvalidModel, UsageError
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.info import ModelInfo
from modelsync_jupyter.model_yaml import info_yaml, parse_info
from modelsync_jupyter.store.model import Model
from tests.harness.models import CREATED, make_model

GOOD = {"name": "m", "version": "v1", "creation_time": "2024-05-17T09:30:12.345678+00:00"}


def parsed(data: object) -> ModelInfo:
    return parse_info(yaml.safe_dump(data).encode())


def test_only_three_facts_are_needed() -> None:
    info = parsed(GOOD)
    assert (info.tag, info.creation_time, info.api_version) == (Tag("m", "v1"), CREATED, "v1")
    assert (info.module, info.labels, info.metadata, info.signatures) == ("", {}, {}, {})


@pytest.mark.parametrize("missing", ["name", "version", "creation_time"])
def test_each_of_them_must_be_there(missing: str) -> None:
    with pytest.raises(InvalidModel):
        parsed({key: value for key, value in GOOD.items() if key != missing})
    with pytest.raises(InvalidModel):
        parsed({**GOOD, missing: None})


@pytest.mark.parametrize(
    "bad",
    [
        *(None, [], "text", 5, {"name": ["m"]}, {"name": "../m"}, {"name": "m:v1"}, {"version": "latest"}),
        *({"version": "a:b"}, {"version": True}, {"version": 1.5}, {"creation_time": "yesterday"}),
        *({"creation_time": 5}, {"labels": ["a"]}, {"metadata": "text"}, {"context": [1]}, {"signatures": "f"}),
    ],
)
def test_what_cannot_be_is_refused(bad: object) -> None:
    with pytest.raises(InvalidModel):
        parsed({**GOOD, **bad} if isinstance(bad, dict) else bad)


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("2024-05-17T09:30:12Z", datetime(2024, 5, 17, 9, 30, 12, tzinfo=timezone.utc)),
        ("2024-05-17 09:30:12", datetime(2024, 5, 17, 9, 30, 12, tzinfo=timezone.utc)),
        (datetime(2024, 5, 17), datetime(2024, 5, 17, tzinfo=timezone.utc)),
        (date(2024, 5, 17), datetime(2024, 5, 17, tzinfo=timezone.utc)),
        ("2024-05-17T09:30:12+02:00", datetime(2024, 5, 17, 7, 30, 12, tzinfo=timezone.utc)),
    ],
)
def test_times_have_a_zone_and_are_utc_without_one(value: object, meant: datetime) -> None:
    time = parsed({**GOOD, "creation_time": value}).creation_time
    assert (time, time.utcoffset() is not None) == (meant, True)


def test_a_number_as_version_is_its_text() -> None:
    assert parsed({**GOOD, "version": 20240517}).tag == Tag("m", "20240517")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    zone = timezone(timedelta(hours=-3))
    info = ModelInfo(
        Tag("m", "1.0"),
        datetime(2024, 1, 2, 3, 4, 5, 6, zone),
        module="bentoml.sklearn",
        labels={"größe": "0123", "on": "yes"},
        metadata={"acc": 0.5, "steps": [1, None, True], "nested": {"é": "null"}},
        options={"a": 1},
        context={"framework_name": "sklearn", "framework_versions": {"scikit-learn": "1.4"}},
        signatures={"predict": {"batchable": True}},
    )
    (tmp_path / "model.yaml").write_text(info_yaml(info), encoding="utf-8")
    assert Model.load(tmp_path).info == info


def test_what_would_be_too_large_is_not_written() -> None:
    with pytest.raises(UsageError, match="are allowed"):
        info_yaml(ModelInfo(Tag("m", "v1"), CREATED, metadata={"a": "x" * MILLION}))


def test_keys_are_in_the_order_in_which_bentoml_writes_them(tmp_path: Path) -> None:
    theirs = yaml.safe_load((make_model(tmp_path, "m:v1", {}) / "model.yaml").read_text())
    assert list(parsed(theirs).to_dict()) == list(theirs)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[1, 2",
        b"name: m\nversion: v1\ncreation_time: 2024-13-45\n",
        b"creation_time: 0000-01-01\n",
        b"a: !!python/object/apply:os.system ['true']\n",
        b"a: !!int 'x'\n",
        b"a: !!binary '*'\n",
        b"? [1]\n: 2\n",
        b"a: &a [*a, *a]\n",
        b"name: \0\n",
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b"? " * 100_000,
    ],
)
def test_a_broken_file_is_one_clear_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_bytes(content)
    with pytest.raises(InvalidModel):
        Model.load(tmp_path)


def test_aliases_may_repeat_but_not_explode(tmp_path: Path) -> None:
    facts = "name: m\nversion: v1\ncreation_time: '2024-01-01'\n"
    laughs = "".join(f"  a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 9)}]\n" for i in range(9))
    for metadata in ("metadata: &a {x: *a}", "metadata: {x: &a [*a]}", f"metadata:\n  a0: &a0 [lol]\n{laughs}"):
        (tmp_path / "model.yaml").write_text(facts + metadata)
        with pytest.raises(InvalidModel, match="50 levels"):
            Model.load(tmp_path)
    (tmp_path / "model.yaml").write_text(facts + "labels: &a {x: y}\nmetadata: {one: *a, two: *a}")
    assert Model.load(tmp_path).info.metadata == {"one": {"x": "y"}, "two": {"x": "y"}}


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidModel, match=r"holds no `model\.yaml`"):
        Model.load(tmp_path)
    (tmp_path / "model.yaml").mkdir()
    with pytest.raises(InvalidModel, match="cannot be read"):
        Model.load(tmp_path)


FACTS = b"name: m\nversion: v1\ncreation_time: '2024-01-01'\nmetadata: "
MILLION = 1 << 20
#: Each line merges the one before it seven times.
MERGES = b"\n  a0: &a0 {x: 1}\n" + b"".join(
    b"  a%d: &a%d {? !!merge q : [%s]}\n" % (number, number, b",".join([b"*a%d" % (number - 1)] * 7))
    for number in range(1, 14)
)


@pytest.mark.parametrize(
    "metadata",
    [
        b"{a: !!int 1" + b":1" * (MILLION // 2 - 100) + b"}",
        b"{a: !!float 1" + b":1" * (MILLION // 2 - 100) + b".5}",
        b"{a: " + b"1" * (MILLION - 100) + b"}",
        b"{a: 0x" + b"f" * (MILLION - 100) + b"}",
        MERGES,
        b"{}\n...\n" + b"".join(b"%%TAG !a%d! b\n" % i for i in range(60_000)) + b"--- {}",
        b"[" + b"1," * (MILLION // 2 - 100) + b"]",
    ],
    ids=["int of base 60", "float of base 60", "decimal", "hexadecimal", "merge keys", "directives", "values"],
)
def test_a_file_of_one_megabyte_is_refused_in_little_time(metadata: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_bytes(FACTS + metadata)
    started = time.thread_time()
    with pytest.raises(InvalidModel):
        Model.load(tmp_path)
    assert time.thread_time() - started < 10  # each took minutes, or for ever


def test_what_looks_like_a_number_of_base_60_is_text(tmp_path: Path) -> None:
    text = b"{a: 1:30:00, b: 1:30.5, c: 12, d: 1.5, e: 0x1f, f: 1_000, g: -1.0e+3, h: <<, i: =, j: {<<: {x: 1}}}"
    (tmp_path / "model.yaml").write_bytes(FACTS + text)
    assert Model.load(tmp_path).info.metadata == {
        **{"a": "1:30:00", "b": "1:30.5", "c": 12, "d": 1.5, "e": 31, "f": 1000, "g": -1000.0, "h": "<<", "i": "="},
        "j": {"<<": {"x": 1}},
    }


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_bytes(FACTS + b"{}\n#")
    os.truncate(tmp_path / "model.yaml", MILLION + 1)
    with pytest.raises(InvalidModel, match="Larger"):
        Model.load(tmp_path)
