"""Kernels as processes of their own, and what comes of the cells that they run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

from modelsync_jupyter.client import Client
from tests.harness.clock import wait_until

Kernel = tuple[KernelManager, BlockingKernelClient]


@contextmanager
def kernel_after(code: str) -> Iterator[Kernel]:
    """A kernel that has run a cell."""
    manager, client = start_new_kernel(kernel_name="python3")
    client.execute_interactive(code, timeout=60)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run(kernel: Kernel, code: str) -> list[Any]:
    """What a cell shows."""
    messages: list[Any] = []
    kernel[1].execute_interactive(code, timeout=60, output_hook=messages.append)
    return [message for message in messages if message["msg_type"] not in ("status", "execute_input")]


def shell_reply(client: BlockingKernelClient, asked: str) -> Any:
    """The kernel's reply to one request."""
    while True:
        message = client.get_shell_msg(timeout=60)
        if message["parent_header"].get("msg_id") == asked:
            return message["content"]


def running(client: Client) -> Any:
    """The newest transfer, once it has moved something."""

    def look() -> Any:
        return next((each.record for each in client.transfers()[:1] if each.record.pid and each.record.done), None)

    return wait_until(look, "bytes")
