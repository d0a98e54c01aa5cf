"""The public surface: the names are there, say what they take and raise, and keep their signatures."""

from __future__ import annotations

import inspect
import re

import pytest

import modelsync_jupyter
from modelsync_jupyter import client as api

FUNCTIONS = [
    *("attach", "cancel", "contexts", "create", "delete", "get", "list_models", "list_remote", "login", "logout"),
    *("plan", "pull", "push", "resume", "transfers"),
]
CLASSES = ["Context", "Model", "Outcome", "Plan", "RemoteModel", "Transfer"]


def parameters(name: str) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(getattr(api, name)).parameters)


def test_the_names_are_exactly_these() -> None:
    assert sorted(modelsync_jupyter.__all__) == sorted([*FUNCTIONS, *CLASSES])
    assert set(modelsync_jupyter.__all__) <= set(api.__all__)
    assert modelsync_jupyter.__all__ == sorted(modelsync_jupyter.__all__)
    assert set(dir(modelsync_jupyter)) >= {*FUNCTIONS, *CLASSES, "__version__"}


@pytest.mark.parametrize("name", [*FUNCTIONS, *CLASSES])
def test_each_name_is_the_apis(name: str) -> None:
    assert getattr(modelsync_jupyter, name) is getattr(api, name)
    assert callable(getattr(api, name))


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
    assert documented == list(parameters(name))


@pytest.mark.parametrize(
    "name", ["attach", "create", "delete", "get", "list_remote", "login", "logout", "push", "pull"]
)
def test_what_can_go_wrong_is_documented_and_exists(name: str) -> None:
    from modelsync_jupyter.core import errors

    text = inspect.getdoc(getattr(api, name)) or ""
    section = re.search(r"^Raises:\n((?: {4,}.*\n?)+)", text, re.MULTILINE)
    assert section, name
    for error in re.findall(r"^    (\w+):", section[1], re.MULTILINE):
        assert issubclass(getattr(errors, error), errors.ModelSyncError)


@pytest.mark.parametrize("name", ["push", "pull"])
def test_push_and_pull_take_what_the_contract_says(name: str) -> None:
    found = parameters(name)
    assert next(iter(found)) == "tag"
    assert found["tag"].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    wanted = {"force": False, "threads": 10, "context": None, "background": False}
    assert {key: found[key].default for key in wanted} == wanted
    assert all(found[key].kind is inspect.Parameter.KEYWORD_ONLY for key in list(found)[1:])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_typed_and_takes_a_home(name: str) -> None:
    function = inspect.unwrap(getattr(api, name))
    signature = inspect.signature(function)
    assert "home" in signature.parameters
    assert signature.return_annotation is not inspect.Signature.empty
    assert all(each.annotation is not inspect.Parameter.empty for each in signature.parameters.values())


@pytest.mark.parametrize("name", ["push", "pull", "resume"])
def test_what_may_run_in_the_background_may_return_a_handle(name: str) -> None:
    assert "Transfer" in str(inspect.signature(getattr(api, name)).return_annotation)


def test_the_package_is_typed_for_its_users() -> None:
    from importlib.resources import files

    assert files(modelsync_jupyter).joinpath("py.typed").is_file()
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", modelsync_jupyter.__version__)


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_says_what_it_is(name: str) -> None:
    assert re.match(r"[A-Z][^\n]*\.", inspect.getdoc(getattr(api, name)) or "")


@pytest.mark.parametrize("name", sorted({*CLASSES} - {"Transfer"}))
def test_what_is_returned_speaks_json(name: str) -> None:
    assert callable(getattr(api, name).to_dict)
