"""Sessions: `requests` without what it does unasked, and with the limits in time that it lacks.

Taken away are passwords from `~/.netrc` (object hosts refuse them beside a signature, and a redirect would carry them
to any host), cookies, redirects, and signatures in the debug log of `urllib3`.

One timeout of `requests` covers both the wait for an answer and the silence between two bytes of it, and a header that
drips in byte by byte may take forever. Here a whole header must arrive within the read timeout of its request, and from
then on a connection may be silent for `stall` seconds only. So a server may think for minutes about the bytes it was
sent, while a download that stands still is noticed soon.
"""

from __future__ import annotations

import http.client
import io
import logging
import re
import time
from collections.abc import Iterator
from copy import copy
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from modelsync_jupyter.archive.folder import Unread
from modelsync_jupyter.wire import user_agent

_SIGNED = re.compile(r"\?\S*(?:signature|sig=|token)\S*", re.IGNORECASE)


class Session(requests.Session):
    """A session that sends what it is told to: no password, no cookie; and follows no redirect.

    Args:
        connections: How many to keep open to one host.
        stall: Seconds without a byte of a body before the connection counts as broken.
    """

    def __init__(self, connections: int, stall: float) -> None:
        super().__init__()
        self.headers["User-Agent"] = user_agent()
        self.auth = copy  # a function of a request that adds nothing: else a password is looked for in ~/.netrc
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # they know hosts, but not ports
        adapter = _Adapter(connections, stall)
        self.mount("http://", adapter)
        self.mount("https://", adapter)
        logging.getLogger("urllib3.connectionpool").addFilter(_without_signatures)
        #: What the environment says of proxies and certificates for each host: to read it takes as long as a request.
        self.settings: dict[tuple[str, str], Any] = {}

    def resolve_redirects(self, *args: Any, **keywords: Any) -> Iterator[Any]:
        """Follow nothing. `requests` would read, and decompress, the whole body of a redirect even if told not to."""
        return iter(())


class _Adapter(HTTPAdapter):
    """An adapter whose connections wait as the module says."""

    def __init__(self, connections: int, stall: float) -> None:
        reply = staticmethod(partial(_Reply, stall))
        plain = type("PlainConnection", (_Plain,), {"response_class": reply})
        secure = type("SecureConnection", (HTTPSConnection,), {"response_class": reply})
        self._pools = {
            "http": type("PlainPool", (urllib3.HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("SecurePool", (urllib3.HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }
        super().__init__(pool_connections=4, pool_maxsize=connections)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **keywords: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **keywords)
        if not proxy.lower().startswith("socks"):  # those have connections of their own
            manager.pool_classes_by_scheme = self._pools
        return manager


class _Plain(HTTPConnection):
    """A connection over which the kernel sends what was not read yet; any other reads it for that."""

    def send(self, data: Any) -> None:
        if isinstance(data, Unread) and self.sock:
            data.send(self.sock)
        else:
            super().send(data)


class _Reply(http.client.HTTPResponse):
    """A reply whose bytes come from an `_Incoming`."""

    def __init__(self, stall: float, connection: Any, *args: Any, **keywords: Any) -> None:
        super().__init__(connection, *args, **keywords)
        self.fp.close()
        self._incoming = _Incoming(connection, stall)
        self.fp = io.BufferedReader(self._incoming)

    def begin(self) -> None:
        super().begin()
        self._incoming.deadline = None


class _Incoming(io.RawIOBase):
    """Bytes from a socket: until a deadline at first, and after that with a limit for each silence.

    Args:
        connection: The socket; its timeout is the time for the header.
        stall: Seconds of silence that are too long, afterwards.
    """

    def __init__(self, connection: Any, stall: float) -> None:
        self._connection = connection
        self._raw = connection.makefile("rb", buffering=0)
        wait = connection.gettimeout()
        self._stall = stall if wait is None else min(stall, wait)
        self.deadline = None if wait is None else time.monotonic() + wait

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._stall if self.deadline is None else self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._connection.settimeout(left)
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


def _without_signatures(record: logging.LogRecord) -> bool:
    """Cut the queries of presigned URLs out of a log line; their paths stay, the signatures that open them go."""
    if isinstance(record.args, tuple):
        record.args = tuple(_SIGNED.sub("?…", each) if isinstance(each, str) else each for each in record.args)
    return True
