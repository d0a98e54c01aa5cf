"""SFTP that knows whom it talks to: the keys of hosts are those that `ssh` knows."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import Any

from fsspec.implementations.sftp import SFTPFileSystem
from paramiko import BadHostKeyException, MissingHostKeyPolicy, SSHClient

from modelsync_jupyter.core.errors import PermissionDenied

#: Where OpenSSH looks for the keys of hosts.
_KNOWN = ("/etc/ssh/ssh_known_hosts", "~/.ssh/known_hosts")


class KnownHosts(SFTPFileSystem):  # type: ignore[misc]
    """fsspec's SFTP, which by itself would give a password to any host that answers."""

    def _connect(self) -> None:
        self.client = SSHClient()
        self.client.set_missing_host_key_policy(_Refuse())
        for path in _KNOWN:
            with suppress(OSError):
                self.client.load_system_host_keys(os.path.expanduser(path))
        try:
            self.client.connect(self.host, **self.ssh_kwargs)
        except BadHostKeyException as error:
            message = f"`{self.host}` has another key than `{_KNOWN[1]}` says: it may not be that host."
            raise PermissionDenied(message, "Ask who runs it. If its key is new, replace the old line.") from error
        self.ftp = self.client.open_sftp()


class _Refuse(MissingHostKeyPolicy):
    """Connect to no host of which no key is known."""

    def missing_host_key(self, client: SSHClient, hostname: str, key: Any) -> None:
        port = re.fullmatch(r"\[(.+)\]:(\d+)", hostname)
        words = f"-p {port[2]} {port[1]}" if port else hostname
        step = f"Compare its key with what its owner says, and add it: `ssh-keyscan {words} >> {_KNOWN[1]}`."
        raise PermissionDenied(f"The key of `{hostname}` is not known.", step)
