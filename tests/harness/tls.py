"""A reverse proxy that speaks TLS, as nginx or a load balancer in front of a registry does."""

from __future__ import annotations

import ssl
from pathlib import Path

from .faults import FaultyProxy


class TlsProxy(FaultyProxy):
    """Decrypts in front of a backend that speaks plain HTTP, and tells it so with `X-Forwarded-Proto` and `-Host`.

    URLs inside replies pass unchanged: a backend that trusts those headers builds URLs that lead here.

    Args:
        backend: Origin of the backend.
        certificate: File with the private key and the certificate chain.
    """

    def __init__(self, backend: str, certificate: Path) -> None:
        super().__init__(backend)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        # Without this the handshake of one slow client would keep all others from being accepted.
        self._listener.socket = context.wrap_socket(
            self._listener.socket, server_side=True, do_handshake_on_connect=False
        )
        self.added_headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": f"127.0.0.1:{self.port}"}

    @property
    def url(self) -> str:
        """Origin of the proxy, without a final slash."""
        return f"https://127.0.0.1:{self.port}"

    def rewrite(self, body: bytes) -> bytes:
        """Leave the body as it is."""
        return body
