"""One task for each role and step of a case, with one due day, however often and whatever happens to the case."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from alerting_warehouse import DAY, NOW, OVERDUE, SILENT, AlertingWarehouse, simulated_project
from typer.testing import CliRunner

from forewarn.alerts import CaseCounts, evaluate_rules, open_cases
from forewarn.alerts.answers import Answer, answer
from forewarn.alerts.task_answers import TaskAnswer, answer_task
from forewarn.cli import app
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.errors import Permanent

ANA, RECEIVABLES = "ana.weber@meridian.example", "receivables@meridian.example"
BOOK = """
levels:
  low: {response_days: 10, probability_by_rules: 0.15}
  medium: {response_days: 5, working_days: true, probability_by_rules: 0.3}
  high: {response_days: 2, probability_by_rules: 0.5}
steps:
  - {id: date, route: finance, step: "Ask {contact} for a date by {due}."}
  - id: visit
    route: account_manager
    when: segment = 'key' and full_months_since_last_order >= 3
    step: "Visit {contact} by {due}."
    offer: "Offer a review of the contract."
    due_days: 1
    contact_every_days: 7
  - id: call
    route: account_manager
    step: "Call {contact} by {due}."
    contact_every_days: 30
    then:
      - id: stop_credit
        who: finance
        step: "Stop deliveries on credit to {customer}."
        due_days: 3
        working_days: true
  - {step: "Look."}
"""


class Company:
    """A silent customer and their case, day by day, by a playbook of one's own."""

    def __init__(self, settings: Settings, marts: AlertingWarehouse, folder: Path, **alerts: object) -> None:
        (folder / "playbooks.yml").write_text(BOOK, encoding="utf-8")
        (folder / "routes.yml").write_text((settings.config / "routes.yml").read_text("utf-8"), encoding="utf-8")
        project = simulated_project(settings.config, **alerts)
        self.project: Project = project.model_copy(update={"playbooks": folder / "playbooks.yml"})
        self.settings, self.marts = settings, marts

    def day(self, ahead: int, run: str = "", customer: str = "c1", **features: float | None) -> CaseCounts:
        day, now = DAY + timedelta(days=ahead), NOW + timedelta(days=ahead)
        self.marts.features(customer, day, **features)
        self.marts.run("delete from ops.publication")
        self.marts.publish(day, f"run {ahead} {run}")
        evaluate_rules(self.settings, self.project, as_of_date=day, now=now)
        return open_cases(self.settings, self.project, as_of_date=day, run_id=f"run {ahead} {run}", now=now)

    def tasks(self, columns: str = "role, step, due_on, owner_email, state") -> list[tuple[object, ...]]:
        return self.marts.rows(f"select {columns} from alerts.task order by task_id")


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
        answer(cursor, Answer(1, "close", "ana", outcome="saved"), now=NOW)
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
