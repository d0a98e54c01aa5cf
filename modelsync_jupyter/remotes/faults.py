"""What a broken connection, or a status other than success, means: each becomes one of our errors.

A fault is told by what happened, not by the class in which a library wraps it: only a failed check of a certificate is
a certificate fault, and only what cannot get better by itself is not tried again. Replies are told apart by status; by
text only where a server gives nothing else. Messages name hosts and a server's own words, never a path, a query or a
secret.
"""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
from collections.abc import Iterator
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from urllib.parse import urlsplit

import requests
import urllib3
from requests.utils import get_environ_proxies, select_proxy
from urllib3.util.ssl_match_hostname import CertificateError

from modelsync_jupyter.core.errors import (
    Conflict,
    IntegrityError,
    InvalidReply,
    MissingDependency,
    ModelSyncError,
    NotAuthenticated,
    PermissionDenied,
    RemoteError,
    RemoteNotFound,
    Unavailable,
    UploadLost,
    UrlExpired,
)
from modelsync_jupyter.core.steps import Step, advice

#: What `requests` and `urllib3` raise: of the network, of TLS, and (as ValueError) of an address.
FAULTS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError)
_LONGEST_TEXT = 300
_BUSY = (408, 425, 429)
#: How OpenSSL calls an answer that is not TLS.
_NOT_TLS = (
    "WRONG_VERSION_NUMBER",
    "RECORD_LAYER_FAILURE",
    "UNKNOWN_PROTOCOL",
    "PACKET_LENGTH_TOO_LONG",
    "HTTP_REQUEST",
)
_PROXY_STEP = "Check ALL_PROXY, HTTP_PROXY and HTTPS_PROXY."
#: Variables that name certificates to trust, the stronger one first.
CA_FILES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
#: Patterns that are seldom needed are compiled when they are, here and in `http`: it takes as long as to make a class.
_SECRETS = r"(?i)\b[\w-]*(?:sig|signature|token|secret|key|credential|password)[\w-]*=\S+"


