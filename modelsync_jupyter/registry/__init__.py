"""The registry server: BentoCloud's REST API for models over a catalog (SQLAlchemy) and a store of blobs.

::

    server     gunicorn and its processes             front      the connections of one process
    bridge     between the front and Flask            search     the language of queries
    fast       threads that are lent to fast clients
    settings   what the server was told               catalog/   typed rows, queries, migrations: all SQL
    app        the Flask app and its error replies    routes/    one function per endpoint: parse, call, reply
    service    catalog, blobs and signer together     blobs/     what a store of blobs promises; a folder as one
    multipart  receive parts, complete uploads        contents   layout, model.yaml and content digest of an archive
    cutting    cut a whole body while it arrives      backfill   content digests of archives of earlier versions
    publishing switch a version, in one transaction   sending    send archives, whole or in ranges
    access     who may do what: decided here only     auth       who calls; the rule that each route says
    sessions   what the page signs in with            throttle   failed sign-ins are counted and slowed
    inspection files, tensors and differences         pages/     the registry in a browser, over the API
    space      garbage collection, rotten blobs       migrate    copies and backups of a whole registry

A stored archive is an ordered list of parts named by their BLAKE3 digest; equal parts are stored once. A version
becomes visible in one catalog transaction, after all its bytes are durable. Its content digest is computed from these
bytes when the upload is completed, for stock clients too. Deleting hides a version, which can be restored for a while;
then garbage collection frees what no other version needs, see `space`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app import create_app
    from .server import serve
    from .settings import Settings

__all__ = ["Settings", "create_app", "serve"]

_HOMES = {"Settings": "settings", "create_app": "app", "serve": "server"}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
