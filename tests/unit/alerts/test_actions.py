"""Each action against a server on loopback that answers as its system does, its refusals included."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from crm import LATE, Crm
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from forewarn.alerts import http_post
from forewarn.alerts.actions import AirflowDag, CrmTask
from forewarn.alerts.airflow_channel import AirflowChannel
from forewarn.alerts.channel import Channel, ChannelDown, Message
from forewarn.alerts.content import ActionContent, ReportContent, ReportRow, Said
from forewarn.alerts.crm_channel import CrmChannel
from forewarn.alerts.report_channel import ReportChannel
from forewarn.alerts.verdict import failed
from forewarn.errors import DeliveryFailed, DeliveryRejected, DeliveryUnknown, Permanent

DAY = date(2026, 11, 16)
NOW = datetime(2026, 11, 16, 6, tzinfo=UTC)
BODY = {
    "external_id": "{external_id}",
    "subject": "{customer}: {text}",
    "due": "{due_on}",
    "owner": "{owner_email}",
    "case": "{case_id}",
    "notes": "{reasons}",
}
AUTH = {"authorization": "Bearer {secret}"}
PUT = CrmTask(
    kind="crm_task",
    connection="crm_api",
    path="/tasks/{external_id}",
    headers=AUTH,
    body=BODY,
    id_at="data.id",
    may_reach_private=True,
)
POST = PUT.model_copy(
    update={"method": "POST", "path": "/tasks", "ask": "/tasks?external_id={external_id}", "id_at": "data.id"}
)
ANA = "ana.weber@meridian.example"


@pytest.fixture
def message() -> Message:
    content = ActionContent(
        case_id=3,
        as_of_date=DAY,
        company="Meridian Supply",
        reader_name="Ana Weber",
        locale="en",
        why="owner",
        key="0123456789abcdef01234567",
        action="crm",
        external_id="fedcba98",
        task_id=5,
        customer_id="c1",
        customer="Northwind & Söhne",
        role="account_manager",
        step="call",
        text="Call Dana Kim by Wednesday.",
        due_on=date(2026, 11, 18),
        level="high",
        expected_loss=72_160.5,
        currency="USD",
        reasons=[Said(title="Spend has halved", text="down 50%"), Said(title=None, text="no order for 74 days")],
    )
    return Message(7, ANA, content, NOW)


@pytest.fixture
def crm(httpserver: HTTPServer) -> Crm:
    return Crm(httpserver)


def channel(crm: Crm, action: CrmTask) -> CrmChannel:
    return CrmChannel("crm", lambda: crm.url, action)


@pytest.mark.capability("C35", "C36")
@pytest.mark.parametrize("action", [PUT, POST], ids=["put", "post"])
def test_a_task_arrives_with_its_owner_and_its_day(crm: Crm, action: CrmTask, message: Message) -> None:
    assert channel(crm, action).send(message) == "201 1"
    assert crm.tasks == {
        "fedcba98": {
            "id": 1,
            "external_id": "fedcba98",
            "subject": "Northwind & Söhne: Call Dana Kim by Wednesday.",
            "due": "2026-11-18",
            "owner": ANA,
            "case": 3,
            "notes": "Spend has halved: down 50%\nno order for 74 days",
        }
    }
    assert crm.asked == [], "the first attempt asks nothing"


@pytest.mark.capability("C35")
def test_42_what_was_taken_in_silence_is_asked_for_by_external_id_and_not_repeated(
    crm: Crm, message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_post, "TIMEOUT_SECONDS", 0.1)
    crm.answers = [LATE]
    with pytest.raises(DeliveryUnknown):
        channel(crm, POST).send(message)
    monkeypatch.undo()
    looked_up = POST.model_copy(update={"id_at": "data.0.id"})
    assert channel(crm, looked_up).send(replace(message, attempt=2)) == "1: it was there"
    assert (crm.written, crm.asked) == (["fedcba98"], ["/api/tasks?external_id=fedcba98"])
    # Had it not been taken, the second attempt would have written it.
    crm.tasks.clear()
    assert channel(crm, POST).send(replace(message, attempt=2)).startswith("201")


def test_42_put_writes_the_same_task_again(crm: Crm, message: Message) -> None:
    channel(crm, PUT).send(message)
    assert channel(crm, PUT).send(replace(message, attempt=2)) == "200 1"
    assert len(crm.tasks) == 1


def test_a_duplicate_external_id_is_a_task_that_is_there(crm: Crm, message: Message) -> None:
    channel(crm, PUT).send(message)
    assert "it was there" in channel(crm, POST).send(message)
    assert crm.written == ["fedcba98"]


@pytest.mark.parametrize(
    ("answer", "error", "got"),
    [
        (401, ChannelDown, "401"),
        (404, ChannelDown, "404"),
        (429, DeliveryFailed, "429"),
        (500, DeliveryFailed, "500"),
        (422, DeliveryRejected, "422"),
        (400, DeliveryRejected, "400"),
    ],
)
def test_a_crm_that_refuses_is_told_apart(
    crm: Crm, message: Message, answer: int, error: type[Exception], got: str
) -> None:
    crm.answers = [answer]
    with pytest.raises(error, match=got) as caught:
        channel(crm, POST).send(message)
    assert type(caught.value) is error
    assert crm.tasks == {}


def test_a_wrong_token_stops_the_channel_and_is_not_told(crm: Crm, message: Message) -> None:
    crm.url = crm.url.replace("t0ken", "wr0ng")
    with pytest.raises(ChannelDown, match="401") as caught:
        channel(crm, PUT).send(message)
    assert "wr0ng" not in str(caught.value)


def test_46_it_is_left_alone_for_as_long_as_it_asked(crm: Crm, message: Message) -> None:
    crm.answers = [429]
    with pytest.raises(DeliveryFailed) as caught:
        channel(crm, PUT).send(message)
    verdict = failed(caught.value, attempts=1, now=NOW, repeat_when_unknown=True)
    assert (verdict.state, verdict.next_attempt_at) == ("retry", NOW + timedelta(minutes=10))


@pytest.mark.parametrize(
    ("asked", "wait"),
    [
        ({}, 0),
        ({"retry-after": "90"}, 90),
        ({"retry-after": "soon"}, 0),
        ({"retry-after": "9999999"}, 86_400),
        ({"retry-after": "Mon, 16 Nov 2026 06:02:00 GMT", "date": "Mon, 16 Nov 2026 06:00:00 GMT"}, 120),
        ({"retry-after": "Mon, 16 Nov 2026 05:00:00 GMT", "date": "Mon, 16 Nov 2026 06:00:00 GMT"}, 0),
        ({"retry-after": "Mon, 16 Nov 2026 06:02:00 GMT"}, 0),
    ],
)
def test_how_long_an_answer_asks_to_be_left_alone(asked: dict[str, str], wait: int) -> None:
    assert http_post.retry_after(asked) == timedelta(seconds=wait)


def test_a_secret_that_no_header_can_hold_is_the_channels_fault(crm: Crm, message: Message) -> None:
    crm.url = crm.url.replace("t0ken", "")
    with pytest.raises(ChannelDown):
        channel(crm, PUT).send(message)


def test_58_a_private_address_is_refused_unless_it_is_allowed(crm: Crm, message: Message) -> None:
    closed = PUT.model_copy(update={"may_reach_private": False})
    with pytest.raises(ChannelDown, match="outside one's own network"):
        channel(crm, closed).send(message)
    with pytest.raises(ChannelDown, match="outside one's own network"):
        dag(crm.url, {"may_reach_private": False}).send(message)


def test_what_stands_in_a_path_stays_one_part_of_it(httpserver: HTTPServer, message: Message) -> None:
    action = PUT.model_copy(update={"path": "/of/{customer_id}?x={external_id}", "id_at": "id"})
    content = message.content.model_copy(update={"customer_id": "../a/b?c#d"})
    with pytest.raises(DeliveryFailed):
        CrmChannel("crm", lambda: httpserver.url_for("") + "#s", action).send(replace(message, content=content))
    assert httpserver.log[0][0].environ["RAW_URI"].startswith("/of/..%2Fa%2Fb%3Fc%23d?x=fedcba98")


class Airflow:
    """Airflow's API server on loopback, as far as log-in and triggering go."""

    def __init__(self, server: HTTPServer) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self.log_ins = 0
        self.status = 200
        self.url = server.url_for("/").replace("http://", "http://forewarn:p%40ss@").rstrip("/")
        server.expect_request("/auth/token", method="POST").respond_with_handler(self._log_in)
        server.expect_request("/api/v2/dags/win_back/dagRuns", method="POST").respond_with_handler(self._trigger)

    def _log_in(self, request: Request) -> Response:
        self.log_ins += 1
        assert "Authorization" not in request.headers
        if request.get_json() != {"username": "forewarn", "password": "p@ss"}:
            return Response('{"detail": "Invalid credentials"}', 401)
        return Response('{"access_token": "jwt"}', 201, content_type="application/json")

    def _trigger(self, request: Request) -> Response:
        run = dict(request.get_json())
        if request.headers.get("Authorization") != "Bearer jwt":
            return Response('{"detail": "Not authenticated"}', 401)
        if self.status != 200:
            return Response('{"detail": "as told"}', self.status)
        if run["dag_run_id"] in self.runs or run["logical_date"] is not None:
            return Response('{"detail": "DAGRun with this ID exists"}', 409)
        self.runs[run["dag_run_id"]] = run["conf"]
        return Response(json.dumps({"dag_run_id": run["dag_run_id"], "state": "queued"}), 200)


