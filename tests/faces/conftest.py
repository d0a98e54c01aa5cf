"""What the tests of the faces share."""

from __future__ import annotations

from importlib import import_module

import pytest

from .fake_api import FakeApi


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    """The commands talk to an API in memory."""
    fake = FakeApi()
    for name in ("transfer", "models", "access"):
        monkeypatch.setattr(import_module(f"modelsync_jupyter.cli.commands.{name}"), "api", fake)
    return fake


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MODELSYNC_TOKEN", "BENTO_CLOUD_API_KEY", "BENTO_CLOUD_API_ENDPOINT", "BENTOML_CLOUD_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
