"""One task for each role and step of a case, with one due day, however often and whatever happens to the case."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import psycopg2
import pytest
from alerting_warehouse import DAY, NOW, OVERDUE, SILENT, AlertingWarehouse
from crm import Crm
from killing import Killed, killed_at
from playbook_company import ANA, BOOK, RECEIVABLES, Company
from pytest_httpserver import HTTPServer
from typer.testing import CliRunner
from waiting_alerts import lapse_leases

from forewarn.alerts import dispatch
from forewarn.alerts.answers import Answer, answer
from forewarn.alerts.task_answers import TaskAnswer, answer_task
from forewarn.cli import app
from forewarn.config.settings import Settings
from forewarn.errors import Permanent

ACTIONS = """
actions:
  crm:
    kind: crm_task
    connection: crm_api
    method: POST
    path: /tasks
    ask: "/tasks?external_id={external_id}"
    id_at: data.id
    headers: {authorization: "Bearer {secret}"}
    body: {external_id: "{external_id}", subject: "{text}", due: "{due_on}", owner: "{owner_email}", task: "{task_id}",
      state: "{state}: {outcome}"}
    may_reach_private: true
  win_back: {kind: airflow_dag, dag: win_back}
  page: {kind: report}
  list: {kind: report, folder: lists}
"""
PUT = {"    method: POST\n    path: /tasks\n": "    path: /tasks/{external_id}\n"}


def with_actions(company: Company, **changes: str) -> Company:
    """Let the call be a task in the CRM, an overdue invoice start a DAG, and the day have its list."""
    folder, text = company.project.path(company.project.playbooks).parent, ACTIONS
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "actions.yml").write_text(text, encoding="utf-8")
    book = BOOK.replace("- id: call\n", "- id: call\n    actions: [crm, page]\n") + "each_day: [list]\n"
    (folder / "playbooks.yml").write_text(book, encoding="utf-8")
    shutil.copytree(company.settings.config / "rules", folder / "rules", dirs_exist_ok=True)
    with (folder / "rules" / "overdue_receivables.yml").open("a", encoding="utf-8") as rule:
        rule.write("actions: [win_back]\n")
    company.project = company.project.model_copy(update={"rules": folder / "rules"})
    return company


ASKED = "select kind, channel, recipient, payload ->> 'text' from alerts.outbox where kind <> 'case' order by dedup_key"


@pytest.mark.capability("C36")
def test_a_step_a_rule_and_a_day_ask_other_systems_once(company: Company) -> None:
    counts = with_actions(company).day(0, **SILENT | OVERDUE)
    assert (counts.tasks, counts.letters, counts.actions) == (3, 2, 4)
    [rule] = company.marts.rows("select reason from alerts.signal where name = 'overdue_receivables'")
    expected = [
        ("action", "win_back", RECEIVABLES, rule[0]),
        ("report", "list", "sales-lead@meridian.example", None),
        ("action", "crm", ANA, "Call Dana Kim by Wednesday, Nov 18."),
        ("report", "page", ANA, None),
    ]
    assert company.marts.rows(ASKED) == expected
    assert company.day(0, **SILENT | OVERDUE).actions == 0
    assert company.day(1, **SILENT | OVERDUE).actions == 1, "the next day's list"
    assert [row for row in company.marts.rows(ASKED) if row[1] != "list"] == [expected[0], *expected[2:]]


@pytest.mark.capability("C36", "C35")
def test_actions_are_done_by_the_same_dispatch_and_the_ledger_says_what_came_of_each(
    company: Company, httpserver: HTTPServer
) -> None:
    crm = Crm(httpserver)
    with_actions(company).day(0, **SILENT)
    counts = dispatch(company.settings, company.project, now=NOW, dry_run=True)
    assert counts.waiting == 4
    done = dispatch(company.settings, company.project, now=NOW, resolve=lambda *_: crm.url)
    assert (done.sent, done.retried) == (4, 0)
    [task] = crm.tasks.values()
    assert (task["subject"], task["due"], task["owner"], task["task"]) == (
        "Call Dana Kim by Monday, Nov 23.",
        "2026-11-23",
        ANA,
        1,
    )
    home = company.settings.home
    assert company.marts.rows(
        "select channel, detail from alerts.attempt join alerts.outbox using (alert_id) where kind <> 'case' order by 1"
    ) == [
        ("crm", "201 1"),
        ("list", str(home / "lists" / "cases-2026-11-16.html")),
        ("page", str(home / "reports" / "case-1.html")),
    ]
    page = (home / "lists" / "cases-2026-11-16.html").read_text("utf-8")
    assert "<td>Northwind Traders</td><td>Medium</td><td>open</td><td>Ana Weber</td>" in page
    assert company.marts.rows("select reason from alerts.case_event where reason ~ '^crm'") == [
        (f"crm to {ANA}: 201 1",)
    ]


def test_45_a_task_that_the_crm_refuses_goes_to_the_fallback(company: Company, httpserver: HTTPServer) -> None:
    crm = Crm(httpserver)
    crm.answers = [422]
    with_actions(company).day(0, **SILENT)
    counts = dispatch(company.settings, company.project, now=NOW, resolve=lambda *_: crm.url)
    assert (counts.dead, counts.passed_on) == (1, 1)
    assert [task["owner"] for task in crm.tasks.values()] == ["sales-lead@meridian.example"]


def test_a_due_day_that_moves_is_told_to_a_crm_that_writes_the_same_task_again(
    company: Company, httpserver: HTTPServer
) -> None:
    crm = Crm(httpserver)
    with_actions(company, **PUT)
    for ahead, features in ((0, SILENT), (1, SILENT | OVERDUE)):
        company.day(ahead, **features)
        dispatch(company.settings, company.project, now=NOW + timedelta(days=ahead), resolve=lambda *_: crm.url)
    [external_id] = set(crm.written)
    assert len(crm.written) == 2
    assert crm.tasks[external_id]["due"] == "2026-11-19"


@pytest.mark.capability("C35")
@pytest.mark.parametrize("changes", [PUT, {}], ids=["put", "post"])
def test_a_task_that_ended_ends_in_a_crm_that_writes_the_same_task_again(
    company: Company, httpserver: HTTPServer, changes: dict[str, str]
) -> None:
    crm = Crm(httpserver)
    with_actions(company, **changes).day(0, **SILENT)

    def send() -> None:
        dispatch(company.settings, company.project, now=NOW, resolve=lambda *_: crm.url)

    send()
    [external_id] = crm.written
    with company.marts.connection.cursor() as cursor:
        assert answer_task(cursor, TaskAnswer(1, "done", "ana", "they reorder"), now=NOW)
    send()
    assert crm.written == [external_id] * (2 if changes else 1)
    assert crm.tasks[external_id]["state"] == ("done: they reorder" if changes else "open: ")


def test_what_a_crm_was_never_told_is_not_told_as_ended(company: Company) -> None:
    with_actions(company, **PUT).day(0, **SILENT)
    with company.marts.connection.cursor() as cursor:
        answer(cursor, Answer(1, "close", "ana", outcome="false_alarm", intervention="none"), now=NOW)
    assert company.marts.rows("select state from alerts.outbox where kind = 'action'") == [("suppressed",)]


@pytest.mark.capability("B7", "C35")
def test_41_killed_between_any_two_statements_there_is_no_second_task_in_the_crm(
    company: Company, httpserver: HTTPServer
) -> None:
    crm = Crm(httpserver)
    with_actions(company).day(0, **SILENT)
    company.marts.run("update alerts.outbox set state = 'suppressed' where kind <> 'action'")

    def task() -> None:
        dispatch(company.settings, company.project, now=NOW, resolve=lambda *_: crm.url)

    for step in range(1, 100):
        with killed_at(step) as steps:
            try:
                task()
            except (Killed, psycopg2.Error):
                assert steps.dead
        if not steps.dead:
            break
        lapse_leases(company.marts)
        task()
        assert (len(crm.tasks), len(crm.written)) == (1, 1), f"killed at step {step}"
        crm.tasks.clear()
        crm.written.clear()
        company.marts.run("truncate alerts.attempt")
        company.marts.run("update alerts.outbox set state = 'pending', attempts = 0 where kind = 'action'")
    assert step > 8


@pytest.fixture
def company(settings: Settings, marts: AlertingWarehouse, tmp_path: Path) -> Company:
    marts.customer("c1")
    return Company(settings, marts, tmp_path)


@pytest.mark.capability("C35", "C38", "C32")
def test_one_case_has_a_task_for_each_role_however_often_the_run_repeats(company: Company) -> None:
    counts = company.day(0, **SILENT | OVERDUE)
    assert (counts.opened, counts.letters, counts.tasks) == (1, 2, 3)
    expected = [
        ("account_manager", "call", date(2026, 11, 18), ANA, "open"),
        ("finance", "stop_credit", date(2026, 11, 19), RECEIVABLES, "open"),
        ("finance", "date", date(2026, 11, 18), RECEIVABLES, "open"),
    ]
    assert company.tasks() == expected
    before = company.marts.fingerprint()
    assert company.day(0, **SILENT | OVERDUE).tasks == 0
    assert company.marts.fingerprint()[1:] == before[1:]
    for again in range(2):
        assert company.day(1 + again, **SILENT | OVERDUE).tasks == 0
    assert company.tasks() == expected
    assert company.tasks("text, contact_every_days, created_as_of, length(step_version)")[1] == (
        "Stop deliveries on credit to Northwind Traders.",
        30,
        DAY,
        12,
    )
    [(payload,), _] = company.marts.rows("select payload from alerts.outbox order by alert_id")
    assert payload["next_step"] == company.tasks("text")[0][0] == "Call Dana Kim by Wednesday, Nov 18."
    assert company.marts.rows('select count(*), min(due_on) from alerts."case"') == [(1, date(2026, 11, 18))]


@pytest.mark.capability("C41")
def test_what_is_done_and_offered_differs_by_customer(company: Company) -> None:
    company.marts.customer("c2", segment="key")
    company.day(0, **SILENT)
    company.day(0, "again", customer="c2", **SILENT)
    assert company.tasks("customer_id, step, due_on, text, contact_every_days")[::2] == [
        ("c1", "call", date(2026, 11, 23), "Call Dana Kim by Monday, Nov 23.", 30),
        (
            "c2",
            "visit",
            date(2026, 11, 17),
            "Visit Dana Kim by Tuesday, Nov 17. Offer a review of the contract.",
            7,
        ),
    ]


@pytest.mark.capability("C35", "C48")
@pytest.mark.capability("C38", "C48")
def test_a_task_of_another_department_that_is_overdue_goes_to_the_lead_once(company: Company) -> None:
    company.day(0, **SILENT)
    assert company.tasks("role, due_on") == [("account_manager", date(2026, 11, 23)), ("finance", date(2026, 11, 19))]
    assert [company.day(ahead, **SILENT).overdue for ahead in (3, 4, 5)] == [0, 1, 0]
    told = "select recipient, state, reason, payload ->> 'text' from alerts.outbox where kind = 'overdue'"
    lead, text = "sales-lead@meridian.example", "Stop deliveries on credit to Northwind Traders."
    assert company.marts.rows(told) == [(lead, "pending", None, text)]
    dispatch(company.settings, company.project, now=NOW + timedelta(days=5))
    [page] = [file for file in (company.settings.outbox / "pages").glob("*.html") if "Task overdue" in file.read_text()]
    assert "Receivables had this to do by Nov 19, and it is still open." in page.read_text("utf-8")
    assert company.marts.rows("select reason from alerts.case_event where detail ? 'task_id'") == [
        (f"task 2 of {RECEIVABLES} was due on 2026-11-19; {lead} is told",)
    ]
    # The case's own task is told with the case, once nobody has answered that.
    counts = company.day(8, **SILENT)
    assert (counts.escalated, counts.overdue) == (1, 0)


def test_53_a_task_that_is_done_in_the_meantime_is_not_told_as_overdue(company: Company) -> None:
    company.day(0, **SILENT)
    assert company.day(4, **SILENT).overdue == 1
    with company.marts.connection.cursor() as cursor:
        answer_task(cursor, TaskAnswer(2, "done", "receivables", "stopped"), now=NOW)
    assert company.marts.rows("select state, reason from alerts.outbox where kind = 'overdue'") == [
        ("suppressed", "the task has ended")
    ]


@pytest.mark.capability("C40", "C42")
def test_a_customer_is_left_in_peace_for_the_days_of_the_playbook(company: Company) -> None:
    again = company.project.alerts.model_copy(update={"cool_down_days": {}})
    company.project = company.project.model_copy(update={"alerts": again})
    company.day(0, **SILENT)
    with company.marts.connection.cursor() as cursor:
        answer(cursor, Answer(1, "start", "ana", "called today"), now=NOW)
        answer(cursor, Answer(1, "close", "ana", outcome="saved", intervention="call"), now=NOW)
    counts = company.day(29, **SILENT)
    assert (counts.opened, counts.withheld, counts.letters) == (1, 1, 0)
    assert company.marts.rows("select reason from alerts.case_event where detail ->> 'why' = 'contact_cap'") == [
        ("contacted on 2026-11-16, and the playbook leaves 30 days between two contacts",)
    ]
    assert company.day(30, **SILENT).letters == 1


def test_a_case_that_rises_tightens_and_adds_tasks_and_doubles_none(company: Company) -> None:
    company.day(0, **SILENT)
    assert company.day(1, **SILENT | OVERDUE).tasks == 1
    assert company.tasks("step, due_on, state") == [
        ("call", date(2026, 11, 19), "open"),
        ("stop_credit", date(2026, 11, 19), "open"),
        ("date", date(2026, 11, 19), "open"),
    ]
    [(reason, by)] = company.marts.rows("select reason, by from alerts.task_event where kind = 'tightened'")
    assert reason.startswith("due 2026-11-19 instead of 2026-11-23; from medium to high; 2 signals")
    assert by == "forewarn"


def test_a_case_that_rises_drops_the_steps_that_it_no_longer_asks_for(company: Company) -> None:
    company.day(0, **SILENT)
    company.marts.run("update marts.dim_customers set segment = 'key'")
    company.day(1, **SILENT | OVERDUE)
    assert company.tasks("step, state, outcome ~ '^the case asks for other steps now: from medium to high'") == [
        ("call", "dropped", True),
        ("stop_credit", "dropped", True),
        ("visit", "open", None),
        ("date", "open", None),
    ]


@pytest.mark.capability("C48")
def test_a_task_is_done_once_and_starts_its_case(company: Company) -> None:
    company.day(0, **SILENT | OVERDUE)
    with company.marts.connection.cursor() as cursor:
        given = TaskAnswer(3, "done", "ben", "paid on Friday")
        assert (answer_task(cursor, given, now=NOW), answer_task(cursor, given, now=NOW)) == (True, False)
        assert company.marts.rows('select state from alerts."case"') == [("open",)], "finance is not who answers for it"
        assert answer_task(cursor, TaskAnswer(1, "done", "ana", "they reorder next week"), now=NOW)
        with pytest.raises(Permanent, match=r"got done \(paid on Friday\)"):
            answer_task(cursor, TaskAnswer(3, "dropped", "ben", "no"), now=NOW)
        with pytest.raises(Permanent, match="what came of it"):
            answer_task(cursor, TaskAnswer(2, "done", "ben", " "), now=NOW)
        with pytest.raises(Permanent, match="forewarn task list"):
            answer_task(cursor, TaskAnswer(9, "done", "ben", "what"), now=NOW)
        assert company.marts.rows('select state from alerts."case"') == [("in_progress",)]
        answer(cursor, Answer(1, "close", "ana", outcome="saved", intervention="call"), now=NOW)
    assert company.tasks("state, outcome") == [
        ("done", "they reorder next week"),
        ("dropped", "the case is closed: saved"),
        ("done", "paid on Friday"),
    ]
    assert company.marts.rows("select kind, by from alerts.task_event where kind <> 'created' order by event_id") == [
        ("done", "ben"),
        ("done", "ana"),
        ("dropped", "ana"),
    ]


@pytest.mark.parametrize("alerts", [{"control_share": 0.5}, {"pilot": "segment = 'none'"}])
def test_who_is_not_told_has_no_task(
    settings: Settings, marts: AlertingWarehouse, tmp_path: Path, alerts: dict[str, object]
) -> None:
    marts.customer("c4")
    company = Company(settings, marts, tmp_path, **alerts)
    assert company.day(0, customer="c4", **SILENT).tasks == 0
    assert marts.rows('select withheld is not null from alerts."case"') == [(True,)]


def test_the_command_lists_and_ends_tasks(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    company.day(0, **SILENT)
    company.day(9, **SILENT)
    monkeypatch.setenv("FOREWARN_WAREHOUSE_URL", company.settings.warehouse_url)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["task", *arguments])
        assert done.exit_code == 0, done.output
        return done.output

    shown = run("list", "--owner", ANA)
    assert "2026-11-23 overdue" in shown
    assert "Stop deliveries" not in shown
    run("done", "1", "--outcome", "called", "--dry-run")
    assert company.tasks("state") == [("open",), ("open",)]
    assert run("done", "1", "--outcome", "called") == "task 1: done\n"
    assert run("drop", "2", "--reason", "prepaid") == "task 2: dropped\n"
    assert company.tasks("state, outcome") == [("done", "called"), ("dropped", "prepaid")]
