"""What is not a BentoML model yet: a snapshot of Hugging Face, a model of MLflow, or plain files.

Their files are taken as they are; what their own metadata says of where they come from goes into labels and metadata of
the model.yaml that is written for them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

from modelsync_jupyter.core.errors import InvalidModel, InvalidTag, UsageError
from modelsync_jupyter.core.tags import Tag, new_version
from modelsync_jupyter.info import MAX_YAML, ModelInfo
from modelsync_jupyter.model_yaml import load_yaml
from modelsync_jupyter.remotes.files.places import Place
from modelsync_jupyter.remotes.files.trees import Tree, read_small
from modelsync_jupyter.store.create import checked_info, environment

_MLMODEL = "MLmodel"
#: Where the cache of Hugging Face keeps a revision of a repository.
_SNAPSHOT = re.compile(r"/models--(?P<org>[^/]+?)--(?P<name>[^/]+)/snapshots/(?P<revision>[^/]+)/?$")
_HUB = re.compile(r"hf://(?:models/)?(?P<org>[^/@]+)/(?P<name>[^/@]+)(?:@(?P<revision>[^/]+))?/?$")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def describe_foreign(tree: Tree, place: Place, asked: Tag | None) -> ModelInfo:
    """Make the facts of a model out of files that have no model.yaml.

    Args:
        tree: The files.
        place: Where they are.
        asked: What to call the model, or None for a name of its own.

    Raises:
        UsageError: There are no files, or nothing to make a name of.
        InvalidModel: Metadata of its own is broken.
    """
    if not any(entry.kind == "file" for entry in tree.members):
        raise UsageError(
            f"`{place.shown}` holds no files.", "Name a model, an archive of one, or files to make one of."
        )
    version, created = "", datetime.now(timezone.utc)
    if (data := read_small(tree, _MLMODEL, MAX_YAML)) is not None:
        name, labels, metadata, created = _mlflow(data, place)
    elif found := _SNAPSHOT.search(f"/{place.shown}") or _HUB.fullmatch(place.shown):
        name, version, labels, metadata = _hub(found, tree, place)
    else:
        name, labels, metadata = place.name.partition(".")[0], {}, {"imported_from": place.name}
    tag = asked or Tag(_word(name, place))
    tag = tag if tag.version else tag.at(version or new_version())
    return checked_info(ModelInfo(tag, created, labels=labels, metadata=metadata, context=environment()))


def _mlflow(data: bytes, place: Place) -> tuple[str, dict[str, str], dict[str, Any], datetime]:
    """Read MLflow's own description of a model."""
    said = load_yaml(data, f"`{_MLMODEL}` in `{place.shown}`")
    if not isinstance(said, Mapping):
        raise InvalidModel(f"`{_MLMODEL}` in `{place.shown}` is not a mapping.", "Save the model again.")
    flavors = said.get("flavors") if isinstance(said.get("flavors"), Mapping) else {}
    names = sorted(str(each) for each in flavors or {})
    kept = ("run_id", "model_id", "model_uuid", "mlflow_version", "artifact_path", "utc_time_created", "signature")
    facts: dict[str, Any] = {key: _jsonable(said[key]) for key in kept if said.get(key) is not None}
    own = [name for name in names if name != "python_function"] or names
    labels = {"source": "mlflow"} | ({"flavor": own[0]} if own else {})
    labels |= {"run_id": str(facts["run_id"])} if "run_id" in facts else {}
    created = datetime.now(timezone.utc)
    with suppress(ValueError):
        created = datetime.fromisoformat(str(said.get("utc_time_created"))).replace(tzinfo=timezone.utc)
    path = str(facts.get("artifact_path") or "")
    name = place.name if not path or path == "model" or "://" in path else path
    return name, labels, {"mlflow": {"flavors": _jsonable(flavors), **facts}}, created


def _hub(found: re.Match[str], tree: Tree, place: Place) -> tuple[str, str, dict[str, str], dict[str, Any]]:
    """Note repository and revision of a snapshot, and what its config.json says of the model."""
    repo, revision = f"{found['org']}/{found['name']}", found["revision"] or "main"
    if not _COMMIT.fullmatch(revision) and place.local is None:
        revision = _commit(repo, revision) or revision
    facts: dict[str, Any] = {"repo": repo, "revision": revision}
    if (data := read_small(tree, "config.json", MAX_YAML)) is not None:
        with suppress(ValueError, RecursionError):
            config = json.loads(data)
            if isinstance(config, dict):
                wanted = ("model_type", "architectures", "torch_dtype", "transformers_version")
                facts |= {key: config[key] for key in wanted if config.get(key) is not None}
    labels = {"source": "huggingface", "repo": repo[:256]}
    version = revision if _COMMIT.fullmatch(revision) else ""
    return repo.replace("/", "--"), version, labels, {"huggingface": facts}


def _commit(repo: str, revision: str) -> str:
    """Ask the hub which commit a branch or tag is, so that the model says what it is a copy of."""
    with suppress(Exception):
        from huggingface_hub import HfApi

        return str(HfApi().model_info(repo, revision=revision).sha or "")
    return ""


def _word(text: str, place: Place) -> str:
    """Make a valid name out of the name of a file or folder."""
    word = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")[:63].strip("-._")
    with suppress(InvalidTag):
        return Tag.parse(word).name
    raise UsageError(f"`{place.shown}` says no name for the model.", "Give it one.")


def _jsonable(value: Any) -> Any:
    """Return a value with nothing in it but what a model.yaml may hold: None is left out."""
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [_jsonable(item) for item in value if item is not None]
    return value if isinstance(value, (str, int, float, bool)) else str(value)
