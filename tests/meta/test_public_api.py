"""The public surface: the names are there, say what they take and raise, and keep their signatures."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

import modelsync_jupyter
from modelsync_jupyter import client as api
from modelsync_jupyter.core import errors
from modelsync_jupyter.notebook import display

FUNCTIONS = [
    *("attach", "cancel", "configure", "contexts", "create", "delete", "diff", "doctor", "edit"),
    *("export_in_background", "export_model", "forget", "get", "get_remote", "import_in_background", "import_model"),
    *("list_models", "list_remote", "load", "lock", "login", "logout", "pause", "plan", "provenance", "pull"),
    *("pull_in_background", "pull_locked", "push", "push_in_background", "restore", "resume", "resume_in_background"),
    *("save", "scan", "search_remote", "settings", "status", "sync", "transfers", "use_context"),
]
CLASSES = [
    *("Check", "Client", "Context", "Diff", "Model", "Outcome", "Plan", "Provenance", "RemoteModel", "Scanned"),
    *("Setting", "State", "SyncReport", "Transfer", "VersionStatus"),
]
ERRORS = [name for name, item in inspect.getmembers(errors, inspect.isclass) if issubclass(item, errors.ModelSyncError)]


def parameters(name: str) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(getattr(api, name)).parameters)


def test_the_names_are_exactly_these() -> None:
    assert modelsync_jupyter.__all__ == sorted([*FUNCTIONS, *CLASSES, *ERRORS, "panel"])
    assert {*FUNCTIONS, *CLASSES} <= set(api.__all__)


def test_notebooks_know_each_shown_class_by_the_place_where_it_is_defined() -> None:
    for where, _ in display._SHOWN:
        module, _, name = f"modelsync_jupyter.{where}".rpartition(".")
        assert getattr(import_module(module), name).__module__ == module


def test_completion_shows_the_public_names_alone() -> None:
    assert dir(modelsync_jupyter) == sorted([*modelsync_jupyter.__all__, "__version__"])


@pytest.mark.parametrize("name", [*FUNCTIONS, *CLASSES])
def test_each_name_is_the_clients(name: str) -> None:
    assert getattr(modelsync_jupyter, name) is getattr(api, name)


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_caught_by_the_packages_own_names(name: str) -> None:
    assert getattr(modelsync_jupyter, name) is getattr(errors, name)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_is_a_method_of_the_client_with_the_same_arguments(name: str) -> None:
    method = set(inspect.signature(getattr(api.Client, name)).parameters) - {"self"}
    assert method <= set(parameters(name)) <= method | {"home", "context"}


@pytest.mark.parametrize("name", api.__all__)
def test_names_of_the_api_are_there(name: str) -> None:
    assert getattr(api, name) is not None


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="'modelsync_jupyter' has no attribute 'nothing'"):
        _ = modelsync_jupyter.nothing


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_argument_and_nothing_else_is_documented(name: str) -> None:
    text = inspect.getdoc(getattr(api, name)) or ""
    assert re.match(r"[A-Z][^\n]*\.", text)
    section = re.search(r"^Args:\n((?: {4,}.*\n?)+)", text, re.MULTILINE)
    documented = re.findall(r"^    (\w+):", section[1], re.MULTILINE) if section else []
    assert sorted(documented) == sorted(parameters(name))


@pytest.mark.parametrize(
    "name", ["attach", "create", "delete", "get", "list_remote", "login", "logout", "push", "pull"]
)
def test_what_can_go_wrong_is_documented_and_exists(name: str) -> None:
    text = inspect.getdoc(getattr(api, name)) or ""
    section = re.search(r"^Raises:\n((?: {4,}.*\n?)+)", text, re.MULTILINE)
    assert section, name
    for error in re.findall(r"^    (\w+):", section[1], re.MULTILINE):
        assert issubclass(getattr(errors, error), errors.ModelSyncError)


@pytest.mark.parametrize("name", ["push", "pull", "push_in_background", "pull_in_background"])
def test_push_and_pull_take_what_the_contract_says(name: str) -> None:
    found = parameters(name)
    assert next(iter(found)) == "tag"
    assert found["tag"].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    wanted = {"force": False, "threads": 10, "rate_limit": None, "progress": None, "context": None, "home": None}
    assert {key: each.default for key, each in found.items() if key != "tag"} == wanted
    assert all(found[key].kind is inspect.Parameter.KEYWORD_ONLY for key in wanted)


@pytest.mark.parametrize("name", ["push", "pull_in_background", "plan", "export_model", "import_model", "sync"])
def test_an_option_that_is_misspelled_is_refused(name: str, tmp_path: Path) -> None:
    words = {"plan": ("push", "m"), "sync": ("local", str(tmp_path / "mirror"))}.get(name, ("m:v1",))
    with pytest.raises(TypeError, match="unexpected keyword argument 'treads'"):
        getattr(modelsync_jupyter, name)(*words, treads=4, home=tmp_path)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_typed_and_takes_a_home(name: str) -> None:
    signature = inspect.signature(getattr(api, name))
    assert "home" in signature.parameters
    assert signature.return_annotation is not inspect.Signature.empty
    assert all(each.annotation is not inspect.Parameter.empty for each in signature.parameters.values())


def test_the_package_is_typed_for_its_users() -> None:
    from importlib.resources import files

    assert files(modelsync_jupyter).joinpath("py.typed").is_file()
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", modelsync_jupyter.__version__)


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_says_what_it_is(name: str) -> None:
    assert re.match(r"[A-Z][^\n]*\.", inspect.getdoc(getattr(api, name)) or "")


@pytest.mark.parametrize("name", sorted({*CLASSES} - {"Client", "State", "SyncReport", "Transfer"}))
def test_what_is_returned_speaks_json(name: str) -> None:
    assert callable(getattr(api, name).to_dict)
