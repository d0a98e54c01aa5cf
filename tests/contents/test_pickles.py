"""What a pickle would import is told, and nothing of it is done."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import subprocess
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from modelsync_jupyter.contents.judging import DANGEROUS, KNOWN, UNKNOWN, judge
from modelsync_jupyter.contents.pickles import NotAPickle, read_pickle


class Runs:
    """Runs a program when it is loaded."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("call", [(os.system, ("touch ran",)), (eval, ("1",)), (subprocess.getoutput, ("touch ran",))])
def test_a_program_is_told_and_not_run(protocol: int, call: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (name,) = read_pickle(pickle.dumps([1, Runs(*call), {"a": 2}], protocol)).imports
    assert judge(name) == DANGEROUS
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("compress", [0, 3, *(((kind, 3)) for kind in ("gzip", "bz2", "lzma", "xz"))])
def test_what_scikit_learn_saves_is_known(compress: Any) -> None:
    from sklearn.ensemble import RandomForestClassifier  # not at the top: each worker of the tests would take a second

    data = io.BytesIO()
    joblib.dump(RandomForestClassifier(2).fit(np.eye(4), [0, 1, 0, 1]), data, compress=compress)
    found = read_pickle(data.getvalue())
    assert "sklearn.ensemble._forest.RandomForestClassifier" in found.imports
    assert {judge(name) for name in found.imports} == {KNOWN}
    assert not found.problem


def test_a_program_behind_what_looks_like_an_array_is_told() -> None:
    """joblib passes over the bytes of an array; whoever loads the file with pickle runs them."""
    wrapper = b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)R}(V" + b"dtype\ncnumpy\ndtype\n(Vu1\ntRVshape\n(I20\ntub"
    program = b"0cos\nsystem\n(Vx\ntR."
    hidden = b"\x80\x02" + wrapper + program.ljust(20, b"\0") + b"N."
    assert "os.system" in read_pickle(hidden).imports


def test_a_few_bytes_cannot_take_forever() -> None:
    """A list that is twice in the next, 64 times; arrays of sizes that take forever to multiply, or in each other."""
    lists = b"]" + b"".join(b"q%c](h%ch%ce" % (n, n, n) for n in range(64))
    tuples = b")" + b"".join(b"q%ch%ch%c\x86" % (n, n, n) for n in range(64))
    wrapper = b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)R}"
    number = b"\x8b" + (1 << 20).to_bytes(4, "little") + b"\x7f" * (1 << 20)
    program = b"cos\nsystem\n0"
    for data in (
        lists + b")R}b",
        wrapper + tuples + b"K\1sb",
        wrapper + b"(Vdtype\ncnumpy\ndtype\n(Vf8\ntRVshape\n(" + number * 32 + b"tub",
        (wrapper + b"(Vdtype\ncnumpy\ndtype\n(VO\ntRub") * 2000,
    ):
        found = read_pickle(b"\x80\x02" + program + data + b".")
        assert "os.system" in found.imports
        assert len(repr(found)) < 1000


def test_several_pickles_in_one_file_are_all_read() -> None:
    assert read_pickle(pickle.dumps(1) + pickle.dumps(Runs(os.system, ("x",)))).imports == ("posix.system",)


def test_one_that_breaks_off_is_told_as_far_as_it_goes() -> None:
    data = pickle.dumps([Runs(os.system, ("x",)), "text" * 100])
    found = read_pickle(data[: len(data) // 4])
    assert found.imports == ("posix.system",)
    assert found.problem


@pytest.mark.parametrize("data", [b"", b"hello world", gzip.compress(b"hello", mtime=0), b"\x80\x04\xff\xff"])
def test_other_bytes_are_no_pickle(data: bytes) -> None:
    with pytest.raises(NotAPickle):
        read_pickle(data)


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("builtins.eval", DANGEROUS),
        ("builtins.set", KNOWN),
        ("torch.hub.load", DANGEROUS),
        ("torch._utils._rebuild_tensor_v2", KNOWN),
        ("my_package.Model", UNKNOWN),
        ("?.?", UNKNOWN),
        ("operator.attrgetter", DANGEROUS),
    ],
)
def test_names_are_judged(name: str, verdict: str) -> None:
    assert judge(name) == verdict