def connection_fault(error: Exception, url: str, *, registry: bool) -> ModelSyncError:
    """Turn what broke a request, or the body of its reply, into one of our errors.

    Args:
        error: One of `FAULTS`.
        url: Where the request went.
        registry: Whether that is the registry itself, and not a host for its objects.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return _bad_address(registry)
    where = f"{'The registry at' if registry else 'The object host'} {host}{f':{port}' if port else ''}"
    chain = list(_causes(error))

    def has(*kinds: type[BaseException]) -> bool:
        return any(isinstance(each, kinds) for each in chain)

    if parts.scheme == "https" and (fault := _bad_ca_file()):
        return fault
    if has(ssl.SSLCertVerificationError, CertificateError):
        step = "If it belongs to a private CA, set REQUESTS_CA_BUNDLE to the file with the certificate of that CA."
        return RemoteError(f"{where} has no certificate this machine trusts.", step)
    if "SOCKS" in str(error) and has(requests.exceptions.InvalidSchema):
        step = "Install it with `pip install 'requests[socks]'`, or unset ALL_PROXY, HTTP_PROXY and HTTPS_PROXY."
        return MissingDependency("The proxy of this machine speaks SOCKS, which needs the package `PySocks`.", step)
    if any("Tunnel connection failed: 407" in str(each) for each in chain):
        return RemoteError("The proxy asks for a password, or refuses the one it got.", _PROXY_STEP)
    if has(requests.exceptions.InvalidProxyURL, urllib3.exceptions.ProxySchemeUnknown):
        return RemoteError("The proxy's address is not valid.", _PROXY_STEP)
    in_handshake = has(requests.exceptions.SSLError)  # later on the same means that a stream was damaged
    if in_handshake and any(isinstance(each, ssl.SSLError) and each.reason in _NOT_TLS for each in chain):
        return RemoteError(f"{where} does not speak TLS.", _address_step("http", registry))
    hung_up = isinstance(error, requests.RequestException) and has(ConnectionResetError, BrokenPipeError, HTTPException)
    if parts.scheme == "http" and hung_up and _speaks_tls(host, port, url):
        return RemoteError(f"{where} speaks TLS only.", _address_step("https", registry))
    if isinstance(error, ValueError):
        bad_proxy = _has_bad_proxy(url)
        return RemoteError("The proxy's address is not valid.", _PROXY_STEP) if bad_proxy else _bad_address(registry)
    late = has(requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
    return Unavailable(_what_broke(chain, f"{where[0].lower()}{where[1:]}"), late=late)


def api_error(reply: requests.Response, text: str, step: str = "") -> ModelSyncError:
    """Tell what a reply of the API means that does not say success.

    Args:
        reply: The reply.
        text: Its reason, as `reason` gives it.
        step: What our own registry says is to be done; it means what its status says.
    """
    status, low = reply.status_code, text.lower()
    what = f"The registry answered {status}" + (f": {text}" if text else "")
    if 300 <= status < 400:
        found = re.match(r"(https?://)(?:[^/?#@]*@)?([\w.:-]+)", reply.headers.get("Location", ""))
        where = f"`{found[1]}{found[2]}`" if found else "another address"
        sign_in = Step("login", "If that is the registry's new address, sign in with it.")
        return InvalidReply(f"The registry redirects to {where}.", sign_in, status=status)
    if status == 407:
        return RemoteError("The proxy asks for a password, or refuses the one it got.", _PROXY_STEP, status=status)
    if status in (413, 507):
        return _no_room(what, status)
    if status in _BUSY or (status >= 500 and status != 501):
        return Unavailable(f"{what}.", status=status, retry_after=_retry_after(reply))
    if step and status in (403, 404):
        return (PermissionDenied if status == 403 else RemoteNotFound)(f"{what}.", step, status=status)
    if status == 401 or "api token" in low or (status == 403 and ("expired" in low or "cookie is empty" in low)):
        return NotAuthenticated(f"{what}.", status=status)
    if status == 403 or (status == 400 and "permission" in low):
        return PermissionDenied(f"{what}.", status=status)
    if status == 404 and "upload" in low:
        return UploadLost(f"{what}.", status=status)
    if status == 404 or "record not found" in low:
        return RemoteNotFound(f"{what}.", status=status)
    if status in (400, 409, 412, 422):
        return Conflict(f"{what}.", status=status)
    return InvalidReply(f"{what}.", status=status)


def object_error(reply: requests.Response, text: str, step: str = "") -> ModelSyncError:
    """Tell what a reply of an object host means that does not say success.

    Args:
        reply: The reply.
        text: Its reason, as `reason` gives it.
        step: Not used: what an object host refuses, the client has to ask the registry for again.
    """
    status, low = reply.status_code, text.lower()
    what = f"{urlsplit(reply.url).hostname} answered {status}" + (f": {text}" if text else "")
    if status in (413, 507) or "quota" in low:
        return _no_room(what, status)
    if status in _BUSY or status >= 500 or "requesttimeout" in low:
        return Unavailable(f"{what}.", status=status, retry_after=_retry_after(reply))
    if status in (401, 403):
        return UrlExpired(f"{what}.", status=status)
    if status == 404:
        return (UploadLost if "upload" in low else RemoteNotFound)(f"{what}.", status=status)
    if status == 412:
        return Conflict("The archive was replaced while it was being read.", status=status)
    if status == 416 or (status == 400 and ("digest" in low or "incomplete" in low or "in the middle" in low)):
        return IntegrityError(f"{what}.")  # the bytes were damaged on their way
    if status == 400:
        return RemoteError(f"{what}.", "The object host refuses the request. Ask an admin of the registry.", status=400)
    return InvalidReply(f"{what}.", status=status)


def reason(data: bytes, content_type: str, secret: str = "") -> tuple[str, str]:
    """Read why a server refused: from its JSON, its XML or its plain text, in one line without secrets.

    Args:
        data: The body of the reply, or its beginning.
        content_type: Of the body; what is HTML is not for people.
        secret: Text that must not be repeated.

    Returns:
        The reason, and what to do next as our own registry says it apart; each may be "".
    """
    text, step = data.decode("utf-8", "replace"), ""
    try:
        found = json.loads(text)
        text = str(found.get("error") or found.get("message") or "") if isinstance(found, dict) else ""
        extension = found.get("modelsync") if isinstance(found, dict) else None
        if isinstance(extension, dict) and isinstance(extension.get("step"), str) and extension["step"]:
            text, step = str(extension.get("message") or text), _clean(extension["step"], secret) + "."
    except (ValueError, RecursionError):
        if "<" in text:
            text = " ".join(re.findall("<(?:Code|Message)>([^<]*)<", text))
        elif not content_type.lower().startswith(("text/plain", "application/")) and content_type:
            text = ""
    return _clean(text, secret), step


def _clean(text: str, secret: str) -> str:
    """Return a server's words as one line that is not too long, and has no secret and no URL in it."""
    text = text.replace(secret, "***") if secret else text
    text = re.sub(_SECRETS, "***", re.sub(r"\?\S+", "?***", re.sub(r"\b\w+://\S+", "***", text)))
    text = "".join(each if each.isprintable() else " " for each in text)
    return " ".join(text.split())[:_LONGEST_TEXT].rstrip(".")


