"""The server of a laptop: a port that somebody got first is no reason to fail."""

from __future__ import annotations

import socket
from pathlib import Path

import psycopg2
import pytest

from forewarn.warehouse import embedded
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.engine import dsn


def test_a_port_that_is_taken_between_choosing_and_listening_is_another_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = EmbeddedServer(tmp_path / "pg", durable=False)
    choose = embedded._free_port
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        offered = iter([taken])
        monkeypatch.setattr(embedded, "_free_port", lambda wanted=0: next(offered, None) or choose())
        server.start()
    try:
        with psycopg2.connect(dsn(server.url("postgres"))) as session:
            assert session.info.port != taken
    finally:
        server.stop()
