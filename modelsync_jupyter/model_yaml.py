"""A model.yaml as text: read and written by the same rules and limits in the store and in the registry.

The author of the file is not trusted: a few lines of YAML can name a tree without end, and some of YAML 1.1 takes
quadratic or exponential time to read. A YAML reader takes a tenth of the time of a command that has nothing to do, so
what need not read the file does not import this.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import yaml

from modelsync_jupyter.core.errors import InvalidModel, InvalidTag, UsageError
from modelsync_jupyter.core.plain import fits
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.core.units import format_size
from modelsync_jupyter.info import MAX_DEPTH, MAX_VALUES, MAX_YAML, MODEL_YAML, ModelInfo

#: libyaml where it is built in: ten times faster.
_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
#: Digits of a number at most; Python refuses to write longer ones out.
_MAX_DIGITS = 4000


class _Loader(_Safe):  # type: ignore[misc]
    """Reads what BentoML writes, in time that grows with the size of the file alone.

    Left out of YAML 1.1: numbers of base 60 (`1:30:00` is text here), whose value takes quadratic time to compute, and
    merge keys (`<<` is a key like others), which take exponential time to copy. BentoML writes neither.
    """

    def construct_yaml_int(self, node: Any) -> Any:
        if ":" in node.value or len(node.value) > _MAX_DIGITS:
            raise yaml.constructor.ConstructorError(None, None, "a number that is too long", node.start_mark)
        return super().construct_yaml_int(node)

    def construct_yaml_float(self, node: Any) -> Any:
        if ":" in node.value:
            raise yaml.constructor.ConstructorError(None, None, "a number of base 60", node.start_mark)
        return super().construct_yaml_float(node)

    def flatten_mapping(self, node: Any) -> None:
        """Leave merge keys alone."""


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_yaml_float)
_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, re.compile(pattern.pattern.replace("(?::[0-5]?[0-9])+", "(?!)"), re.VERBOSE))
        for tag, pattern in pairs
        if not tag.endswith((":merge", ":value"))
    ]
    for first, pairs in _Safe.yaml_implicit_resolvers.items()
}


def load_yaml(data: bytes, where: str) -> Any:
    """Read YAML that nobody vouches for, in bounded time and depth.

    Args:
        data: Its bytes, of which there are no more than `MAX_YAML`.
        where: What to call the file in an error.

    Raises:
        InvalidModel: It is broken, or holds too much.
    """
    if re.search(rb"^%TAG", data, re.MULTILINE):  # libyaml compares each with all others
        raise InvalidModel(f"{where} has directives.")
    too_much = f"{where} has more than {MAX_VALUES:,} values or {MAX_DEPTH} levels."
    try:
        # What is nested deep makes libyaml overrun the stack, so depth is counted beforehand. Most files are spared
        # that: each level takes one of these characters, each value a byte.
        if sum(map(data.count, (b"[", b"{", b"-", b"?", b":"))) > MAX_DEPTH or len(data) > MAX_VALUES:
            depth = 0
            for count, event in enumerate(yaml.parse(data, _Loader)):
                depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
                if depth > MAX_DEPTH + 1 or count > 2 * MAX_VALUES:
                    raise InvalidModel(too_much)
        found = yaml.load(data, _Loader)
        if b"*" in data and not fits(found, depth=MAX_DEPTH, values=MAX_VALUES):  # else no alias writes more of it out
            raise InvalidModel(too_much)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidModel(f"{where} is not valid YAML.") from error
    return found


def parse_info(data: bytes, where: str = f"`{MODEL_YAML}`") -> ModelInfo:
    """Read the bytes of a model.yaml, and check what they say.

    Args:
        data: Its bytes, of which there are no more than `MAX_YAML`.
        where: What to call the file in an error.

    Raises:
        InvalidModel: It is broken or holds too much, or `name`, `version` or `creation_time` are missing or wrong.
    """
    said = load_yaml(data, where)
    if not isinstance(said, Mapping):
        raise InvalidModel(f"`{MODEL_YAML}` is not a mapping.")
    name, version, time = said.get("name"), said.get("version"), said.get("creation_time")
    if not isinstance(name, str) or type(version) not in (str, int):
        raise InvalidModel(f"`{MODEL_YAML}` lacks a `name` or a `version`.")
    try:
        tag = Tag.parse(f"{name}:{version}")
    except InvalidTag as error:
        raise InvalidModel(f"`{MODEL_YAML}` names no valid model: {error.message}") from error
    if tag.is_latest:
        raise InvalidModel(f"`{MODEL_YAML}` of `{name}` has no version of its own.")
    try:
        made = time if isinstance(time, datetime) else datetime.fromisoformat(str(time).replace("Z", "+00:00"))
    except ValueError as error:
        raise InvalidModel(f"`creation_time` in `{MODEL_YAML}` is not an ISO 8601 time: `{time}`.") from error
    nested: dict[str, dict[str, Any]] = {}
    for key in ("labels", "metadata", "options", "context", "signatures"):
        value = said.get(key) or {}
        if not isinstance(value, Mapping):
            raise InvalidModel(f"`{key}` in `{MODEL_YAML}` is not a mapping.")
        nested[key] = dict(value)
    nested["labels"] = {str(key): str(value) for key, value in nested["labels"].items()}
    return ModelInfo(
        tag=tag,
        creation_time=made if made.tzinfo else made.replace(tzinfo=timezone.utc),
        module=str(said.get("module") or ""),
        api_version=str(said.get("api_version") or "v1"),
        **nested,
    )


def info_yaml(info: ModelInfo) -> str:
    """Return the text of a model.yaml.

    Raises:
        UsageError: It would be larger than a registry takes, or nested too deep, or hold what YAML does not have.
    """
    if not fits(info.to_dict(), depth=MAX_DEPTH, values=MAX_VALUES):  # else it would be written and read for seconds
        raise UsageError(
            f"The metadata has more than {MAX_VALUES:,} values or {MAX_DEPTH} levels.",
            "Write large metadata into a file of the model.",
        )
    try:
        text: str = yaml.dump(info.to_dict(), None, _Dumper, sort_keys=False, allow_unicode=True)
        data = text.encode()
        if len(data) > MAX_YAML:
            raise UsageError(
                f"`{MODEL_YAML}` would have {format_size(len(data))}, and {format_size(MAX_YAML)} are allowed.",
                "Write large metadata into a file of the model.",
            )
        parse_info(data)
    except (yaml.YAMLError, ValueError, RecursionError, InvalidModel) as error:
        raise UsageError("The metadata cannot be written.", "Use flat values: text, numbers and dates.") from error
    return text


def renamed_yaml(data: bytes, info: ModelInfo, tag: Tag) -> str:
    """Return a model.yaml under another tag, everything else as it was, unknown keys included.

    Args:
        data: The model.yaml as it is.
        info: What it says.
        tag: What it is to say.
    """
    wanted = info._replace(tag=tag)
    text = data.decode("utf-8", "replace")
    for key, value in (("name", tag.name), ("version", str(tag.version))):
        line = yaml.dump({key: value}, None, _Dumper).strip()  # no name has a backslash in it
        text = re.sub(rf"^{key}:.*$", line, text, count=1, flags=re.MULTILINE)
    try:
        if parse_info(text.encode()) == wanted:
            return text
    except InvalidModel:
        pass
    return info_yaml(wanted)  # it was not written line by line


def edited_yaml(data: bytes, info: ModelInfo) -> str:
    """Return a model.yaml with other labels and metadata, everything else as it was, unknown keys included.

    Args:
        data: The model.yaml as it is.
        info: What it is to say.

    Raises:
        UsageError: As `info_yaml`.
    """
    said = dict(load_yaml(data, f"`{MODEL_YAML}`"))
    said.update(labels=dict(info.labels), metadata=dict(info.metadata))
    text: str = yaml.dump(said, None, _Dumper, sort_keys=False, allow_unicode=True)
    return text if len(text.encode()) <= MAX_YAML and parse_info(text.encode()) == info else info_yaml(info)
