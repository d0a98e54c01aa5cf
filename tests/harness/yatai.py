"""A BentoCloud-like API without our `modelsync` extension, with an S3-like object host of another origin.

::

    with Yatai(folder) as yatai:                 # or: python -m tests.harness.yatai --folder DIR
        client = Client(yatai.url, yatai.token)
        ...
        assert yatai.objects.violations == []
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from .actions import Actions
from .buckets import S3Error
from .httpd import Handler, Service
from .objects import ObjectHost
from .processes import TOKEN
from .records import USER, ApiError, Json, Records, resource

_PATH = re.compile(
    r"/api/v1/model_repositories"
    r"(?:/(?P<name>[^/]+)(?P<models>/models(?:/(?P<version>[^/]+)(?:/(?P<action>\w+))?)?)?)?"
)
Action = Callable[[Handler, Json, str], "Json | None"]


class Yatai(Service):
    """The server.

    Args:
        folder: Where objects are kept.
        strategy: "presigned_url", "proxy", or None as old servers answer.
        port: TCP port; 0 takes a free one.
        etag: "md5" or "random", the ETags of the object host.
        uploads_to: Origin of another host that takes the PUTs; completing such an upload does nothing.
        downloads_from: Origin of another host that answers GETs of `/objects/KEY`.
        delay: Seconds before each answer of the API.

    Attributes:
        token: The one token it takes.
        bad_token_status: 401 as BentoCloud answers, or 403 as Yatai does.
        objects: The object host.
        records: What is registered; tests may edit it.
    """

    def __init__(
        self,
        folder: Path,
        strategy: str | None = "presigned_url",
        *,
        port: int = 0,
        etag: str = "md5",
        uploads_to: str = "",
        downloads_from: str = "",
        delay: float = 0.0,
    ) -> None:
        super().__init__(port)
        self.strategy, self.delay = strategy, delay
        self.token, self.bad_token_status = TOKEN, 401
        self.records = Records()
        self.objects = ObjectHost(folder, etag=etag)
        self._actions = Actions(self.records, self.objects, uploads_to, downloads_from)

    def start(self) -> Yatai:
        self.objects.start()
        return super().start()

    def stop(self) -> None:
        super().stop()
        self.objects.stop()

    def key(self, name: str, version: str) -> str:
        """Key of a version's archive."""
        return f"models/default/{name}/{version}.tar.gz"

    def publish(self, name: str, version: str, archive: bytes) -> None:
        """Have a version with this archive, as if a client had pushed it."""
        manifest = {"module": "", "api_version": "v1", "bentoml_version": "1.4.39", "size_bytes": 1}
        self.records.create_repository({"name": name})
        model = self.records.create_model(name, {"version": version, "manifest": manifest, "labels": []})
        self.objects.bucket.put(self.key(name, version), [archive])
        self.records.touch(model, upload_status="success")

    def handle(self, handler: Handler) -> None:
        """Answer one request."""
        time.sleep(self.delay)
        try:
            self._authenticate(handler)
            reply = self._route(handler)
            if reply is not None:
                handler.reply_json(200, reply)
        except ApiError as error:
            key = "message" if error.status in (401, 403) else "error"
            handler.reply_json(error.status, {key: str(error)})
        except S3Error as error:
            handler.reply_json(400, {"error": f"{error}"})
        except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            handler.reply_json(400, {"error": f"bad request: {error!r}"})

    def _authenticate(self, handler: Handler) -> None:
        if handler.exchange.headers.get("x-yatai-api-token") != self.token:
            raise ApiError(self.bad_token_status, "get api token: record not found")

    def _route(self, handler: Handler) -> Json | None:
        path, method = handler.exchange.path, handler.command
        if (method, path) == ("GET", "/api/v1/auth/current"):
            return dict(USER)
        if (method, path) == ("GET", "/api/v1/current_org"):
            return resource("default", "organization")
        if (method, path) == ("GET", "/api/v1/models"):
            return self._page(handler, self.records.list_models(), searched=True)
        match = _PATH.fullmatch(path)
        if match is None:
            raise ApiError(404, "not found")
        name, version = unquote(match["name"] or ""), unquote(match["version"] or "")
        if match["action"]:
            return self._act(handler, name, version, match["action"])
        if match["version"]:
            return self._model(handler, name, version)
        return self._versions(handler, name) if match["models"] else self._repository(handler, name)

    def _repository(self, handler: Handler, name: str) -> Json:
        if handler.command == "POST" and not name:
            return self.records.create_repository(handler.json())
        if handler.command != "GET":
            raise ApiError(405, "method not allowed")
        if name:
            return self.records.repository(name)
        return self._page(handler, self.records.list_repositories(), searched=True)

    def _versions(self, handler: Handler, name: str) -> Json:
        if handler.command == "POST":
            return self._show(self.records.create_model(name, handler.json()))
        return self._page(handler, self.records.list_models(name), searched=False)

    def _model(self, handler: Handler, name: str, version: str) -> Json:
        model = self.records.model(name, version)
        if handler.command not in ("GET", "PATCH"):
            raise ApiError(404, "not found")
        if handler.command == "PATCH":
            model = self.records.label(model, handler.json())
        return {**self._show(model), "repository": self.records.repository(name), "bentos": []}

    def _page(self, handler: Handler, items: list[Json], *, searched: bool) -> Json:
        query = dict(parse_qsl(handler.exchange.query))
        start, count = int(query.get("start", 0)), int(query.get("count", 0))
        words = f"{query.get('search', '')} {query.get('q', '')}".split() if searched else []
        items = [item for item in items if all(_matches(item, word) for word in words)]
        shown = items[start : start + count] if count else items[start:]
        return {"start": start, "count": count, "total": len(items), "items": [self._show(item) for item in shown]}

    def _show(self, model: Json) -> Json:
        """The record as sent: with the strategy, which old servers leave null."""
        return {**model, "transmission_strategy": self.strategy} if model["resource_type"] == "model" else model

    def _act(self, handler: Handler, name: str, version: str, action: str) -> Json | None:
        model, key = self.records.model(name, version), self.key(name, version)
        act: Action | None = getattr(self._actions, f"{handler.command.lower()}_{action}", None)
        if act is None:
            raise ApiError(404, "not found")
        reply = act(handler, model, key)
        return None if reply is None else self._show(reply)


def _matches(item: Json, word: str) -> bool:
    """Whether a record answers to one word of a search: `module:x`, `label:k=v`, `label:k`, or part of its name."""
    kind, colon, value = word.partition(":")
    if colon and kind == "module":
        return str(item.get("manifest", {}).get("module")) == value
    if colon and kind == "label":
        key, _, text = value.partition("=")
        return any(label["key"] == key and text in ("", label["value"]) for label in item["labels"])
    names = (item["name"], item.get("repository", {}).get("name", ""))
    return any(word in name for name in names)


def main() -> None:
    """Serve until SIGTERM; prints the URL first."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--strategy", choices=("presigned_url", "proxy", "none"), default="presigned_url")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--etag", choices=("md5", "random"), default="random")
    parser.add_argument("--uploads-to", default="")
    parser.add_argument("--downloads-from", default="")
    parser.add_argument("--delay", type=float, default=0.0)
    options = vars(parser.parse_args())
    options["strategy"] = None if options["strategy"] == "none" else options["strategy"]
    with Yatai(**options) as yatai:
        print(yatai.url, flush=True)
        signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main()
