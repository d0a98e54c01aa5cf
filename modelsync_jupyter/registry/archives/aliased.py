"""An archive under the name of an alias, as stock clients need it.

Stock BentoML installs what a model.yaml names, and looks afterwards for what it asked for: a service that asks for
`name:production` and gets `name:v2` pulls again in each of its processes, and fails because `v2` is there already. So
an archive that is asked for by an alias says `production` in its model.yaml, and in `metadata.alias_of` what it is.

Nothing is stored for that. Of two members of one name in a tar, the later one counts: the renamed model.yaml takes the
place of the end mark, and the bytes before it are those of the archive. Our own clients ask for the version itself.
"""

from __future__ import annotations

import tarfile
from dataclasses import dataclass

from modelsync_jupyter.archive.layout import Entry, padded
from modelsync_jupyter.core.errors import InvalidModel, UsageError
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.info import ALIAS_OF, MAX_YAML, MODEL_YAML
from modelsync_jupyter.model_yaml import edited_yaml, parse_info, renamed_yaml

from ..catalog.archives import layout_of, parts_between
from ..catalog.rows import ArchiveRow
from ..service import Registry
from .reader import ArchiveReader


@dataclass(frozen=True, slots=True)
class Ending:
    """Another end of an archive than the one that is stored.

    Args:
        start: Where it begins.
        data: Its bytes.
        name: What tells the archive that ends like this from others, in its ETag.
    """

    start: int
    data: bytes
    name: str


def end_as(registry: Registry, archive: ArchiveRow, alias: str) -> Ending | None:
    """Return how an archive ends where it goes by an alias; None where its model.yaml cannot be told from the rest.

    Args:
        registry: Where it is stored.
        archive: The archive.
        alias: The alias.
    """
    with registry.database.read() as connection:
        members = layout_of(connection, archive.id)
        found = next((item for item in members or () if item["path"] == MODEL_YAML and item["kind"] == "file"), None)
        if members is None or found is None or found["size"] > MAX_YAML:
            return None
        parts = parts_between(connection, archive.id, found["offset"], found["offset"] + found["size"])
    with ArchiveReader(registry.blobs, parts) as file:
        file.seek(found["offset"])
        data = file.read(found["size"])
    try:
        info = parse_info(data)
        data = edited_yaml(data, info._replace(metadata={**info.metadata, ALIAS_OF: str(info.tag)})).encode()
        data = renamed_yaml(data, parse_info(data), Tag(info.tag.name, alias)).encode()
    except (InvalidModel, UsageError):
        return None
    header = Entry(MODEL_YAML, "file", 0, 0, len(data)).header(int(info.creation_time.timestamp()))
    end = bytes(padded(len(data)) - len(data) + 2 * tarfile.BLOCKSIZE)
    start = max(item["offset"] + padded(item["size"]) for item in members)
    return Ending(start, header + data + end, alias)
