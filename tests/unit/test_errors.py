"""The error tree: complete, drawn as it is, and each error says what to do."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import pytest

from modelsync_jupyter.core import errors
from modelsync_jupyter.core.errors import ModelSyncError, RemoteError

CLASSES = [item for _, item in inspect.getmembers(errors, inspect.isclass) if issubclass(item, ModelSyncError)]


def drawn() -> Iterator[tuple[str, str]]:
    """Each class in the drawing with the class it hangs under."""
    above = {0: "ModelSyncError"}
    for branch, name in re.findall(r"^ {4}([│ ├└─]* )([A-Z]\w+)", errors.__doc__ or "", re.MULTILINE):
        depth = len(branch) // 4
        above[depth] = name
        yield name, above[depth - 1]


def test_the_drawing_lists_exactly_the_classes_under_their_parents() -> None:
    tree = dict(drawn())
    assert tree == {item.__name__: item.__bases__[0].__name__ for item in CLASSES if item is not ModelSyncError}
    assert len(tree) == len(list(drawn()))


def test_codes_are_unique() -> None:
    assert len({item.code for item in CLASSES}) == len(CLASSES)


@pytest.mark.parametrize("item", CLASSES, ids=lambda item: item.__name__)
def test_each_class_has_code_hint_and_status_of_its_own(item: type[ModelSyncError]) -> None:
    assert "code" in vars(item)
    assert "step" in vars(item)
    assert re.fullmatch("[a-z]+(-[a-z]+)*", item.code)
    assert re.fullmatch(r"[A-Z][^\n]*\.", item.step.text)
    assert item.step.text.count("`") % 2 == 0
    assert item.http_status in range(400, 600)


@pytest.mark.parametrize("item", CLASSES, ids=lambda item: item.__name__)
def test_an_error_keeps_its_words(item: type[ModelSyncError]) -> None:
    error = item("It broke.")
    assert (str(error), error.message, error.step) == (f"It broke. {item.step.text}", "It broke.", item.step)
    assert item("It broke.", "Mend it.").to_dict() == {
        "code": item.code,
        "message": "It broke.",
        "hint": "Mend it.",
        "step": {"verb": "", "text": "Mend it.", "args": {}},
    }
    assert item.step.text != "Mend it."


def test_what_is_worth_trying_again() -> None:
    assert {item.code for item in CLASSES if item.retryable} == {"integrity", "url-expired", "unavailable"}


def test_errors_of_the_registry_carry_its_status() -> None:
    for item in CLASSES:
        if issubclass(item, RemoteError):
            assert item("No.", status=418).status == 418
    assert errors.Unavailable("No.", retry_after=3.0).retry_after == 3.0
