"""Connections: what `urllib3` is asked for, and what it lacks.

`urllib3` sends what it is told to: no cookie, no password of `~/.netrc`, and it follows no redirect. Proxies and CAs
are those that users of `requests` know, by the same variables of the environment; `requests` itself, which takes
longer to import than a short command takes to run, is asked only where the environment names a proxy.

One timeout of `urllib3` covers both the wait for an answer and the silence between two bytes of it, and a header that
drips in byte by byte may take for ever. Here a whole header must arrive within the read timeout of its request, and
from then on a connection may be silent for `stall` seconds only. So a server may think for minutes about the bytes it
was sent, while a download that stands still is noticed soon.
"""

from __future__ import annotations

import http.client
import io
import logging
import os
import re
import ssl
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from functools import partial
from importlib.util import find_spec
from typing import Any
from urllib.parse import unquote

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import make_headers, parse_url

from modelsync_jupyter.core.errors import MissingDependency
from modelsync_jupyter.wire import user_agent

#: Files of CAs to trust instead of those that Mozilla does.
CA_FILES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_SIGNED = re.compile(r"\?\S*(?:signature|sig=|token)\S*", re.IGNORECASE)


class Reply:
    """A reply whose body was not read yet.

    Args:
        raw: As `urllib3` gives it.
        url: Where the request went.
        registry: Whether that is the registry itself, and not a host for its objects.
    """

    def __init__(self, raw: urllib3.BaseHTTPResponse, url: str, registry: bool) -> None:
        self.raw, self.url, self.registry = raw, url, registry
        self.status_code, self.headers = raw.status, raw.headers

    def close(self) -> None:
        """Let go of the connection: for the next request, where all of the body was read."""
        self.raw.close()
        self.raw.release_conn()


class Session:
    """Connections that are kept open.

    Args:
        connections: How many to one host.
        stall: Seconds without a byte of a body before the connection counts as broken.

    Attributes:
        headers: What each request says.
    """

    def __init__(self, connections: int, stall: float) -> None:
        self.headers = {"User-Agent": user_agent(), "Accept": "*/*", "Accept-Encoding": "identity"}
        self._connections = connections
        reply = staticmethod(partial(_Reply, stall))
        plain = type("PlainConnection", (HTTPConnection,), {"response_class": reply})
        secure = type("SecureConnection", (HTTPSConnection,), {"response_class": reply})
        self._pools = {
            "http": type("PlainPool", (urllib3.HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("SecurePool", (urllib3.HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }
        self._managers: dict[str, urllib3.PoolManager] = {}
        self._lock = threading.Lock()
        logging.getLogger("urllib3.connectionpool").addFilter(_without_signatures)

    def open(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Iterable[memoryview] | None,
        timeout: tuple[float, float],
    ) -> urllib3.BaseHTTPResponse:
        """Send a request and return its reply, whatever its status, as soon as its header is there.

        Args:
            method: HTTP method.
            url: Where to.
            headers: Its own headers.
            body: What to send; of an iterable the headers say the length.
            timeout: Seconds to make a connection, and until the header of the reply must have arrived.

        Raises:
            MissingDependency: The proxy speaks SOCKS, and the package for it is not installed.
            HTTPError: One of `urllib3`: no connection, or it broke.
            OSError: The CA file cannot be read.
            ValueError: The address is not valid.
        """
        manager = self._manager(url)
        return manager.urlopen(
            method,
            url,
            body=body,
            headers={**self.headers, **headers},
            timeout=urllib3.Timeout(connect=timeout[0], read=timeout[1]),
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )

    def close(self) -> None:
        """Close idle connections."""
        for manager in self._managers.values():
            manager.clear()

    def _manager(self, url: str) -> urllib3.PoolManager:
        """Return the connections to where a URL leads: directly, or through a proxy."""
        proxy, secure = proxy_of(url) or "", url[:6].lower() == "https:"
        key = f"{'https' if secure else 'http'} {proxy}"
        with self._lock:
            if key in self._managers:
                return self._managers[key]
            options: dict[str, Any] = {"num_pools": 4, "maxsize": self._connections}
            if secure or proxy[:6].lower() == "https:":
                options["ssl_context"] = _trust()  # shared, for it takes longer to load than to use
            if proxy.lower().startswith("socks"):
                manager = _through_socks(proxy, options)
            elif proxy:
                manager = _through_proxy(proxy, options)
            else:
                manager = urllib3.PoolManager(**options)
            if not proxy.lower().startswith("socks"):  # these have connections of their own
                manager.pool_classes_by_scheme = self._pools
            self._managers[key] = manager
            return manager


def proxy_of(url: str) -> str | None:
    """Return the proxy that requests to a URL go through, as `requests` would find it, or None.

    Raises:
        ValueError: Its address is not one.
    """
    told = any(name[-6:].lower() == "_proxy" and value for name, value in os.environ.items())
    if not told and sys.platform not in ("darwin", "win32"):  # there the system may name one
        return None
    from requests.utils import get_environ_proxies, select_proxy

    proxy = select_proxy(url, get_environ_proxies(url))
    if not proxy:
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if not parse_url(proxy).host:
        raise ValueError("The proxy's address has no host.")
    return proxy


def _trust() -> ssl.SSLContext:
    """Return what certificates are checked against."""
    context = urllib3.util.create_urllib3_context()
    path = next((value for name in CA_FILES if (value := os.environ.get(name))), "")
    if not path:
        import certifi

        path = certifi.where()
    context.load_verify_locations(**{"capath" if os.path.isdir(path) else "cafile": path})
    return context


def _through_proxy(proxy: str, options: Mapping[str, Any]) -> urllib3.PoolManager:
    secret = parse_url(proxy).auth
    headers = make_headers(proxy_basic_auth=unquote(secret)) if secret else None
    return urllib3.ProxyManager(proxy, proxy_headers=headers, **options)


def _through_socks(proxy: str, options: Mapping[str, Any]) -> urllib3.PoolManager:
    if find_spec("socks") is None:
        step = "Install it with `pip install PySocks`, or unset ALL_PROXY, HTTP_PROXY and HTTPS_PROXY."
        raise MissingDependency("The proxy of this machine speaks SOCKS, which needs the package `PySocks`.", step)
    from urllib3.contrib.socks import SOCKSProxyManager

    auth = parse_url(proxy).auth or ""
    user, _, password = auth.partition(":")
    return SOCKSProxyManager(proxy, username=unquote(user) or None, password=unquote(password) or None, **options)


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