@pytest.fixture
def airflow(httpserver: HTTPServer) -> Airflow:
    return Airflow(httpserver)


def dag(url: str, changes: dict[str, Any] | None = None) -> Channel:
    action = AirflowDag(
        kind="airflow_dag",
        dag="win_back",
        conf={"customer": "{customer_id}", "level": "{level}"},
        may_reach_private=True,
    )
    return AirflowChannel("win_back", lambda: url, action.model_copy(update=changes or {}))


@pytest.mark.capability("C36")
def test_a_dag_runs_once_under_the_key_of_its_row(airflow: Airflow, message: Message) -> None:
    channel, run_id = dag(airflow.url), f"forewarn__{message.content.key}"
    assert channel.send(message) == f"200 {run_id}"
    assert channel.send(replace(message, attempt=2)) == f"409 {run_id}: it was there"
    assert airflow.runs == {run_id: {"customer": "c1", "level": "high"}}
    assert airflow.log_ins == 1


@pytest.mark.parametrize(
    ("status", "error"), [(404, ChannelDown), (403, ChannelDown), (422, Permanent), (503, DeliveryFailed)]
)
def test_an_airflow_that_refuses_is_told_apart(
    airflow: Airflow, message: Message, status: int, error: type[Exception]
) -> None:
    airflow.status = status
    with pytest.raises(error, match=str(status)) as caught:
        dag(airflow.url).send(message)
    assert type(caught.value) is error, "no fallback gets a run that is refused"


