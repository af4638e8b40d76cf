"""Free ports on loopback."""

from __future__ import annotations

import socket
from collections.abc import Iterable

LOOPBACK = "127.0.0.1"


def free_ports(wanted: Iterable[int]) -> list[int]:
    """Return the wanted ports, each replaced by a free one where something else listens; 0 asks for any.

    All are held until the last is chosen, so that no two are the same.
    """
    held: list[socket.socket] = []
    try:
        for port in wanted:
            probe = socket.socket()
            held.append(probe)
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                probe.bind((LOOPBACK, 0))
        return [probe.getsockname()[1] for probe in held]
    finally:
        for probe in held:
            probe.close()
