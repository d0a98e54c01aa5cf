"""Nobody gets in without Jupyter's token, or against its authorizer's will."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from jupyter_server.auth.authorizer import Authorizer
from jupyter_server.utils import JupyterServerAuthWarning
from traitlets.config import Config

from modelsync_jupyter import client as api
from modelsync_jupyter.lab.routes import ROUTES

from .conftest import Call

ANYTHING = {"direction": "push", "tag": "iris:v1", "endpoint": "http://127.0.0.1:9", "token": "t", "name": "n"}
CALLS = [
    ("GET", "status"),
    ("POST", "list"),
    ("GET", "versions/iris/v1"),
    ("POST", "versions/iris/v1/digest"),
    ("DELETE", "local/iris/v1"),
    ("POST", "local/iris/v1"),
    ("POST", "local/iris/v1/restore"),
    ("GET", "trash"),
    ("DELETE", "trash"),
    ("DELETE", "remote/iris/v1"),
    ("POST", "remote/iris/v1"),
    ("POST", "remote/iris/v1/restore"),
    ("GET", "remote/iris/v1/files"),
    ("GET", "deleted"),
    ("GET", "aliases/iris"),
    ("POST", "aliases/iris/production"),
    ("DELETE", "aliases/iris/production"),
    ("GET", "history/iris"),
    ("POST", "models"),
    ("GET", "diff"),
    ("GET", "doctor"),
    ("GET", "plan"),
    ("GET", "transfers"),
    ("POST", "transfers"),
    ("DELETE", "transfers"),
    ("DELETE", "transfers/abc"),
    ("POST", "transfers/abc/cancel"),
    ("POST", "transfers/abc/pause"),
    ("POST", "transfers/abc/resume"),
    ("POST", "login"),
    ("POST", "logout"),
    ("POST", "context"),
    ("GET", "no/such/route"),
]


class NotThisUser(Authorizer):
    """Lets users do everything but use the extension."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        return resource != "modelsync"


def test_all_routes_are_tried_here() -> None:
    more_methods = 2 + 4  # three on transfers; two on a local version, a remote one, an alias, and the trash
    assert len(CALLS) == len(ROUTES) + more_methods


async def test_without_token_nothing_is_told_or_done(jp_fetch: Any, make: Callable[..., api.Model], home: Any) -> None:
    make("iris:v1")
    for method, path in CALLS:
        reply = await jp_fetch(
            f"modelsync/api/{path}",
            method=method,
            headers={"Authorization": "token wrong"},
            body=json.dumps(ANYTHING) if method == "POST" else None,
            raise_error=False,
        )
        assert (reply.code, json.loads(reply.body)["code"]) == (403, "forbidden"), (method, path)
        assert [str(model.tag) for model in api.list_models(home=home)] == ["iris:v1"], (method, path)
        assert (api.transfers(home=home), api.contexts(home=home)) == ([], []), (method, path)


class TestAuthorizer:
    @pytest.fixture
    def jp_server_config(self, jp_server_config: Config) -> Config:
        jp_server_config.ServerApp.authorizer_class = NotThisUser
        return jp_server_config

    async def test_decides_about_every_route(self, call: Call) -> None:
        for method, path in CALLS:
            code, body = await call(method, path, ANYTHING)
            assert (code, body["code"]) == (403, "forbidden"), (method, path)


def test_every_method_says_who_may_call_it(jp_configurable_serverapp: Callable[..., Any]) -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        app = jp_configurable_serverapp()
    assert app.extension_manager.extension_apps["modelsync_jupyter"]
    assert [each for each in seen if each.category is JupyterServerAuthWarning and "modelsync" in str(each)] == []
