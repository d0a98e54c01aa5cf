"""Imports of what is no BentoML model: snapshots of Hugging Face, models of MLflow, and plain files."""

from __future__ import annotations

import http.server
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from modelsync_jupyter.client import Client
from modelsync_jupyter.core.errors import InvalidModel, UsageError
from tests.harness.models import MIB

SHA = "0123456789abcdef0123456789abcdef01234567"
FILES = {
    "config.json": json.dumps(
        {"model_type": "bert", "architectures": ["BertModel"], "torch_dtype": "float32"}
    ).encode(),
    "model.safetensors": bytes(range(256)) * 8192 * 3,
    "onnx/model.onnx": b"onnx" * 1000,
}
#: As MLflow 3 writes it.
MLMODEL = """\
flavors:
  python_function:
    cloudpickle_version: 3.1.1
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: mlflow.sklearn
    model_path: model.pkl
    python_version: 3.11.7
  sklearn:
    code: null
    pickled_model: model.pkl
    serialization_format: cloudpickle
    sklearn_version: 1.5.0
is_signature_from_type_hint: false
mlflow_version: 3.1.0
model_id: m-2f6c0fd5ae6a4d57
model_size_bytes: 1234
model_uuid: m-2f6c0fd5ae6a4d57
prompts: null
run_id: 8f1d2c3b4a5f
signature:
  inputs: '[{"type": "double", "name": "x", "required": true}]'
  outputs: '[{"type": "long", "required": true}]'
  params: null
type_hint_from_example: false
utc_time_created: '2025-06-01 12:30:00.123456'
"""


@pytest.fixture
def here(tmp_path: Path) -> Client:
    return Client(tmp_path / "home")


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "model.yaml")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_snapshot_of_the_hugging_face_cache(here: Client, tmp_path: Path) -> None:
    """Each of its files is a link to a blob; the model has the files themselves."""
    repo = tmp_path / "hub" / "models--Org--Tiny.Bert"
    snapshot = repo / "snapshots" / SHA
    for index, (name, data) in enumerate(FILES.items()):
        (repo / "blobs").mkdir(parents=True, exist_ok=True)
        (repo / "blobs" / str(index)).write_bytes(data)
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / name).symlink_to(os.path.relpath(repo / "blobs" / str(index), (snapshot / name).parent))
    model = here.import_model(snapshot)
    assert str(model.tag) == f"org--tiny.bert:{SHA}"
    assert content(model.path) == FILES
    assert not any(path.is_symlink() for path in model.path.rglob("*"))
    assert model.info.labels == {"source": "huggingface", "repo": "Org/Tiny.Bert"}
    assert model.info.metadata["huggingface"] == {
        "repo": "Org/Tiny.Bert",
        "revision": SHA,
        "model_type": "bert",
        "architectures": ["BertModel"],
        "torch_dtype": "float32",
    }
    assert here.run_import(snapshot).status == "skipped"
    assert str(here.import_model(snapshot, name="bert:v1").tag) == "bert:v1"


class Hub(http.server.BaseHTTPRequestHandler):
    """The hub's API for one repository, as far as its client asks it."""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        tree: list[dict[str, Any]] = [
            {"type": "file", "path": name, "size": len(data), "oid": "0" * 40} for name, data in FILES.items()
        ]
        if path == "/api/models/org/tiny/revision/main" or path == f"/api/models/org/tiny/revision/{SHA}":
            self._json({"id": "org/tiny", "modelId": "org/tiny", "sha": SHA, "siblings": [], "private": False})
        elif path.startswith("/api/models/org/tiny/tree/"):
            inside = "/".join(path.split("/")[7:])
            self._json([each for each in tree if not inside or each["path"].startswith(f"{inside}/")])
        elif (name := path.removeprefix("/org/tiny/resolve/").partition("/")[2]) in FILES:
            data, asked = FILES[name], self.headers.get("Range", "")
            start, _, stop = asked.removeprefix("bytes=").partition("-")
            part = data[int(start) : int(stop) + 1] if asked else data
            more = {"Content-Range": f"bytes {start}-{int(start) + len(part) - 1}/{len(data)}"} if asked else {}
            self._send(206 if asked else 200, part, more | {"ETag": f'"{name}"', "X-Repo-Commit": SHA})
        else:
            self._json({"error": "not found"}, 404)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._json([])

    def _json(self, value: Any, status: int = 200) -> None:
        self._send(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from huggingface_hub import HfFileSystem, constants

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(constants, "ENDPOINT", url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
        monkeypatch.setattr("huggingface_hub.hf_api.constants.ENDPOINT", url)
        HfFileSystem.clear_instance_cache()
        yield
        HfFileSystem.clear_instance_cache()
        server.shutdown()


def test_a_repository_of_the_hub(here: Client, hub: None) -> None:
    model = here.import_model("hf://org/tiny@main")
    assert str(model.tag) == f"org--tiny:{SHA}"
    assert content(model.path) == FILES
    assert model.info.metadata["huggingface"]["revision"] == SHA


def test_a_model_of_mlflow(here: Client, tmp_path: Path) -> None:
    folder = tmp_path / "iris"
    folder.mkdir()
    (folder / "MLmodel").write_text(MLMODEL)
    (folder / "model.pkl").write_bytes(b"pickle")
    model = here.import_model(folder)
    assert model.tag.name == "iris"
    assert content(model.path) == {"MLmodel": MLMODEL.encode(), "model.pkl": b"pickle"}
    assert model.info.labels == {"source": "mlflow", "flavor": "sklearn", "run_id": "8f1d2c3b4a5f"}
    facts = model.info.metadata["mlflow"]
    assert facts["signature"]["inputs"].startswith('[{"type": "double"')
    assert facts["flavors"]["sklearn"]["sklearn_version"] == "1.5.0"
    assert facts["run_id"] == "8f1d2c3b4a5f"
    assert model.info.creation_time.isoformat() == "2025-06-01T12:30:00.123456+00:00"
    (folder / "MLmodel").write_text("flavors: [")
    with pytest.raises(InvalidModel, match="not valid YAML"):
        here.import_model(folder)


def test_plain_files_and_folders(here: Client, tmp_path: Path) -> None:
    (tmp_path / "My Weights.v2.bin").write_bytes(bytes(2 * MIB))
    model = here.import_model(tmp_path / "My Weights.v2.bin")
    assert model.tag.name == "my-weights"
    assert content(model.path) == {"My Weights.v2.bin": bytes(2 * MIB)}
    named = here.import_model(tmp_path / "My Weights.v2.bin", name="w:v1")
    assert str(named.tag) == "w:v1"
    assert here.run_import(tmp_path / "My Weights.v2.bin", name="w:v1").status == "skipped"
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no files"):
        here.import_model(tmp_path / "empty")
    (tmp_path / "!!!").write_bytes(b"1")
    with pytest.raises(UsageError, match="no name"):
        here.import_model(tmp_path / "!!!")
