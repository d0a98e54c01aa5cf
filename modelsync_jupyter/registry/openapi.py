"""The API as OpenAPI describes it, read off the code: routes, their rules, what they parse and what they return.

Nothing is written twice. A path and its methods come from Flask's map of routes, who may use it from its rule, a reply
from the annotation of its function, and the fields of a body from the calls that take them out (`fields.text("name")`).
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import types
import typing
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from flask import Flask

import modelsync_jupyter
from modelsync_jupyter import wire
from modelsync_jupyter.core.parts import PartJSON
from modelsync_jupyter.wire import TOKEN_HEADER, LabelJSON, ManifestJSON

from .catalog.words import Right, Role
from .security.auth import rule_of

Schema = dict[str, Any]
_TEXT: Schema = {"type": "string"}
_SUCCESS = "What was asked for."
_METHODS = ("get", "head", "post", "put", "patch", "delete")


@lru_cache(maxsize=1)  # it takes 60 ms, and strangers may ask
def describe(app: Flask) -> Schema:
    """Describe all routes of an app.

    Args:
        app: The app.

    Returns:
        An OpenAPI 3.1 document, as JSON.
    """
    schemas = _Schemas()
    paths: dict[str, Schema] = {}
    for rule in sorted(app.url_map.iter_rules(), key=str):
        view = inspect.unwrap(app.view_functions[rule.endpoint])
        address = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        for method in _METHODS:
            if method.upper() in (rule.methods or ()) and method != "head":
                operation = _operation(view, rule_of(app.view_functions[rule.endpoint]), method, schemas)
                operation["operationId"] = f"{method}_{rule.endpoint}_{len(paths)}".replace(".", "_")
                operation["tags"] = [rule.endpoint.partition(".")[0]]
                variables = ({"name": name, "in": "path", "required": True} for name in sorted(rule.arguments))
                operation["parameters"][:0] = [{**variable, "schema": _TEXT} for variable in variables]
                paths.setdefault(address, {})[method] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "modelsync registry", "version": modelsync_jupyter.__version__},
        "paths": paths,
        "components": {
            "schemas": schemas.found,
            "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": TOKEN_HEADER}},
        },
    }


def _operation(view: Callable[..., Any], rule: object, method: str, schemas: _Schemas) -> Schema:
    calls = list(_calls(view))
    operation: Schema = {
        "summary": (inspect.getdoc(view) or view.__name__).partition("\n")[0],
        "parameters": [{"name": name, "in": "query", "schema": kind} for name, kind in _queries(calls)],
        "responses": {
            "200": {"description": _SUCCESS, **_content(_reply(view, schemas))},
            "4XX": {"description": "Why not, in words.", **_content(schemas.of(_ErrorJSON))},
        },
    }
    if isinstance(rule, (Role, Right)):
        operation["security"] = [{"token": []}]
        operation["description"] = f"Needs `{rule.value}`" + (" in the repository." if isinstance(rule, Right) else ".")
    else:
        operation["security"] = []
    properties = dict(_fields(calls, schemas))
    if method in ("post", "patch", "put") and properties:
        operation["requestBody"] = _content({"type": "object", "properties": properties})
    elif "content_length" in {name for _, name, _ in calls}:
        binary = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
        operation["requestBody"] = {"required": True, "content": binary}
    return operation


class _ErrorJSON(typing.TypedDict):
    """The reply to a request that was refused."""

    error: str


def _content(schema: Schema) -> Schema:
    return {"content": {"application/json": {"schema": schema}}} if schema else {}


def _reply(view: Callable[..., Any], schemas: _Schemas) -> Schema:
    """Return the schema of what a route returns; nothing where that is not JSON."""
    annotation = typing.get_type_hints(view).get("return")
    return schemas.of(annotation) if typing.is_typeddict(annotation) or typing.get_origin(annotation) is dict else {}


def _calls(view: Callable[..., Any]) -> Iterator[tuple[str, str, tuple[Any, ...]]]:
    """List the calls of methods in a function: of what, of which name, with which constants; depth first."""
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(view)))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            root = owner
            while isinstance(root, (ast.Call, ast.Attribute)):
                root = root.func if isinstance(root, ast.Call) else root.value
            inner = owner.func.attr if isinstance(owner, ast.Call) and isinstance(owner.func, ast.Attribute) else ""
            constants = tuple(arg.value for arg in node.args if isinstance(arg, ast.Constant))
            name = root.id if isinstance(root, ast.Name) else ""
            yield "inner" if inner == "object" else name, node.func.attr, constants
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield "", node.func.id, tuple(arg.value for arg in node.args if isinstance(arg, ast.Constant))


def _queries(calls: list[tuple[str, str, tuple[Any, ...]]]) -> Iterator[tuple[str, Schema]]:
    for owner, name, constants in calls:
        if (owner, name) == ("body", "page"):
            yield from ((key, {"type": "integer", "minimum": 0}) for key in ("start", "count"))
        elif (owner, name) == ("body", "search"):
            yield from ((key, _TEXT) for key in ("q", "search"))
        elif (owner, name) == ("body", "text") and constants:
            yield constants[0], _TEXT


def _fields(calls: list[tuple[str, str, tuple[Any, ...]]], schemas: _Schemas) -> Iterator[tuple[str, Schema]]:
    """Return the fields of a body, by the methods of `values.Fields` that take them out."""
    kinds: dict[str, Schema] = {
        "text": _TEXT,
        "time": _TEXT,
        "integer": {"type": "integer"},
        "flag": {"type": "boolean"},
        "items": {"type": "array", "items": {"type": "object"}},
        "texts": {"type": "array", "items": _TEXT},
        "labels": {"type": "array", "items": schemas.of(LabelJSON)},
        "parts": {"type": "array", "items": schemas.of(PartJSON)},
        "manifest": schemas.of(ManifestJSON),
        "object": {"type": "object"},
        "mapping": {"type": "object"},
    }
    for owner, name, constants in calls:
        if owner in ("fields", "body") and name in kinds and (owner, name) != ("body", "text"):
            yield (constants[0] if constants else name), kinds[name]


class _Schemas:
    """Schemas of the types of `wire`, each once.

    Attributes:
        found: Those that were asked for, by name.
    """

    def __init__(self) -> None:
        self.found: dict[str, Schema] = {}

    def of(self, kind: Any) -> Schema:
        """Return the schema of a type."""
        origin, inside = typing.get_origin(kind), typing.get_args(kind)
        if typing.is_typeddict(kind):
            return self._typed(kind)
        if origin in (typing.Union, types.UnionType):
            return {"anyOf": [self.of(each) for each in inside]}
        if origin is list:
            return {"type": "array", "items": self.of(inside[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(inside[1])}
        simple = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
        return {"type": simple[kind]} if kind in simple else {}

    def _typed(self, kind: Any) -> Schema:
        name = kind.__name__.removeprefix("_")
        if name not in self.found:
            self.found[name] = {}
            hints = typing.get_type_hints(kind, vars(wire))
            self.found[name] = {
                "type": "object",
                "properties": {key: self.of(value) for key, value in hints.items()},
                "required": sorted(kind.__required_keys__),
            }
        return {"$ref": f"#/components/schemas/{name}"}