def _no_room(what: str, status: int) -> RemoteError:
    step = "Free some space in the registry or ask its admin for more, then try again."
    return RemoteError(f"{what}.", Step("retry", step), status=status)


def _bad_address(registry: bool) -> RemoteError:
    if registry:
        return RemoteError("The registry's address is not valid.", Step("contexts", "Check the registry's address."))
    return InvalidReply("The registry gave an address for its objects that is not valid.")


def _has_bad_proxy(url: str) -> bool:
    """Return whether a URL would go through a proxy whose address cannot be understood."""
    proxy = select_proxy(url, get_environ_proxies(url))
    try:
        return proxy is not None and not urllib3.util.parse_url(proxy).host
    except ValueError:
        return True


def _address_step(scheme: str, registry: bool) -> Step:
    if registry:
        return Step("login", f"Sign in with its `{scheme}://` address.")
    return advice(f"Ask an admin of the registry to give its object host an `{scheme}://` address.")


def _bad_ca_file() -> RemoteError | None:
    """Look for what keeps `requests` from loading the certificates that the environment names."""
    name = next((each for each in CA_FILES if os.environ.get(each)), "")
    if not name:
        return None
    path = os.environ[name]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(**{"capath" if os.path.isdir(path) else "cafile": path})
    except OSError as error:
        why = "it holds no certificate" if isinstance(error, ssl.SSLError) else (error.strerror or "").lower()
        step = f"Set {name} to a file with the certificates of the CAs to trust, or unset it."
        return RemoteError(f"The CA file `{path}` cannot be used: {why}.", step)
    return None


def _speaks_tls(host: str, port: int | None, url: str) -> bool:
    """Return whether a server that hung up on plain HTTP, without a word of it, answers a TLS handshake.

    Servers differ in what they do with plain HTTP on a port for TLS, so the only way to know is to ask.
    """
    if select_proxy(url, get_environ_proxies(url)):
        return False
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection((host, port or 80), timeout=3.0) as plain:
            context.wrap_socket(plain, server_hostname=host).close()
            return True
    except (OSError, ValueError):
        return False


def _what_broke(chain: list[BaseException], where: str) -> str:
    """Say which part of a connection failed, in words that cannot hold a URL."""

    def has(*kinds: type[BaseException]) -> bool:
        return any(isinstance(each, kinds) for each in chain)

    if has(requests.exceptions.ProxyError, urllib3.exceptions.ProxyError):
        return f"The proxy does not connect to {where}."
    if has(socket.gaierror, urllib3.exceptions.NameResolutionError):
        return f"Cannot reach {where}: host not found."
    if has(ConnectionRefusedError):
        return f"Cannot reach {where}: connection refused."
    if has(requests.exceptions.ConnectTimeout, urllib3.exceptions.ConnectTimeoutError):
        return f"Cannot reach {where}: no answer in time."
    if has(requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError, socket.timeout):
        return f"{where[0].upper()}{where[1:]} did not answer in time."
    for each in reversed(chain):
        if isinstance(each, ssl.SSLError) and each.reason:
            return f"The TLS connection to {where} broke: {each.reason.replace('_', ' ').lower()}."
        if isinstance(each, OSError) and each.errno and each.strerror:
            return f"The connection to {where} broke: {each.strerror.lower()}."
    return f"The connection to {where} broke."


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what caused it, outermost first."""
    while error is not None:
        yield error
        inner = [item for item in (*error.args, getattr(error, "reason", None)) if isinstance(item, BaseException)]
        error = error.__cause__ or error.__context__ or (inner[0] if inner else None)


def _retry_after(reply: requests.Response) -> float | None:
    value = reply.headers.get("Retry-After", "")
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(timezone.utc)).total_seconds())
    except (TypeError, ValueError):
        return None
