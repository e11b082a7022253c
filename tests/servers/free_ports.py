"""Ports that nobody takes between the look and the use."""

from __future__ import annotations

import random
import socket

__all__ = ["free_port"]

_PORTS = range(20_000, 32_000)
"""Below those that systems give to whoever asks for any."""


def free_port() -> int:
    """Return a port of this machine that is free, and is not given away by chance."""
    for port in random.sample(_PORTS, 100):
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free")
