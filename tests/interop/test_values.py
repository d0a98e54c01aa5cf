"""Every kind of value that we accept is read by stock `bentoml`, and every one that it writes is read by us."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.store.create import draft
from modelsync_jupyter.store.local import LocalStore

from .conftest import Person

METADATA: dict[str, Any] = {
    **{"text": "x", "empty": "", "lines": "a\nb\n c\n\n", "spaces": "  ", "unicode": "模型 é \u2028 \x85 \x01 \0"},
    **{
        "looks like": [
            "1:30",
            "<<",
            "=",
            "yes",
            "null",
            "~",
            "0x1f",
            "1_000",
            "2024-01-02",
            "# no",
            "- no",
            "a: b",
            "!x",
        ]
    },
    **{"int": 1, "big": 10**40, "negative": -1, "float": 1.5, "tiny": 1e-300, "inf": float("inf"), "true": True},
    **{"bytes": b"\0\xff", "day": datetime.date(2024, 1, 2), "time": datetime.datetime(2024, 1, 2, 3, 4, 5, 678)},
    "zone": datetime.datetime(2024, 1, 2, 3, 4, 5, 678, tzinfo=datetime.timezone(datetime.timedelta(hours=5))),
    **{"list": [1, "a", [2.5, []], {}], "mapping": {"a": {"b": [{"c": 1}]}, "": "empty key"}, "long": "x" * 5000},
}
OPTIONS = {"none": None, "nested": {"a": [None, 1]}, "day": datetime.date(2024, 1, 2)}
SIGNATURES = {"predict": {"batchable": True, "batch_dim": 0}, "other": {"batch_dim": (0, 1), "input_spec": None}}
CONTEXT = {"framework_name": "torch", "framework_versions": {"torch": "2.4.0"}, "more": "of ours"}
LABELS = {"stage": "test", "": "", "long" * 50: "y" * 3000, "odd": "a\nb\0\x1b[31m", "number": "1", "yes": "no"}

_READ = """
import datetime
nan, inf = float("nan"), float("inf")
info = bentoml.models.get("m:v1").info
print(repr((dict(info.labels), dict(info.metadata), dict(info._options))))
print([(name, list(s.batch_dim), s.batchable) for name, s in info.signatures.items()])
print([info.context.framework_name, info.context.framework_versions, info.module])
"""
_WRITE = f"""
import datetime
inf = float("inf")
with bentoml.models.create("theirs:v1", labels={LABELS!r}, metadata={METADATA!r}, signatures={SIGNATURES!r}):
    pass
"""


def test_what_we_write_stock_bentoml_reads(tmp_path: Path) -> None:
    ann = Person(tmp_path / "ann", "")
    fields = {"metadata": METADATA, "labels": LABELS, "options": OPTIONS, "signatures": SIGNATURES, "context": CONTEXT}
    store = LocalStore(Home(ann.home))
    with draft(store, Tag("m", "v1"), {**fields, "module": "bentoml.sklearn"}):
        pass
    values, signatures, context = ann.python(_READ).splitlines()
    labels, metadata, options = eval(values, {"datetime": datetime, "inf": float("inf")})  # printed by ourselves
    assert (labels, metadata, options) == (LABELS, METADATA, OPTIONS)
    assert signatures == "[('predict', [0, 0], True), ('other', [0, 1], False)]"
    assert context == "['torch', {'torch': '2.4.0'}, 'bentoml.sklearn']"
    listed = json.loads(ann.bentoml("models", "list", "-o", "json").stdout)
    assert [model["tag"] for model in listed] == ["m:v1"]
    info = store.get(Tag("m", "v1")).info
    assert (info.labels, info.metadata, info.options) == (LABELS, METADATA, OPTIONS)


def test_what_stock_bentoml_writes_we_read(tmp_path: Path) -> None:
    ann = Person(tmp_path / "ann", "")
    ann.python(_WRITE)
    store = LocalStore(Home(ann.home))
    (model,) = store.models(limit=10)
    times = {key: METADATA[key].isoformat() for key in ("time", "zone")}  # it writes these as text
    assert (model.info.labels, model.info.metadata) == (LABELS, METADATA | times)
    assert store.describe(model).digest == store.digest(model)


def test_equal_files_have_equal_digests_whichever_tool_moved_them(tmp_path: Path) -> None:
    """A model of ours that `bentoml` exports and imports elsewhere; it loses exec bits on the way, and nothing else."""
    ann, bob = Person(tmp_path / "ann", ""), Person(tmp_path / "bob", "")
    ours, theirs = LocalStore(Home(ann.home)), LocalStore(Home(bob.home))
    with draft(ours, Tag("m", "v1"), {"metadata": {"day": datetime.date(2024, 1, 2)}}) as making:
        (making.path / "w.bin").write_bytes(bytes(5 << 20))
        (making.path / "run.sh").write_bytes(b"#!")
        (making.path / "run.sh").chmod(0o755)
    assert making.model
    ann.bentoml("models", "export", "m:v1", str(tmp_path / "m.bentomodel"))
    bob.bentoml("models", "import", str(tmp_path / "m.bentomodel"))
    moved = theirs.get(Tag("m", "v1"))
    without = theirs.describe(moved).digest
    (moved.path / "run.sh").chmod(0o755)
    assert theirs.describe(theirs.get(moved.tag)).digest == ours.digest(making.model) != without
