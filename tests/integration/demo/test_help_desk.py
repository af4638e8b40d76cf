from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from forewarn.demo import Company, serve
from forewarn.demo.connections import help_desk_token
from forewarn.demo.help_desk import HelpDeskServer
from forewarn.demo.help_desk_data import HelpDeskData


@pytest.fixture
def server(company: Company) -> Iterator[HelpDeskServer]:
    with serve(company.home) as running:
        yield running


@pytest.fixture
def client(server: HelpDeskServer) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {server.token}"}
    with httpx.Client(base_url=server.address, headers=headers) as running:
        yield running


def _everything(client: httpx.Client, **params: Any) -> tuple[list[str], list[int]]:
    """Ids of all pages, with every refused page asked for again; and the answers' status in turn."""
    ids, states, cursor = [], [], ""
    while cursor is not None:
        answer = client.get("/api/v2/tickets", params=params | ({"cursor": cursor} if cursor else {}))
        states.append(answer.status_code)
        if answer.status_code == 200:
            ids += [ticket["id"] for ticket in answer.json()["tickets"]]
            cursor = answer.json()["next_cursor"]
    return ids, states


def test_pages_hold_every_ticket_once(company: Company, client: httpx.Client) -> None:
    expected = [row["id"] for row in HelpDeskData(company.home).page("tickets", since="", after=("", ""), limit=10**6)]
    ids, states = _everything(client, limit=20)
    assert len(states) > 30
    assert ids == expected


def test_the_bad_answers_are_always_the_same_ones(company: Company) -> None:
    runs = []
    for _ in range(2):
        with serve(company.home) as server:
            client = httpx.Client(base_url=server.address, headers={"Authorization": f"Bearer {server.token}"})
            runs.append(_everything(client, limit=20)[1][:40])
            client.close()
    assert runs[0] == runs[1]
    assert [index + 1 for index, status in enumerate(runs[0]) if status == 429] == [3, 20, 37]
    assert [index + 1 for index, status in enumerate(runs[0]) if status == 500] == [7, 36]


def test_a_busy_server_says_when_to_come_back(client: httpx.Client) -> None:
    answers = [client.get("/api/v2/organisations", params={"limit": 1}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    "moment", ["2026-06-01", "2026-06-01T00:00:00Z", "2026-06-01 00:00:00+00:00", "2026-06-01T00:00:00.000000+00:00"]
)
def test_only_what_changed_since_a_moment_is_listed(client: httpx.Client, moment: str) -> None:
    answer = client.get("/api/v2/tickets", params={"updated_since": moment, "limit": 1000})
    changed = [ticket["updated_at"] for ticket in answer.json()["tickets"]]
    assert changed == sorted(changed)
    assert 5 < len(changed) < 500
    assert changed[0] >= "2026-06-01T00:00:00Z"


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/api/v2/tickets?limit=many", 400, "limit must be a whole number"),
        ("/api/v2/tickets?cursor=nonsense", 400, "this cursor was not issued here"),
        ("/api/v2/tickets?updated_since=yesterday", 400, "updated_since must be a moment"),
        ("/api/v2/truth", 404, "known: organisations, tickets"),
        ("/../truth/customers", 404, "known: organisations, tickets"),
    ],
)
def test_what_cannot_be_answered_is_said(client: httpx.Client, path: str, status: int, message: str) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert message in answer.json()["error"]


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer wrong", "Basic x"])
def test_without_the_token_nothing_is_answered(server: HelpDeskServer, token: str) -> None:
    answer = httpx.get(f"{server.address}/api/v2/tickets", headers={"Authorization": token})
    assert answer.status_code == 401
    assert "tickets" not in answer.json()
    assert server.requests == 0


def test_serving_names_the_address_among_the_connections(company: Company, server: HelpDeskServer) -> None:
    url = YAML(typ="safe").load((company.home / "connections.yml").read_text())["demo_help_desk"]
    assert url == f"http://{help_desk_token(company.home)}@127.0.0.1:{server.server_port}"


def test_it_runs_as_a_process_of_its_own(company: Company) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "forewarn.demo.help_desk", "--home", str(company.home)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().removeprefix("help desk on ").strip()
        assert httpx.get(f"{address}/health").json() == {"status": "ok"}
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0
