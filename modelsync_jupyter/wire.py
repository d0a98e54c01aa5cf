"""The wire on one page: paths, headers and the JSON of BentoCloud's REST API, shared by client and registry.

Source: BentoML 1.4's own client and Yatai's server, the last public one. What is ours alone is the optional object
`modelsync` (class `Extension`) inside requests and replies that exist already; either side may ignore it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from functools import lru_cache
from importlib import import_module
from typing import Any, TypedDict
from urllib.parse import quote

from modelsync_jupyter.core.parts import PartJSON
from modelsync_jupyter.core.plain import plain
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.info import ModelInfo

API = "/api/v1"
TOKEN_HEADER = "X-YATAI-API-TOKEN"
VERSION_HEADER = "X-Bentoml-Version"
#: The client version we claim: servers hide the proxy strategy from anything older than 1.0.5.
BENTOML_VERSION = "1.4.39"
#: Where to ask which parts a push would not have to send.
PRESENT = f"{API}/parts/present"
#: Version of the `modelsync` object; a registry says it in every repository it returns.
PROTOCOL = 2

PENDING, UPLOADING, SUCCESS, FAILED = "pending", "uploading", "success", "failed"
PRESIGNED, PROXY = "presigned_url", "proxy"
#: Headers that a registry may ask for with what is PUT to its store of blobs, and all that a client adds for it.
PUT_HEADERS = ("x-ms-blob-type",)


class EntryJSON(TypedDict, total=False):
    """One member of an archive's layout.

    `offset` is where its bytes begin in the stream, `kind` file, dir or link; `digest` that of a file as a
    content digest is built on.
    """

    path: str
    kind: str
    mode: int
    size: int
    offset: int
    target: str
    digest: str


class LabelJSON(TypedDict):
    key: str
    value: str


class ManifestJSON(TypedDict):
    module: str
    api_version: str
    bentoml_version: str
    size_bytes: int
    metadata: dict[str, Any]
    context: dict[str, Any]
    options: dict[str, Any]


class Extension(TypedDict, total=False):
    """The object `modelsync`, each key where it is of use.

    - In every repository of a reply: `protocol`, whether it is `private`, and whether there is a `page` of it and of
      its versions for people, see `page_path`; where one is shown, the caller's `right`.
    - Where a version is not found, the reply of status 404 has its `repository` as one that is found has, or null.
    - In a model with a whole archive: `content_digest` of its files and the `cut` that it is built on; `digest` and
      `size` of the archive; `pushed_by`, the name of who published it; how many `downloads` there were; in lists and
      where one is shown, its `aliases`.
    - In a model that was asked for by an alias in the place of its version: that `alias`.
    - In a request to finish an upload: `upload_id`, which one. Without it the registry takes the caller's own last one.
    - In a request to start a multipart upload: `parts` of the whole archive, `cut` and `content_digest` as its client
      sees them, and the `manifest`, `labels` and `build_at` that become visible together with it; with a `description`,
      too, the request registers the version where it is not registered yet. In the reply:
      `present`, numbers of the parts the registry holds already. A part that is present is completed with its quoted
      digest as its ETag.
    - In the reply to a presigned download: `digest`, `size`, `parts` and `layout` of the archive, `content_digest`,
      `cut`, and `base`: bytes of the archive's own description in front, which parts and layout do count.
    - In a request to `PRESENT`, which is ours alone: `parts` of an archive; in the reply `present`, numbers of those
      that a push would not have to send.
    - `direct` in a request to start a multipart upload or to presign a download: the client can move bytes to and from
      the store of blobs itself. Where there is one that it may reach, the reply has `urls`: by number those to PUT
      parts to, as many as fit into a reply; or those to GET the first parts from, in order.
    - `headers` beside `direct` in a request that is about sending: names of those that the client can send along. In
      the reply: those, with their values, that have to go with each PUT to the store of blobs. Azure wants one.
    - `threads` in a request to start a multipart upload, with `direct`: how many parts the client sends at a time, and
      that it can send neighbours as one object. The keys of `urls` are FIRST-LAST then, all of what is to come; a URL
      that is "" has to be asked for as that of part FIRST.
    - `spans` in a request to presign a download, with `direct`: the client can read neighbours from one object. In the
      reply `urls` are those of objects then, and `spans` tells, from the archive's first byte on, of stretches of it:
      index of the URL, where in that object it begins, and how many bytes it has.
    - `look` in a request to presign a download: it is not to be counted as one.
    - In the replies to start a multipart upload of declared parts, and to presign one of them: `runs`, a URL for all of
      them. With `/FIRST-LAST` behind its path it takes these neighbours in one body, and answers with the ETag of the
      last; those that came whole are kept if the connection breaks.
    """

    protocol: int
    private: bool
    page: bool
    right: str
    pushed_by: str
    upload_id: str
    content_digest: str
    cut: str
    base: int
    digest: str
    size: int
    parts: list[PartJSON]
    layout: list[EntryJSON]
    present: list[int]
    alias: str
    aliases: list[str]
    downloads: int
    description: str
    manifest: ManifestJSON
    labels: list[LabelJSON]
    build_at: str
    direct: bool
    look: bool
    runs: str
    urls: dict[str, str] | list[str]
    headers: list[str] | dict[str, str]
    threads: int
    spans: bool | list[list[int]]


class CreateModelJSON(TypedDict):
    """Body of `POST /model_repositories/{name}/models`."""

    version: str
    description: str
    manifest: ManifestJSON
    build_at: str
    labels: list[LabelJSON]


class ResourceJSON(TypedDict):
    """What every record has."""

    uid: str
    created_at: str
    updated_at: str | None
    deleted_at: str | None
    name: str
    resource_type: str
    labels: list[LabelJSON]


class UserJSON(TypedDict):
    name: str
    email: str
    first_name: str
    last_name: str


class ModelJSON(ResourceJSON, total=False):
    """A model version: `name` is its version. Stock clients fail on a missing key, a null label or a null URL."""

    model_uid: str
    version: str
    description: str
    image_build_status: str
    upload_status: str
    upload_started_at: str | None
    upload_finished_at: str | None
    upload_finished_reason: str
    presigned_upload_url: str
    presigned_download_url: str
    presigned_urls_deprecated: bool
    transmission_strategy: str | None
    upload_id: str
    manifest: ManifestJSON
    build_at: str | None
    creator: UserJSON
    repository: RepositoryJSON
    modelsync: Extension


class RepositoryJSON(ResourceJSON, total=False):
    """A model repository: all versions of one name."""

    description: str
    latest_model: ModelJSON | None
    creator: UserJSON
    modelsync: Extension


@lru_cache(maxsize=1)
def user_agent() -> str:
    """Return what our client calls itself; a registry keeps it in its audit trail and in the history of a version."""
    try:
        version = import_module("modelsync_jupyter._version").__version__  # asking the installed package takes 10 ms
    except ImportError:  # it runs from a folder that was never built
        version = "unknown"
    return f"modelsync-jupyter/{version} python/{sys.version.split()[0]}"


def repository_path(name: str = "") -> str:
    """Return the path of one repository, or of their list."""
    return f"{API}/model_repositories" + (f"/{quote(name, safe='')}" if name else "")


def models_path(name: str) -> str:
    """Return the path of the list of versions in a repository."""
    return f"{repository_path(name)}/models"


def model_path(tag: Tag, action: str = "") -> str:
    """Return the path of one version, or of an action on it such as `start_upload`."""
    path = f"{models_path(tag.name)}/{quote(tag.version or '', safe='')}"
    return f"{path}/{action}" if action else path


def page_path(tag: Tag) -> str:
    """Return the path of the page that shows a version to people."""
    return f"/models/{quote(tag.name, safe='')}/{quote(tag.version or '', safe='')}"


def format_time(time: datetime) -> str:
    """Write a time as UTC without a zone, the only form that Yatai takes."""
    return time.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")


def parse_time(text: object) -> datetime | None:
    """Read a time, as UTC where it has no zone; None where there is no valid one."""
    if not isinstance(text, str):
        return None
    if match := re.search(r"\.(\d+)", text):  # Go writes one digit to nine, and Python 3.10 reads three or six
        text = f"{text[: match.start()]}.{match[1]:0<6.6}{text[match.end() :]}"
    try:
        time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)


def is_elsewhere(metadata: Mapping[str, Any]) -> bool:
    """Return whether the bytes of a model are kept by Hugging Face, as stock BentoML notes it in the metadata."""
    return bool(metadata.get("registry") == "huggingface")


def labels_json(labels: Mapping[str, str]) -> list[LabelJSON]:
    """Write labels as the API has them."""
    return [{"key": key, "value": value} for key, value in labels.items()]


def manifest_json(info: ModelInfo, size: int) -> ManifestJSON:
    """Write the manifest of a model.

    Args:
        info: What the model says of itself.
        size: Bytes of all its files.
    """
    return {
        "module": info.module,
        "api_version": info.api_version,
        "bentoml_version": str(info.context.get("bentoml_version", BENTOML_VERSION)),
        "size_bytes": size,
        "metadata": plain(info.metadata, nan_as_text=True),
        "context": plain(info.context, nan_as_text=True),
        "options": plain(info.options, nan_as_text=True),
    }
