"""The registry server: BentoCloud's REST API for models over a catalog (SQLAlchemy) and a store of blobs.

::

    server     gunicorn and its processes               settings   what the server was told
    lane/      connections; bytes that come and leave   app        the Flask app and its error replies
    security/  who calls, and who may do what           routes/    one function per endpoint: parse, call, reply
    service    catalog, blobs and signer together       pages/     the registry in a browser, over the API
    catalog/   typed rows, queries, migrations          search     the language of queries
    blobs/     a store of blobs: a folder, a bucket     body       what a request asks for
    archives/  stored archives: cut, read, described    values     what of it is trusted after a check
    presence   which parts need not be sent             replies    records as the JSON of the wire
    multipart  receive parts, complete uploads          openapi    the API, told from the code
    publishing switch a version, in one transaction     observing  the log of requests, and metrics
    space      garbage collection, rotten blobs         downloads  how often each version was downloaded
    migrate    copies and backups of a whole registry

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
