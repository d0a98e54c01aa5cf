"""HTTP: two sessions of `requests`, and every foreign fault turned into one of ours at this border.

The token is a header of the first session, which talks to the endpoint alone and follows no redirect. Presigned URLs
are fetched by the second, which has never seen it. Messages name paths, never a query string.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from modelsync_jupyter.core.errors import InvalidReply, RemoteError, Unavailable
from modelsync_jupyter.wire import BENTOML_VERSION, TOKEN_HEADER, VERSION_HEADER

from . import faults
from .contexts import Context
from .logs import hide_signatures
from .retry import Retry

CONNECT_TIMEOUT = 20.0
#: A connection that moves no byte for so long is stalled.
STALL_TIMEOUT = 30.0
#: An API call that is not answered in this time is lost.
API_TIMEOUT = 60.0
#: A server that puts an upload together may be silent for so long.
COMPLETE_TIMEOUT = 600.0
BLOCK = 1 << 20


class Body(Protocol):
    """What is sent: its length is known beforehand, its bytes come in views. Iterated once."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[memoryview]: ...


class Http:
    """Requests to one endpoint and to the object hosts behind it.

    Args:
        context: Endpoint and token.
        retry: Who tries API calls again.
        connections: How many to keep open to one host.
    """

    def __init__(self, context: Context, retry: Retry, connections: int = 10) -> None:
        hide_signatures()
        self.retry = retry
        self._endpoint = context.endpoint
        self._token = context.token
        self._api = _session(connections)
        self._api.headers.update({TOKEN_HEADER: context.token, VERSION_HEADER: BENTOML_VERSION})
        self._objects = _session(connections)

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
    ) -> Any:
        """One API call, tried again where that may help.

        Args:
            method: HTTP method.
            path: Path below the endpoint.
            json: Body, or None for none.
            params: Query.
            timeout: Seconds without a byte before giving up; by default `API_TIMEOUT`.

        Returns:
            The JSON of the reply.
        """
        return self.retry.run(lambda: self._call(method, path, json, params, timeout or API_TIMEOUT))

    def put(self, url: str, body: Body, *, timeout: float | None = None) -> str:
        """Send a body to a presigned URL, once. Returns the ETag of the reply, as it was sent."""
        headers = {"Content-Type": "application/octet-stream"}
        with self._send(self._objects, "PUT", url, headers=headers, data=body, timeout=timeout) as reply:
            faults.check_object(reply)
            return reply.headers.get("ETag", "")

    def put_api(self, path: str, body: Body) -> None:
        """Send a body through the API itself, once."""
        headers = {"Content-Type": "application/octet-stream"}
        url = self._endpoint + path
        with self._send(self._api, "PUT", url, headers=headers, data=body, timeout=COMPLETE_TIMEOUT) as reply:
            faults.check_api(reply, self._token)

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        """Open a presigned URL. Read the body with `blocks`."""
        with self._send(self._objects, "GET", url, headers={"Accept-Encoding": "identity", **headers}) as reply:
            faults.check_object(reply)
            yield reply

    @contextmanager
    def get_api(self, path: str, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        """Open a download through the API itself. Read the body with `blocks`."""
        url = self._endpoint + path
        with self._send(self._api, "GET", url, headers={"Accept-Encoding": "identity", **headers}) as reply:
            faults.check_api(reply, self._token)
            yield reply

    def _call(self, method: str, path: str, json: Any, params: Mapping[str, Any] | None, timeout: float) -> Any:
        url = self._endpoint + path
        with self._send(self._api, method, url, json=json, params=params, timeout=timeout, stream=False) as reply:
            faults.check_api(reply, self._token)
            try:
                return reply.json()
            except (ValueError, RecursionError):
                raise InvalidReply(f"{_bare(url)} does not answer with JSON.", status=reply.status_code) from None

    @contextmanager
    def _send(
        self,
        session: requests.Session,
        method: str,
        url: str,
        *,
        timeout: float | None = None,
        stream: bool = True,
        **keywords: Any,
    ) -> Iterator[requests.Response]:
        with translated(url):
            reply = session.request(
                method,
                urljoin(self._endpoint + "/", url),
                timeout=(CONNECT_TIMEOUT, timeout or STALL_TIMEOUT),
                allow_redirects=session is self._objects and method == "GET",
                stream=stream,
                **keywords,
            )
        try:
            yield reply
        finally:
            reply.close()


def blocks(reply: requests.Response) -> Iterator[memoryview]:
    """The body of a reply in blocks of 1 MiB, to its end."""
    while True:
        with translated(reply.url):
            block = reply.raw.read(BLOCK, decode_content=False)
        if not block:
            return
        yield memoryview(block)


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Turn faults of the HTTP library into ours.

    Raises:
        Unavailable: The network, the server or a proxy is not there now.
        RemoteError: TLS or the address is wrong: trying again will not help.
    """
    try:
        yield
    except (requests.exceptions.SSLError, urllib3.exceptions.SSLError):
        hint = "For a private CA set REQUESTS_CA_BUNDLE to its certificate file."
        raise RemoteError(f"{_bare(url)} has no certificate this machine trusts.", step=hint) from None
    except ValueError:  # of `requests` and `urllib`, about an address
        raise InvalidReply(f"{_bare(url)} is no address to talk to.") from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise Unavailable(f"{_bare(url)}: {_reason(error)}.") from None


def _session(connections: int) -> requests.Session:
    session = requests.Session()
    adapter = HTTPAdapter(pool_connections=4, pool_maxsize=connections)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    session.auth = _no_netrc
    return session


def _no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep `requests` from adding a password out of ~/.netrc, which object hosts refuse beside a signature."""
    return request


def _bare(url: str) -> str:
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
    except ValueError:
        return "The address"


def _reason(error: BaseException) -> str:
    """The cause in a few words that cannot hold a URL."""
    chain = list(_causes(error))
    if any(isinstance(each, requests.exceptions.ProxyError) for each in chain):
        return "the proxy does not let us through"
    if any(isinstance(each, (socket.gaierror, urllib3.exceptions.NameResolutionError)) for each in chain):
        return "no machine of this name is known"
    for each in reversed(chain):
        if isinstance(each, ConnectionRefusedError):
            return "nothing answers there"
        if isinstance(each, OSError) and each.errno and each.strerror:
            return each.strerror.lower()
    timeouts = (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
    return "no answer in time" if any(isinstance(each, timeouts) for each in chain) else "the connection broke"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what caused it, outermost first."""
    while error is not None:
        yield error
        inner = [item for item in (*error.args, getattr(error, "reason", None)) if isinstance(item, BaseException)]
        error = error.__cause__ or error.__context__ or (inner[0] if inner else None)
