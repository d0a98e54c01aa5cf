"""HTTP to a registry and to the object hosts behind it: `requests` without what it does unasked, within limits.

The token is a header of one session, which talks to the endpoint only. Presigned URLs are fetched by another one, which
has never seen it; that one alone follows redirects, and never from https to http. A reply is untrusted: what is read
of it is limited in bytes, seconds and nesting, and nothing is decompressed.

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
import json as jsons
import logging
import re
import ssl
import time
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import copy
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any, NamedTuple, Protocol
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.ssl_ import create_urllib3_context

from modelsync_jupyter.archive.unread import SOCKET_OPTIONS, Unread
from modelsync_jupyter.core.errors import InvalidReply, ModelSyncError, NotAuthenticated, UsageError
from modelsync_jupyter.core.steps import advice
from modelsync_jupyter.wire import BENTOML_VERSION, TOKEN_HEADER, VERSION_HEADER, user_agent

from .contexts import Context, check_token
from .faults import FAULTS, api_error, connection_fault, object_error, reason
from .retry import Retry

BLOCK = 1 << 20
_ERROR_TEXT = 1 << 16
_REDIRECTS = 5
_DEEPEST = 100
#: Lines behind the last chunk of a reply, and bytes of each.
_MOST_TRAILERS, _LONGEST_TRAILER = 100, 8192
_IN_THE_CLEAR = "The registry is reached over https, but its object host `{host}` would be over http, unencrypted."
_ASK_FOR_HTTPS = "Ask an admin of the registry to give its object host an `https://` address."
_HALF_A_PAIR = "[\ud800-\udfff]"
_SIGNED = r"(?i)\?\S*(?:signature|sig=|token)\S*"


class Limits(NamedTuple):
    """How long to wait for a server, and how much to take from it.

    Args:
        connect: Seconds to make a connection.
        stall: Seconds without a byte before a reply counts as broken.
        answer: Seconds until a server answers to bytes it was sent, or has put an upload together. It may have to
            copy gigabytes first.
        api: Seconds in which the whole reply to any other call of the API must have arrived.
        reply: Bytes of JSON in a reply.
    """

    connect: float = 20.0
    stall: float = 30.0
    answer: float = 600.0
    api: float = 60.0
    reply: int = 8 << 20


LIMITS = Limits()


class Body(Protocol):
    """What is sent: its length is known beforehand, its bytes come in views. Iterated once."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[memoryview | Unread]: ...


class Absent(dict[str, Any]):
    """What a reply says by which the API answers that there is no such thing."""


