"""Take values out of the JSON of a request and check them; code behind this trusts them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, cast

from modelsync_jupyter.archive.layout import CUT
from modelsync_jupyter.core.errors import IntegrityError
from modelsync_jupyter.core.parts import Part, check_digest, parse_parts
from modelsync_jupyter.core.plain import fits, is_text
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.info import (
    MAX_DEPTH,
    MAX_DESCRIPTION,
    MAX_LABEL_KEY,
    MAX_LABEL_VALUE,
    MAX_LABELS,
    MAX_VALUES,
    MAX_YAML,
)
from modelsync_jupyter.wire import LabelJSON, ManifestJSON, parse_time

from .catalog.database import as_kept
from .errors import BadRequest

MAX_PART_NUMBER = 400_000
MAX_ARCHIVE = 1 << 50
_MAX_ETAG = 128
#: The manifest itself, and what it holds, as deep as a client's model.yaml may be.
_MAX_DEPTH = MAX_DEPTH + 2


def check_length(length: int | None) -> int:
    """Check how many bytes a body has.

    Raises:
        BadRequest: None, too many, or the client does not say.
    """
    if not length or not 0 < length <= MAX_ARCHIVE:
        raise BadRequest(f"a body with a Content-Length from 1 to {MAX_ARCHIVE} is needed")
    return length


def parse_json(body: bytes) -> object:
    """Parse the JSON value in `body`; an empty object for no body.

    Raises:
        BadRequest: Not JSON, or a number that JSON does not have.
    """
    if not body.strip():
        return {}
    try:
        return json.loads(body, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise BadRequest("the body is not valid JSON") from error


def clean(text: str, what: str) -> str:
    """Return `text` if a database can hold it.

    Raises:
        BadRequest: It has NUL characters or lone surrogates.
    """
    if not is_text(text):
        raise BadRequest(f"`{what}` has characters that are not allowed")
    return text


def read_time(text: str) -> datetime | None:
    """Return the time that a text says, as the catalog keeps times; None where it says none."""
    time = parse_time(text)
    with suppress(OverflowError):
        return as_kept(time) if time else None
    return None


def check_name(text: str) -> str:
    """Check the name of a repository.

    Raises:
        InvalidTag: It is not.
        BadRequest: It is a whole tag, or not in its normal form.
    """
    tag = Tag.parse(clean(text, "name"))
    if tag.name != text:
        raise BadRequest(f"`{text[:200]}` is not a name in its normal form")
    return text


def check_tag(text: str) -> Tag:
    """Check a tag that names a version.

    Raises:
        InvalidTag: It is not one.
        BadRequest: It names none.
    """
    tag = Tag.parse(clean(text[:256], "tag"))
    if tag.is_latest:
        raise BadRequest(f"`{text[:200]}` does not name a version")
    return tag


def check_version(text: str) -> str:
    """Check the version of a model.

    Raises:
        InvalidTag: It is not.
        BadRequest: It is `latest`, or not in its normal form.
    """
    if Tag.parse(f"a:{clean(text, 'version')}").version != text:
        raise BadRequest(f"`{text[:200]}` is not a version in its normal form")
    return text


class Fields:
    """The fields of one JSON object; each method takes one out and checks it.

    Args:
        data: A JSON value.

    Raises:
        BadRequest: In every method, where the value is not what is asked for.
    """

    def __init__(self, data: object) -> None:
        if not isinstance(data, Mapping):
            raise BadRequest("the body is not a JSON object")
        self._data = cast(Mapping[str, Any], data)

    def __contains__(self, key: str) -> bool:
        return self._data.get(key) is not None

    def is_null(self, key: str) -> bool:
        """Return whether the key is there and its value is null."""
        return key in self._data and self._data[key] is None

    def text(self, key: str, limit: int = MAX_DESCRIPTION, default: str = "") -> str:
        """Return text of at most `limit` characters; `default` where there is none."""
        value = self._data.get(key)
        if value is None:
            return default
        if not isinstance(value, str) or len(value) > limit:
            raise BadRequest(f"`{key}` is not a text of at most {limit} characters")
        return clean(value, key)

    def integer(self, key: str, minimum: int, maximum: int) -> int:
        """Return a whole number from `minimum` to `maximum`."""
        value = self._data.get(key)
        if type(value) is not int or not minimum <= value <= maximum:
            raise BadRequest(f"`{key}` is not a whole number from {minimum} to {maximum}")
        return value

    def flag(self, key: str) -> bool | None:
        """Return true or false; None where there is neither."""
        value = self._data.get(key)
        if value is not None and type(value) is not bool:
            raise BadRequest(f"`{key}` is neither true nor false")
        return value

    def time(self, key: str) -> datetime | None:
        """Return a time, as UTC without a zone; None where there is none."""
        text = self.text(key, 64)
        if not text:
            return None
        time = read_time(text)
        if time is None:
            raise BadRequest(f"parse {key.replace('_', ' ')}: not a time like `2026-01-31 13:59:59.000000`")
        return time

    def items(self, key: str, limit: int) -> list[Fields]:
        """Return a list of at most `limit` objects; empty where there is none."""
        value = self._data.get(key)
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > limit:
            raise BadRequest(f"`{key}` is not a list of at most {limit} objects")
        return [Fields(item) for item in value]

    def etags(self, key: str) -> dict[int, str]:
        """Return the ETags of a list of parts by their numbers; one may be quoted, and may name its algorithm.

        A model has hundreds of parts: what is read of each is looked at here, without `Fields` of its own.
        """
        found: dict[int, str] = {}
        value = self._data.get(key)
        for item in () if value is None else value if isinstance(value, list) else (None,):
            number, etag = (item.get("part_number"), item.get("etag")) if isinstance(item, dict) else (0, "")
            if type(number) is not int or not 1 <= number <= MAX_PART_NUMBER:
                raise BadRequest(f"`{key}` is not a list of `part_number`, from 1 to {MAX_PART_NUMBER}, and `etag`")
            if not isinstance(etag, str) or len(etag) > _MAX_ETAG:
                raise BadRequest(f"`etag` is not a text of at most {_MAX_ETAG} characters")
            found[number] = etag.strip().strip('"').removeprefix("blake3:")
        return found

    def texts(self, key: str, limit: int) -> list[str]:
        """Return a list of at most `limit` short texts; empty where there is none."""
        value = self._data.get(key)
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > limit or not all(isinstance(item, str) for item in value):
            raise BadRequest(f"`{key}` is not a list of at most {limit} texts")
        return [clean(item[:128], key) for item in value]

    def labels(self, key: str = "labels") -> list[LabelJSON]:
        """Read labels, each key once."""
        pairs = {
            item.text("key", MAX_LABEL_KEY): item.text("value", MAX_LABEL_VALUE) for item in self.items(key, MAX_LABELS)
        }
        if "" in pairs:
            raise BadRequest(f"a label in `{key}` has no key")
        return [{"key": name, "value": value} for name, value in pairs.items()]

    def object(self, key: str) -> Fields:
        """Return an object; an empty one where there is none."""
        return Fields(self._data.get(key) or {})

    def mapping(self, key: str) -> dict[str, Any]:
        """Return an object as it is, not nested too deep; empty where there is none."""
        value = self._data.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict) or not fits(value, depth=_MAX_DEPTH, values=MAX_VALUES):
            raise BadRequest(f"`{key}` is not an object of at most {MAX_VALUES:,} values, {_MAX_DEPTH} levels deep")
        return value

    def manifest(self, key: str = "manifest") -> ManifestJSON:
        """Return a model's manifest."""
        fields = Fields(self.mapping(key))
        manifest: ManifestJSON = {
            "module": fields.text("module", 256),
            "api_version": fields.text("api_version", 64),
            "bentoml_version": fields.text("bentoml_version", 64),
            "size_bytes": fields.integer("size_bytes", 0, MAX_ARCHIVE),
            "metadata": fields.mapping("metadata"),
            "context": fields.mapping("context"),
            "options": fields.mapping("options"),
        }
        if len(json.dumps(manifest)) > MAX_YAML:
            raise BadRequest(f"`{key}` is larger than {MAX_YAML:,} bytes")
        return manifest

    def content_digest(self) -> str | None:
        """Return the content digest that a client declares; None where it is built on other rules than ours."""
        text = self.text("content_digest", 80)
        if not text or self.text("cut", 64) != CUT:
            return None
        try:
            return check_digest(text)
        except IntegrityError as error:
            raise BadRequest("`content_digest` is not `blake3:` and 64 hexadecimal digits") from error

    def parts(self, key: str = "parts") -> tuple[Part, ...]:
        """Return the parts of an archive."""
        value = self._data.get(key)
        if isinstance(value, list) and len(value) > MAX_PART_NUMBER:
            raise BadRequest(f"`{key}` has more than {MAX_PART_NUMBER} parts")
        try:
            parts = parse_parts(value)
        except IntegrityError as error:
            raise BadRequest(f"`{key}`: a list of `size` and `digest` is needed") from error
        if not parts or parts[-1].stop > MAX_ARCHIVE:
            raise BadRequest(f"`{key}` is empty or larger than {MAX_ARCHIVE} bytes")
        return parts


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