def test_a_wrong_password_stops_the_channel_and_is_not_told(airflow: Airflow, message: Message) -> None:
    with pytest.raises(ChannelDown, match=r"401 .*Invalid") as caught:
        dag(airflow.url.replace("p%40ss", "s3cret")).send(message)
    assert "s3cret" not in str(caught.value)


def report(changes: Callable[[ReportRow], ReportRow] = lambda row: row) -> Message:
    row = ReportRow(
        case_id=3,
        customer="Northwind",
        level="high",
        state="in_progress",
        owner="Ana Weber",
        expected_loss=72_160.5,
        due_on=date(2026, 11, 18),
        reasons=["Spend has halved", "Complaints have jumped"],
        next_step="Call Dana Kim.",
    )
    content = ReportContent(
        as_of_date=DAY,
        company="Meridian Supply",
        locale="en",
        why="team",
        key="0" * 24,
        name="cases-2026-11-16",
        title="Cases of Nov 16, 2026",
        currency="USD",
        rows=[changes(row)],
    )
    return Message(9, ANA, content, NOW)


@pytest.mark.capability("C36")
def test_a_report_is_a_page_and_a_table_under_a_name_that_stays(tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    for _ in range(2):
        assert ReportChannel(folder).send(report()) == str(folder / "cases-2026-11-16.html")
    assert sorted(file.name for file in folder.iterdir()) == ["cases-2026-11-16.csv", "cases-2026-11-16.html"]
    page = (folder / "cases-2026-11-16.html").read_text("utf-8")
    for text in ("Cases of Nov 16, 2026", "Northwind", "High", "in progress", "$72,160", "Nov 18", "Spend has halved"):
        assert f">{text}" in page, text
    with (folder / "cases-2026-11-16.csv").open(encoding="utf-8-sig", newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["case_id"], row["expected_loss"], row["reasons"]) == (
        "3",
        "72160.5",
        "Spend has halved; Complaints have jumped",
    )


def test_72_a_name_is_no_formula_and_no_script(tmp_path: Path) -> None:
    evil = '=HYPERLINK("http://evil.example")<script>alert(1)</script>'
    ReportChannel(tmp_path).send(report(lambda row: row.model_copy(update={"customer": evil})))
    assert "<script>" not in (tmp_path / "cases-2026-11-16.html").read_text("utf-8")
    with (tmp_path / "cases-2026-11-16.csv").open(encoding="utf-8-sig", newline="") as file:
        [row] = csv.DictReader(file)
    assert row["customer"] == f"'{evil}"


def test_a_folder_that_cannot_be_written_is_the_channels_fault(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file")
    with pytest.raises(ChannelDown, match="room and the right to write"):
        ReportChannel(tmp_path / "reports").send(report())
