"""Contexts: endpoints with their tokens, in the file where BentoML keeps them, readable by its owner only."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import NoContext, UsageError
from modelsync_jupyter.core.steps import Step
from modelsync_jupyter.files import write_text

CLOUD = "https://cloud.bentoml.com"
#: Name of the context that the environment makes, as BentoML calls it.
ENVIRONMENT = "__env__"


class Context(NamedTuple):
    """An endpoint with its token.

    Args:
        name: How users call it.
        endpoint: URL of the registry, without a path of the API.
        token: The API token; never shown.
        email: Whose token it is, if known.
        current: Whether it is used where none is named.
    """

    name: str
    endpoint: str
    token: str
    email: str = ""
    current: bool = False

    def __repr__(self) -> str:  # without the token
        return f"Context({self.name}: {self.endpoint}{', current' if self.current else ''})"

    @property
    def is_environment(self) -> bool:
        """Whether environment variables make it: then it is in no file."""
        return self.name == ENVIRONMENT

    def to_dict(self) -> dict[str, Any]:
        """Return the context as JSON, without its token."""
        return {"name": self.name, "endpoint": self.endpoint, "email": self.email, "current": self.current}


def resolve(home: Home, name: str | None = None) -> Context:
    """Find the context to use: the one named, else the environment's, else the current one of the file.

    What is not needed is not read: a broken file does no harm where the environment names a registry, nor does the
    environment where a context is named.

    Raises:
        NoContext: There is none of that name, or none at all.
        UsageError: Its endpoint is not a URL.
    """
    if os.environ.get("MODELSYNC_OFFLINE", "").lower() not in ("", "0", "false", "no", "off"):
        raise NoContext("Offline mode is on: no registry is asked.", "Unset MODELSYNC_OFFLINE.")
    chosen = _from_environment() if name in (None, "", ENVIRONMENT) else None
    known = [] if chosen else _from_file(home)
    chosen = chosen or next((each for each in known if (each.name == name if name else each.current)), None)
    if chosen:
        check_endpoint(chosen.endpoint)
        return chosen
    if name:
        raise _unknown(name, [each.name for each in known])
    raise NoContext("There is no registry to talk to.")


def load(home: Home) -> list[Context]:
    """Read all contexts, the environment's first."""
    environment = _from_environment()
    known = _from_file(home)
    return [environment, *(each._replace(current=False) for each in known)] if environment else known


def tokens(home: Home) -> list[str]:
    """Return every token that is known, so that none is written anywhere else; [] where they cannot be read."""
    try:
        return [each.token for each in load(home)]
    except NoContext:
        return []


def save(home: Home, context: Context) -> None:
    """Save a context, in place of any of the same name, and make it the current one."""
    data = _read(home)
    old: dict[str, Any] = next((item for item in data["contexts"] if item.get("name") == context.name), {})
    new = {**old, "name": context.name, "endpoint": context.endpoint, "api_token": context.token}
    new["email"] = context.email or None
    others = [item for item in data["contexts"] if item.get("name") != context.name]
    _write(home, {**data, "contexts": [*others, new], "current_context_name": context.name})


def use(home: Home, name: str) -> None:
    """Make a context the current one.

    Raises:
        NoContext: There is none of that name.
    """
    data = _read(home)
    names = [str(item.get("name")) for item in data["contexts"]]
    if name not in names:
        raise _unknown(name, names)
    _write(home, {**data, "current_context_name": name})


def forget(home: Home, name: str) -> None:
    """Forget a context and its token.

    Raises:
        NoContext: There is none of that name.
    """
    data = _read(home)
    left = [item for item in data["contexts"] if item.get("name") != name]
    if len(left) == len(data["contexts"]):
        raise _unknown(name, [str(item.get("name")) for item in left])
    _write(home, {**data, "contexts": left})


def check_endpoint(endpoint: str) -> str:
    """Return an endpoint as contexts keep it: without spaces around it and without a final slash.

    Raises:
        UsageError: It is not an http or https URL, or has a password in it.
    """
    try:
        url = urlsplit(endpoint.strip())
        good = url.scheme in ("http", "https") and bool(url.hostname) and (url.port or 1) > 0
    except ValueError:
        good = False
    if not good:
        raise UsageError("The endpoint is not a URL.", step="Write it as `https://registry.example.com`.")
    if "@" in url.netloc or url.query or url.fragment:
        raise UsageError("The endpoint has more in it than an address.", step="Leave user, password and query out.")
    return endpoint.strip().rstrip("/")


def check_token(token: str) -> str:
    """Return a token without the spaces and line ends around it, which copying and files add.

    Raises:
        UsageError: It is empty, or holds what no token can: it could not be sent, or would end in the middle.
    """
    token = token.strip()
    if not token:
        raise UsageError("The token is empty.", step="Copy it from the registry.")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(
            "The token contains spaces, line ends or other characters that no token has.",
            step="Copy it from the registry again, and nothing else with it.",
        )
    return token


def _unknown(name: str, names: Sequence[str]) -> NoContext:
    """Name the sign-ins there are; without any, the error says how to make one."""
    if not names:
        return NoContext(f"There is no context `{name}`.")
    step = Step("contexts", "Choose one that you are signed in to.")
    return NoContext(f"There is no context `{name}`. Available: {', '.join(names)}.", step)


def _from_environment() -> Context | None:
    token = os.environ.get("BENTO_CLOUD_API_KEY", "").strip()
    if not token:
        return None
    endpoint = os.environ.get("BENTO_CLOUD_API_ENDPOINT") or CLOUD
    return Context(ENVIRONMENT, endpoint.rstrip("/"), token, current=True)


def _from_file(home: Home) -> list[Context]:
    data = _read(home)
    chosen = os.environ.get("BENTOML_CLOUD_CONTEXT") or data.get("current_context_name") or "default"
    return [
        Context(
            str(item.get("name")),
            str(item.get("endpoint") or CLOUD).rstrip("/"),
            str(item.get("api_token") or "").strip(),
            str(item.get("email") or ""),
            item.get("name") == chosen,
        )
        for item in data["contexts"]
    ]


def _read(home: Home) -> dict[str, Any]:
    import yaml  # here and below: where the environment names the registry, nothing is read

    try:
        data = yaml.safe_load(home.contexts.read_text(encoding="utf-8"))
    except FileNotFoundError:
        data = None
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        raise NoContext(
            f"`{home.contexts}` cannot be read.", step="Fix its YAML, or delete it and sign in again."
        ) from None
    items = data.get("contexts") if isinstance(data, Mapping) else None
    known = [dict(item) for item in (items if isinstance(items, list) else ()) if isinstance(item, Mapping)]
    return {**(data if isinstance(data, Mapping) else {}), "contexts": known}


def _write(home: Home, data: Mapping[str, Any]) -> None:
    import yaml

    write_text(home.contexts, yaml.safe_dump(dict(data), sort_keys=False), mode=0o600)
