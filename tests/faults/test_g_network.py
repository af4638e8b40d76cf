"""Group G of the faults: the network is cut. Each stage gives up after a bound, says so, and loses nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alerting_warehouse import NOW, AlertingWarehouse, simulated_project
from waiting_alerts import states, wait_for_alerts

from forewarn.alerts import dispatch
from forewarn.config.settings import Settings
from forewarn.errors import SourceUnavailable
from forewarn.sources import extract_stream
from forewarn.sources.http import ATTEMPTS
from forewarn.sources.loader import load_source

DESK = """
kind: rest
connection: desk
streams:
  tickets:
    endpoint: {path: /tickets, records: data, deadline: 20 seconds}
    key: [id]
    entities:
      ticket:
        columns: {ticket_id: id, account_id: account, opened_at: opened}
"""
SHOP = """
kind: sql
connection: shop
streams:
  orders:
    table: orders
    key: [id]
    entities:
      order:
        columns: {order_id: id, account_id: customer, ordered_at: ordered}
"""


@contextmanager
def cut_line() -> Iterator[tuple[int, list[int]]]:
    """A port on which every connection breaks as soon as it stands; yields it and who called."""
    calls: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def break_all() -> None:
            while True:
                try:
                    connection, (_, caller) = server.accept()
                except OSError:
                    return
                calls.append(caller)
                connection.close()

        thread = threading.Thread(target=break_all)
        thread.start()
        try:
            yield server.getsockname()[1], calls
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize(
    ("name", "text", "stream", "scheme", "most"),
    [("desk", DESK, "tickets", "http://u:p@", ATTEMPTS), ("shop", SHOP, "orders", "postgresql://u:p@", 2)],
)
def test_86_a_source_behind_a_cut_line_is_asked_a_few_times_and_named(
    settings: Settings,
    warehouse: object,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    text: str,
    stream: str,
    scheme: str,
    most: int,
) -> None:
    file = tmp_path / f"{name}.yml"
    file.write_text(text, encoding="utf-8")
    monkeypatch.setattr("forewarn.sources.http.random.uniform", lambda *_: 0.01)
    with cut_line() as (port, calls), pytest.raises(SourceUnavailable, match=name):
        extract_stream(
            settings,
            load_source(file),
            stream,
            run_id="r",
            now=NOW,
            resolve=lambda *_: f"{scheme}127.0.0.1:{port}/db",
        )
    assert 1 <= len(calls) <= most


def test_86_a_mail_server_behind_a_cut_line_is_tried_again_later_and_no_message_is_lost(
    settings: Settings, marts: AlertingWarehouse
) -> None:
    project = simulated_project(settings.config, channels=["email"])
    wait_for_alerts(settings, project, marts, 3)
    with cut_line() as (port, calls):
        counts = dispatch(settings, project, now=NOW, resolve=lambda *_: f"smtp://127.0.0.1:{port}")
    assert counts.sent == counts.dead == 0
    assert set(states(marts)) <= {"pending", "retry"}
    assert 1 <= len(calls) <= 3, "one channel that is down is not asked once a message"
