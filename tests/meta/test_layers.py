"""Who may import whom. The layers are the design; this test is what keeps them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import modelsync_jupyter

PACKAGE = Path(modelsync_jupyter.__file__).parent
NAME = PACKAGE.name
ENDS = {"core", "info", "model_yaml", "wire", "files", "folders", "buckets", "archive", "store", "remotes"}

#: For each part of the package: what of the package it may import, besides itself.
MAY: dict[str, set[str]] = {
    "core": set(),
    "info": {"core"},
    "model_yaml": {"core", "info"},
    "wire": {"core", "info", "_version"},
    "files": {"core"},
    "folders": {"core", "files"},
    "buckets": set(),
    "archive": {"core", "files", "folders"},
    "store": {"core", "info", "model_yaml", "files", "folders", "archive"},
    "remotes": {"core", "info", "wire", "files", "folders", "buckets", "archive"},
    "contents": {"core", "info", "files", "archive"},
    "transfer": {*ENDS, "contents"},
    "jobs": {*ENDS, "transfer"},
    "client": {*ENDS, "contents", "transfer", "jobs"},
    "commands": {"core", "client", "__init__"},
    "cli": {"core", "commands"},
    "notebook": {"core", "client", "commands"},
    "lab": {"core", "client", "commands", "__init__"},
    "demo": {"core", "client", "commands"},
    "registry": {*ENDS, "contents", "__init__"} - {"store", "remotes"},
    "__init__": {"core", "client", "notebook", "lab"},
    "__main__": {"cli"},
}
#: What is imported only when it is used: `serve` and `demo`.
LATER: dict[str, set[str]] = {"commands": {"registry", "demo"}}
#: Foreign packages that only these parts may import at their top.
HEAVY = {"IPython", "ipywidgets", "jupyterlab", "tornado", "tqdm", "numpy", "sklearn", "joblib", "pandas", "bentoml"}
#: Parts that are themselves imported only where those packages are.
HEAVY_PARTS = {"lab"}
SERVER = {"sqlalchemy", "flask", "gunicorn", "werkzeug", "prometheus_client"}


def modules() -> list[Path]:
    return sorted({*PACKAGE.rglob("*.py")} - {PACKAGE / "_version.py"})  # that one is written by the build


def part_of(module: str) -> str:
    """`modelsync_jupyter.store.model` → `store`; the package itself is `__init__`."""
    words = module.split(".")
    return words[1] if len(words) > 1 else "__init__"


def name_of(path: Path) -> str:
    words = [NAME, *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(words[:-1] if words[-1] == "__init__" else words)


@cache
def imports(path: Path) -> list[tuple[str, bool, int]]:
    """Each module that a file imports, whether at its top, and in which line; `TYPE_CHECKING` blocks do not count."""
    return list(_imports(path))


def _imports(path: Path) -> Iterator[tuple[str, bool, int]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    stack: list[tuple[ast.AST, bool]] = [(node, True) for node in tree.body]
    while stack:
        node, top = stack.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        for module in _imported(node, path):
            yield module, top, getattr(node, "lineno", 0)
        inside = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        stack += [(child, top and not inside) for child in ast.iter_child_nodes(node)]


def _imported(node: ast.AST, path: Path) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = _absolute(node, path)
        return [f"{base}.{alias.name}" if _is_module(f"{base}.{alias.name}") else base for alias in node.names]
    if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "import_module":
        first = node.args[0]
        return [str(first.value)] if isinstance(first, ast.Constant) else []
    return []


def _absolute(node: ast.ImportFrom, path: Path) -> str:
    if not node.level:
        return node.module or ""
    package = [NAME, *path.relative_to(PACKAGE).parts[:-1]]
    package = package[: len(package) - node.level + 1]
    return ".".join([*package, node.module] if node.module else package)


def _is_module(name: str) -> bool:
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def test_every_part_has_its_place_in_the_table() -> None:
    parts = {part_of(name_of(path)) for path in modules()} | {"__main__"}
    assert parts == set(MAY)


def every_import() -> Iterator[tuple[str, str, str, bool]]:
    """Each import of the package: its part, where it stands, what it imports, and whether at the top of its file."""
    for path in modules():
        for module, top, line in imports(path):
            yield part_of(name_of(path)), f"{path.relative_to(PACKAGE)}:{line}", module, top


def test_layers() -> None:
    wrong = []
    for mine, place, module, top in every_import():
        allowed = MAY[mine] | {mine} | (set() if top else LATER.get(mine, set()))
        names = {part_of(module), ".".join(module.split(".")[1:3])}
        if module.partition(".")[0] == NAME and not names & allowed:
            wrong.append(f"{place}: {mine} may not import {module}")
    assert wrong == []


def test_imports_are_relative_within_a_part_and_absolute_between_parts() -> None:
    wrong = []
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (module := _absolute(node, path)).partition(".")[0] == NAME:
                inside = part_of(module) == part_of(name_of(path))
                if inside != bool(node.level):
                    wrong.append(
                        f"{path.relative_to(PACKAGE)}:{node.lineno}: import {module} {'.' if inside else NAME}"
                    )
    assert wrong == []


def test_heavy_packages_are_imported_where_they_are_used() -> None:
    wrong = []
    for mine, place, module, top in every_import():
        package = module.partition(".")[0]
        if mine not in HEAVY_PARTS and top and package in HEAVY:
            wrong.append(f"{place}: import {module} inside the function that uses it")
        if package in SERVER and mine != "registry":
            wrong.append(f"{place}: {module} is for the registry alone")
        if package == "bentoml":
            wrong.append(f"{place}: BentoML is no dependency")
    assert wrong == []


def test_the_core_needs_the_standard_library_alone() -> None:
    for path in (PACKAGE / "core").glob("*.py"):
        found = {module.partition(".")[0] for module, _, _ in imports(path)} - {NAME}
        assert found <= sys.stdlib_module_names, path.name


def test_the_walk_sees_every_kind_of_import(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder that looks like the package, with one file in it that does everything."""
    (tmp_path / "engine").mkdir()
    for name in ("files.py", "engine/pool.py", "engine/__init__.py", "__init__.py"):
        (tmp_path / name).touch()
    path = tmp_path / "engine" / "all.py"
    path.write_text(
        "from typing import TYPE_CHECKING\nimport a.b\nfrom . import pool\nfrom .pool import Pool\n"
        f"from .. import files\nfrom ..files import read\nfrom {tmp_path.name} import api\n"
        f"if TYPE_CHECKING:\n    import hidden\ndef f():\n    import late\n    import_module('{tmp_path.name}.cli')\n"
    )
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    monkeypatch.setitem(globals(), "NAME", tmp_path.name)
    seen = [(module.removeprefix(tmp_path.name), top) for module, top, _ in imports(path)]
    late = {("late", False), (".cli", False)}
    assert set(seen) == {("typing", True), ("a.b", True), (".engine.pool", True), (".files", True), ("", True)} | late
    assert len(seen) == 9
