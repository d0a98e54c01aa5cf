"""Using models: loaded by their kind, looked into before, locked, and pulled when they are needed."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import joblib
import numpy as np
import pytest
from safetensors.numpy import save_file

from modelsync_jupyter.client import Client
from modelsync_jupyter.contents import pickles
from modelsync_jupyter.core.errors import (
    IntegrityError,
    InvalidModel,
    MissingDependency,
    ModelNotFound,
    NoContext,
    UnsafeModel,
    UsageError,
)

from .conftest import Make, Shell

Fill = Callable[[Path], Any]
pytestmark = pytest.mark.processes


class Own:
    """A class that no library has."""


class Runs:
    def __reduce__(self) -> Any:
        return os.system, ("touch ran",)


def save(home: Path, tag: str, fill: Fill, **options: Any) -> None:
    with Client(home).create(tag, **options) as draft:
        fill(draft.path)


@pytest.fixture(scope="module")
def fitted() -> Any:
    """A model of scikit-learn, which is not imported at the top: each worker of the tests would take a second."""
    from sklearn.linear_model import LinearRegression

    return LinearRegression().fit(np.arange(6.0).reshape(2, 3), [0, 1])


def test_each_kind_is_loaded_by_its_own_loader(home: Path, fitted: Any) -> None:
    client, array = Client(home), np.arange(6.0).reshape(2, 3)
    save(home, "st:v1", lambda path: save_file({"w": array}, path / "m.safetensors"))
    save(home, "npz:v1", lambda path: np.savez(path / "m.npz", w=array))
    save(home, "sk:v1", lambda path: joblib.dump(fitted, path / "m.joblib"))
    assert np.array_equal(client.load("st:v1")["w"], array)
    assert np.array_equal(client.load("npz:v1")["w"], array)
    assert client.load("sk").predict(array).shape == (2,)


def test_bentoml_loads_what_bentoml_saved(home: Path, fitted: Any) -> None:
    options = {"module": "bentoml.sklearn", "context": {"framework_name": "sklearn", "framework_versions": {}}}
    save(home, "bento:v1", lambda path: joblib.dump(fitted, path / "saved_model.pkl"), **options)
    code = "from modelsync_jupyter import load; print(load('bento:v1').coef_.shape)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "(3,)\n", done.stderr


def test_what_runs_a_program_is_refused_and_not_run(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(home, "bad:v1", lambda path: (path / "m.pkl").write_bytes(pickle.dumps(Runs())))
    with pytest.raises(UnsafeModel, match=r"posix\.system"):
        Client(home).load("bad:v1")
    assert not (tmp_path / "ran").exists()
    Client(home).load("bad:v1", trust=True)
    assert (tmp_path / "ran").exists()


def test_what_is_not_of_a_usual_library_is_warned_about(home: Path) -> None:
    save(home, "own:v1", lambda path: (path / "m.pkl").write_bytes(pickle.dumps(Own())))
    with pytest.warns(UserWarning, match=r"test_using\.Own"):
        assert isinstance(Client(home).load("own:v1"), Own)


def test_a_scan_marks_every_file_by_what_is_in_it(home: Path) -> None:
    def fill(path: Path) -> None:
        save_file({"w": np.ones(2)}, path / "a.safetensors")
        (path / "b.txt").write_bytes(pickle.dumps(Runs()))  # the name does not count
        np.save(path / "c.npy", np.array([Own()], dtype=object))
        np.savez(path / "d.npz", x=np.array([Runs()], dtype=object))
        (path / "e.md").write_text("hello")
        (path / "f.npy").write_bytes(pickle.dumps(Runs(), 0))  # which NumPy loads as a pickle
        (path / "g.npy").write_bytes(b"\x93NUMPY\1\0\x0a\0{'descr': ")
        (path / "h.json").write_bytes(pickle.dumps(Runs()))
        (path / "i.json").write_text("{}")
        (path / "j.pkl.gz").write_bytes(gzip.compress(pickle.dumps(Runs())))
        (path / "k.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
        (path / "l.py").write_text("import os")
        with ZipFile(path / "m.zip", "w") as file:  # as Stable Baselines has it: a pickle in JSON
            file.writestr("data", '{"policy_class": {":serialized:": "gAWV"}}')
        np.savez(path / "n.npz", w=np.ones(2))

    save(home, "many:v1", fill)
    found = {each.path: (each.kind, each.verdict) for each in Client(home).scan("many:v1")}
    assert found == {
        "a.safetensors": ("safetensors", "safe"),
        "b.txt": ("pickle", "dangerous"),
        "c.npy": ("pickle", "unknown"),
        "d.npz": ("pickle", "dangerous"),
        "f.npy": ("pickle", "dangerous"),
        "g.npy": ("pickle", "unknown"),
        "h.json": ("pickle", "dangerous"),
        "i.json": ("json", "safe"),
        "j.pkl.gz": ("pickle", "dangerous"),
        "k.h5": ("hdf5", "unknown"),
        "l.py": ("python", "unknown"),
        "m.zip": ("zip", "unknown"),
        "n.npz": ("numpy", "safe"),
    }


@pytest.mark.parametrize(
    ("layer", "verdict"),
    [
        ({"module": "keras.layers", "class_name": "Dense", "config": {"units": 1}}, "known"),
        ({"module": "keras.layers", "class_name": "Lambda", "config": {"function": {}}}, "dangerous"),
        ({"module": "builtins", "class_name": "function", "config": "exec"}, "dangerous"),
        ({"module": "keras.utils", "class_name": "function", "config": "get_file"}, "unknown"),
        ({"module": None, "class_name": "Own", "registered_name": "mine>Own"}, "unknown"),
        (None, "unknown"),
    ],
)
def test_a_model_of_keras_is_judged_by_what_its_description_names(
    home: Path, layer: dict[str, Any] | None, verdict: str
) -> None:
    def fill(path: Path) -> None:
        config = {"module": "keras", "class_name": "Sequential", "config": {"layers": [layer]}}
        with ZipFile(path / "m.keras", "w") as file:
            file.writestr("config.json", json.dumps(config) if layer else "[" * 5000)

    save(home, "keras:v1", fill)
    (found,) = Client(home).scan("keras:v1")
    assert (found.kind, found.verdict) == ("keras", verdict)


@pytest.mark.parametrize("name", ["m.json", "m.gguf", "m.txt", "m.pkl.gz", "m.zip", "m.keras", "m.h5", "m"])
@pytest.mark.parametrize("protocol", [0, 4])
def test_what_is_loaded_as_a_pickle_is_judged_as_one_whatever_its_name(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, protocol: int
) -> None:
    monkeypatch.chdir(tmp_path)
    data = pickle.dumps(Runs(), protocol)
    save(home, "bad:v1", lambda path: (path / name).write_bytes(gzip.compress(data) if ".gz" in name else data))
    with pytest.raises(UnsafeModel, match=r"posix\.system"):
        Client(home).load("bad:v1", file=name)
    assert not (tmp_path / "ran").exists()


def test_a_long_beginning_hides_no_pickle(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickles, "MAX_STEPS", 100)

    def fill(path: Path) -> None:
        (path / "a.bin").write_bytes(b"N0" * 60 + pickle.dumps(Runs(), 0))  # as which PyTorch may load it
        (path / "b.bin").write_bytes(b"N0" * 10 + b"\xff")  # anybody's

    save(home, "long:v1", fill)
    assert [(each.path, each.verdict) for each in Client(home).scan("long:v1")] == [("a.bin", "unknown")]


def test_what_cannot_be_looked_into_is_said_to_be_unknown(home: Path) -> None:
    save(home, "odd:v1", lambda path: (path / "m.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100)))
    with (
        pytest.warns(UserWarning, match=r"What `m\.h5` of `odd:v1` runs when it is loaded is not known: it is not a"),
        pytest.raises(InvalidModel, match="cannot be loaded"),
    ):
        Client(home).load("odd:v1", file="m.h5")


def test_it_says_which_files_could_be_meant(home: Path) -> None:
    def fill(path: Path) -> None:
        for name in ("a.npy", "b.npy"):
            np.save(path / name, np.ones(1))

    save(home, "two:v1", fill)
    with pytest.raises(UsageError, match=r"several files.*`a\.npy`, `b\.npy`"):
        Client(home).load("two:v1")
    assert Client(home).load("two:v1", file="b.npy") == np.ones(1)
    for outside in ("../v1/a.npy/..", "../../../x", "nothing"):
        with pytest.raises(UsageError, match="has no file"):
            Client(home).load("two:v1", file=outside)


@pytest.mark.skipif(find_spec("torch") is not None, reason="PyTorch is installed")
@pytest.mark.filterwarnings("ignore")
def test_a_framework_that_is_not_installed_is_named(home: Path) -> None:
    with Client(home).create("net:v1", module="bentoml.pytorch") as draft:
        (draft.path / "saved_model.pt").write_bytes(b"x")
    with pytest.raises(MissingDependency, match=r"`bentoml\.pytorch` needs a package.*torch"):
        Client(home).load("net:v1")


def test_what_is_missing_is_pulled_when_it_is_needed(client: Client, make: Make, name: str) -> None:
    client.push(make(f"{name}:v1").tag)
    client.delete(name)
    with pytest.raises(ModelNotFound):
        client.get(name)
    assert str(client.get(name, pull=True).tag) == f"{name}:v1"


def test_offline_nothing_is_asked(client: Client, make: Make, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make(f"{name}:v1")
    monkeypatch.setenv("MODELSYNC_OFFLINE", "1")
    assert client.get(name, pull=True)
    with pytest.raises(NoContext, match="Offline mode is on"):
        client.push(name)


def test_a_lock_brings_back_exactly_what_was_locked(client: Client, make: Make, name: str, tmp_path: Path) -> None:
    digest = client.digest(make(f"{name}:v1"), hash=True)
    client.push(f"{name}:v1")
    file = tmp_path / "modelsync.lock"
    assert client.lock(name, path=file) == {f"{name}:v1": digest}
    client.delete(name)
    (pulled,) = client.pull_locked(file)
    assert client.digest(pulled) == digest
    client.delete(name)
    make(f"{name}:v1", b"other bytes")
    with pytest.raises(IntegrityError, match="other files than those locked"):
        client.pull_locked(file)
    client.push(f"{name}:v1", force=True)
    client.delete(name)
    with pytest.raises(IntegrityError, match="other files than those locked"):
        client.pull_locked(file)
    assert client.list_models(name) == []  # it was told before anything was fetched


def test_the_commands_say_the_same(signed_in: Shell, make: Make, name: str, tmp_path: Path) -> None:
    make(f"{name}:v1")
    assert signed_in("push", f"{name}:v1").returncode == 0
    lock = tmp_path / "my.lock"
    assert signed_in("lock", f"{name}:v1", "--file", lock).returncode == 0
    assert f"{name}:v1" in json.loads(lock.read_text())["models"]
    done = signed_in("pull", "--locked", lock, "-o", "json")
    assert json.loads(done.stdout)[0]["tag"] == f"{name}:v1"
    assert "It has no pickle" in signed_in("scan", f"{name}:v1").stdout