class Http:
    """Requests to one endpoint and to the object hosts behind it.

    Args:
        context: Endpoint and token.
        retry: Repeats API calls where that may help.
        connections: How many to keep open to one host.
        limits: How long to wait and how much to take; by default `LIMITS`.

    Attributes:
        endpoint: URL of the registry.
        retry: As given.
        limits: As given.

    Raises:
        NotAuthenticated: The token is one that no server can have given out.
    """

    def __init__(self, context: Context, retry: Retry, connections: int = 10, limits: Limits | None = None) -> None:
        try:
            check_token(context.token)
        except UsageError as error:
            raise NotAuthenticated(f"{error.message[:-1]}, of context `{context.name}`.") from None
        self.retry = retry
        self.limits = limits or LIMITS
        self.endpoint = context.endpoint
        self._token = context.token
        self._from_environment = context.is_environment
        trust = _Trust()
        self._api = Session(connections, self.limits.stall, trust)
        self._api.headers.update({TOKEN_HEADER: context.token, VERSION_HEADER: BENTOML_VERSION})
        self._objects = Session(connections, self.limits.stall, trust)

    def close(self) -> None:
        """Close idle connections."""
        self._api.close()
        self._objects.close()

    def call(
        self,
        method: str,
        path: str,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        most: int | None = None,
        absent: bool = False,
    ) -> Any:
        """Call the API, again where that may help, and return the JSON of its reply.

        Text in it is Unicode: where the reply has half of a surrogate pair, the replacement character stands.

        Args:
            method: HTTP method.
            path: Path below the endpoint.
            json: Body, or None for none.
            params: Query.
            timeout: Seconds in which the whole reply must have arrived; by default `Limits.api`.
            most: Bytes of the reply; by default `Limits.reply`.
            absent: Whether there may be no such thing: then an `Absent` is returned where the API answers 404.

        Raises:
            InvalidReply: The reply is no JSON, or larger or deeper than any reply can be.
        """
        seconds, most = timeout or self.limits.api, most or self.limits.reply

        def attempt() -> Any:
            deadline = time.monotonic() + seconds
            known = (404,) if absent else ()
            with self._open(self._api, method, path, {}, seconds, known, json=json, params=params) as reply:
                data = _read(reply, most + 1, deadline)
                status = reply.status_code
            if len(data) > most:
                raise InvalidReply(f"The registry's reply is larger than {most:,} bytes.", status=status)
            try:
                value = jsons.loads(data)
                if b"\\ud" in data.lower() or b"\xed" in data:  # half a surrogate pair: text that nobody can write
                    value = jsons.loads(re.sub(_HALF_A_PAIR, "\ufffd", jsons.dumps(value, ensure_ascii=False)))
            except (ValueError, RecursionError):
                if status in known:
                    return Absent()
                raise InvalidReply("The registry's reply is not JSON.", status=status) from None
            if data.count(b"[") + data.count(b"{") > _DEEPEST and _is_too_deep(value):
                raise InvalidReply(f"The registry's reply is nested more than {_DEEPEST} deep.", status=status)
            return Absent(value if isinstance(value, dict) else {}) if status in known else value

        return self.retry.run(attempt)

    def put(self, url: str, body: Body, headers: Mapping[str, str] = {}, *, timeout: float | None = None) -> str:
        """Send a body to a presigned URL, once, and return the ETag of the reply as it was sent.

        Args:
            url: The URL.
            body: What to send.
            headers: More headers that the host wants.
            timeout: Seconds until the answer begins; by default `Limits.answer`.
        """
        headers = {"Content-Type": "application/octet-stream", **headers}
        with self._open(self._objects, "PUT", url, headers, timeout or self.limits.answer, data=body) as reply:
            self._drain(reply)
            return reply.headers.get("ETag", "")

    def put_api(self, path: str, body: Body) -> None:
        """Send a body through the API itself, once."""
        headers = {"Content-Type": "application/octet-stream"}
        with self._open(self._api, "PUT", path, headers, self.limits.answer, data=body) as reply:
            self._drain(reply)

    def _drain(self, reply: requests.Response) -> None:
        """Read an answer that says nothing more to its end, so that its connection is left to the next request."""
        with suppress(ModelSyncError):
            _read(reply, _ERROR_TEXT, time.monotonic() + self.limits.stall)

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        """Open a presigned URL. Read the body with `blocks`."""
        with self._open(self._objects, "GET", url, headers, self.limits.stall) as reply:
            yield reply

    @contextmanager
    def get_api(self, path: str, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        """Open a download through the API itself. Read the body with `blocks`."""
        with self._open(self._api, "GET", path, headers, self.limits.stall) as reply:
            yield reply

    @contextmanager
    def _open(
        self,
        session: Session,
        method: str,
        url: str,
        headers: Mapping[str, str],
        wait: float,
        known: Collection[int] = (),
        **keywords: Any,
    ) -> Iterator[requests.Response]:
        """Send a request and yield its reply, unread, if it says success.

        Args:
            session: The one with the token, or the one without.
            method: HTTP method.
            url: A path below the endpoint, or a URL.
            headers: More headers.
            wait: Seconds until the header of the reply must have arrived.
            known: Statuses besides those of success that the caller knows what to do with.
            keywords: The body, for `requests`.
        """
        registry = session is self._api
        base, target = f"{self.endpoint}/", self.endpoint + url if registry else url
        headers = {"Accept-Encoding": "identity", **headers}
        for _ in range(_REDIRECTS + 1):
            try:
                target = urljoin(base, target)
                if self.endpoint.startswith("https:") and target.startswith("http:"):
                    raise InvalidReply(_IN_THE_CLEAR.format(host=urlsplit(target).hostname), _ASK_FOR_HTTPS)
                request = session.prepare_request(requests.Request(method, target, headers, **keywords))
                host = urlsplit(target)[:2]
                if host not in session.settings:
                    session.settings[host] = session.merge_environment_settings(target, {}, True, None, None)
                timeout = (self.limits.connect, wait)
                reply = session.send(request, timeout=timeout, **session.settings[host])
            except FAULTS as error:
                raise connection_fault(error, target, registry=registry) from None
            location = reply.headers.get("Location")
            if registry or method != "GET" or not 300 <= reply.status_code < 400 or not location:
                break
            reply.close()
            base, target = target, location
        try:
            if not 200 <= reply.status_code < 300 and reply.status_code not in known:
                data = b""
                with suppress(ModelSyncError):  # a reason is good to have, the status is what counts
                    data = _read(reply, _ERROR_TEXT, time.monotonic() + self.limits.stall)
                text, step = reason(data, reply.headers.get("Content-Type", ""), self._token)
                fault = (api_error if registry else object_error)(reply, text, step)
                if self._from_environment and isinstance(fault, NotAuthenticated):  # no sign-in is stronger than that
                    fault.step = advice("Set BENTO_CLOUD_API_KEY to a valid token, or unset it to use your sign-in.")
                raise fault
            yield reply
        finally:
            reply.close()


def blocks(reply: requests.Response) -> Generator[memoryview, None, None]:
    """Read the body of a reply in blocks of 1 MiB, to its end."""
    while True:
        try:
            block = reply.raw.read(BLOCK, decode_content=False)
        except FAULTS as error:
            raise _broken(reply, error) from None
        if not block:
            return
        yield memoryview(block)


def receive(reply: requests.Response, room: memoryview) -> int:
    """Fill memory with what comes next of the body of a reply.

    Returns:
        How many bytes came: fewer than there is room for only at the end.
    """
    body: Any = reply.raw._original_response  # as `requests` does: urllib3 itself would take new memory for each block
    try:
        count: int = body.readinto(room)
    except (*FAULTS, http.client.HTTPException) as error:
        raise _broken(reply, error) from None
    if body.isclosed():
        reply.raw.release_conn()
    return count


def _read(reply: requests.Response, most: int, deadline: float) -> bytes:
    """Read the body of a reply, or the first `most` bytes of it, as it arrives.

    Raises:
        Unavailable: It broke, or has not ended by the deadline.
    """
    data = bytearray()
    try:
        original: Any = reply.raw._original_response
        original.incoming.deadline = deadline  # it holds for sizes of chunks and trailers, too, of which we never hear
        while len(data) < most and (block := reply.raw.read1(1 << 16, decode_content=False)):
            data += block
    except FAULTS as error:
        raise _broken(reply, error) from None
    return bytes(data[:most])


def _broken(reply: requests.Response, error: Exception) -> ModelSyncError:
    """Tell what broke the body of a reply."""
    return connection_fault(error, reply.url, registry=TOKEN_HEADER in reply.request.headers)


def _is_too_deep(value: object) -> bool:
    """Return whether a value is nested so deep that code which walks it may fail; told without recursion."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            child
            for each in level
            if isinstance(each, (dict, list))
            for child in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True


class Session(requests.Session):
    """A session that sends what it is told to: no password, no cookie; and follows no redirect.

    Args:
        connections: How many to keep open to one host.
        stall: Seconds without a byte of a body before the connection counts as broken.
        trust: What certificates are checked against.
    """

    def __init__(self, connections: int, stall: float, trust: _Trust) -> None:
        super().__init__()
        self.headers["User-Agent"] = user_agent()
        self.auth = copy  # a function of a request that adds nothing: else a password is looked for in ~/.netrc
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # they know hosts, but not ports
        adapter = _Adapter(connections, stall, trust)
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

    def __init__(self, connections: int, stall: float, trust: _Trust) -> None:
        reply = staticmethod(partial(_Reply, stall))
        plain = type("PlainConnection", (_Plain,), {"response_class": reply})
        secure = type("SecureConnection", (_Secure,), {"response_class": reply, "trust": trust})
        self._pools = {
            "http": type("PlainPool", (urllib3.HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("SecurePool", (urllib3.HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }
        super().__init__(pool_connections=4, pool_maxsize=connections)
        self.poolmanager.pool_classes_by_scheme = self._pools
        self._options = {"socket_options": [*HTTPConnection.default_socket_options, *SOCKET_OPTIONS]}
        self.poolmanager.connection_pool_kw.update(self._options)

    def proxy_manager_for(self, proxy: str, **keywords: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **self._options, **keywords)
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


class _Trust(dict[tuple[str | None, str | None], ssl.SSLContext]):
    """Contexts of TLS by the file and folder of authorities. One serves all connections: to load a file takes 27 ms."""

    def __missing__(self, key: tuple[str | None, str | None]) -> ssl.SSLContext:
        context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
        try:
            context.load_verify_locations(*key)
        except OSError as error:
            raise urllib3.exceptions.SSLError(error) from error
        self[key] = context
        return context


class _Secure(HTTPSConnection):
    """A connection that takes its context from a `_Trust`, unless it is one through a proxy that speaks TLS itself."""

    trust: _Trust

    def connect(self) -> None:
        authorities = (self.ca_certs, self.ca_cert_dir)
        is_nested = self.proxy is not None and self.proxy.scheme == "https"
        if any(authorities) and not (self.ssl_context or self.cert_file or is_nested):
            self.ssl_context = self.trust[authorities]
            self.ca_certs = self.ca_cert_dir = None  # else they would be loaded into it once more
        super().connect()


class _Reply(http.client.HTTPResponse):
    """A reply whose bytes come from an `_Incoming`, `incoming`."""

    def __init__(self, stall: float, connection: Any, *args: Any, **keywords: Any) -> None:
        super().__init__(connection, *args, **keywords)
        self.fp.close()
        self.incoming, self._stall = _Incoming(connection), stall
        self.fp = io.BufferedReader(self.incoming)

    def begin(self) -> None:
        super().begin()
        self.incoming.deadline, self.incoming.silence = None, self._stall

    def _read_and_discard_trailer(self) -> None:
        """Read no more behind the last chunk than a header may have: the base reads for as long as lines come."""
        for _ in range(_MOST_TRAILERS):
            if self.fp.readline(_LONGEST_TRAILER) in (b"\r\n", b"\n", b""):
                return
        raise http.client.HTTPException("trailers without an end")


class _Incoming(io.RawIOBase):
    """Bytes from a socket: until a deadline, where there is one, and with a limit for each silence.

    Args:
        connection: The socket; its timeout is the time for the header.

    Attributes:
        deadline: When the last byte must have come, or None.
        silence: Seconds without a byte that are too long, or None for any.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._raw = connection.makefile("rb", buffering=0)
        self._wait = connection.gettimeout()
        self.silence: float | None = None
        self.deadline = None if self._wait is None else time.monotonic() + self._wait

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        limits = [each for each in (self._wait, self.silence) if each is not None]
        if self.deadline is not None:
            limits.append(self.deadline - time.monotonic())
        left = min(limits, default=None)
        if left is not None and left <= 0:
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
        record.args = tuple(re.sub(_SIGNED, "?…", each) if isinstance(each, str) else each for each in record.args)
    return True
