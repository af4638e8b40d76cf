"""Marts of the loop against figures by hand and against the ledger; the post-mortem and the reports made of them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg2.extras import Json
from tests.integration.warehouse.company import Company

from forewarn.alerts.dispatch import KINDS
from forewarn.alerts.letter import mail, word
from forewarn.alerts.news import MonthlyNews
from forewarn.alerts.rule_ledger import found_ledger
from forewarn.config.project import Project, load_project
from forewarn.errors import Permanent
from forewarn.loop.anomalies import watch
from forewarn.loop.figures import DIMENSIONS, read_figures
from forewarn.loop.missed import post_mortem
from forewarn.loop.monthly import Made, monthly_report
from forewarn.loop.save_rate import DIVISIONS, save_rates
from forewarn.loop.scheduled import Reported, report
from forewarn.workbench.performance import statement

MAY, JUNE, JULY, TODAY = date(2024, 5, 1), date(2024, 6, 1), date(2024, 7, 1), date(2024, 9, 10)
YESTERDAY = date(2024, 9, 9)
NOW = datetime(2024, 9, 10, 6, tzinfo=UTC)
CHURN = {"definition": "non_contractual", "horizon_days": 60, "eligible_days": 90, "snapshots": 3}
# Who left in June: gone was foreseen, missed was not, and control is of the control group. Told and calm stay.
ORDERS = {
    "gone": ["2024-04-20"],
    "missed": ["2024-04-25"],
    "control": ["2024-04-28"],
    "told": ["2024-05-02", "2024-06-20", "2024-08-01", "2024-09-01"],
    "calm": ["2024-04-10", "2024-05-15", "2024-06-20", "2024-07-25", "2024-08-20"],
}
# Customer, level, day, arm, what closed it, intervention, presumed, cost.
CASES: list[tuple[Any, ...]] = [
    ("gone", "high", MAY, None, "churned", "call", True, None),
    ("told", "medium", JUNE, "told", "saved", "offer", False, 250),
    ("control", "medium", JUNE, "control", None, None, None, None),
    ("calm", "low", MAY, None, None, None, None, None),
]


@pytest.fixture(scope="module")
def project() -> Project:
    found = load_project(Path(__file__).resolve().parents[3] / "config")
    alerts = {"channels": ["email"], "report_recipients": ["finance", "chef@meridian.example"]}
    return found.model_copy(update={"alerts": found.alerts.model_copy(update=alerts)})


@pytest.fixture(scope="module")
def company(new_company: Callable[[], Company], project: Project) -> Company:
    """Five customers and the ledger of their cases."""
    made = new_company()
    accounts = [(name, name, "Retail" if name in ("gone", "told") else "Trade") for name in ORDERS]
    made.land("erp", "account", "account_id name segment", accounts)
    orders = [(f"{name}{day}", name, f"{day}T00:00Z", 100) for name, days in ORDERS.items() for day in days]
    made.land("erp", "order", "order_id account_id ordered_at amount", orders)
    made.build(str(MAY), str(JUNE), str(JULY), str(TODAY), churn=CHURN, definitions={"contact_cost": 40})
    with made.connection.cursor() as cursor:
        for day in (MAY, JUNE, TODAY):
            cursor.execute(
                "insert into ops.publication (as_of_date, run_id, live, published_at, row_counts)"
                " values (%s, 'r', true, %s, '{}')",
                [day, NOW],
            )
        for number, one in enumerate(CASES, start=1):
            _case(made, number, *one)
        _signals(made)
        for day, threshold in ((JUNE, 0.95), (TODAY, 0.5)):
            cursor.execute(
                "insert into ml.score (customer_id, as_of_date, definition, model_name, model_version, probability,"
                " threshold, rank_of_day, scored_at) values (%s, %s, 'non_contractual', 'm', '7', 0.9, %s, 1, %s)",
                [made.customer("missed"), day, threshold, NOW],
            )
        found_ledger(cursor, project, as_of_date=TODAY, by="test", now=NOW)
    return made


def _case(company: Company, number: int, name: str, level: str, day: date, arm: str | None, *ending: Any) -> None:
    outcome, intervention, presumed, cost = ending
    at = datetime(day.year, day.month, day.day, 6, tzinfo=UTC)
    closed = date(2024, 6, 10) if outcome else None
    company.rows(
        'insert into alerts."case" (customer_id, episode, state, level, route, routes, owner_name, value_at_stake,'
        " expected_loss, reasons, next_step, opened_as_of, updated_as_of, opened_at, updated_at, arm, drawn_as_of,"
        " control_share, withheld, outcome, closed_as_of, closed_at, intervention, intervention_presumed,"
        " intervention_cost)"
        " values (%s, 1, %s, %s, 'account_manager', '{account_manager}', 'Ana', 1000, 500, '[]', '', %s, %s, %s, %s,"
        " %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) returning 1",
        *(company.customer(name), "closed" if outcome else "open", level, day, day, at, at, arm, arm and day),
        *(arm and 0.2, "control" if arm == "control" else None, outcome, closed, closed and at),
        *(intervention, presumed, cost),
    )
    events = [("opened", day, {"level": level})]
    events += [("closed", closed, {"by": "ana", "outcome": outcome})] if outcome else []
    for kind, as_of, detail in events:
        company.rows(
            "insert into alerts.case_event (case_id, as_of_date, kind, reason, detail, happened_at)"
            " values (%s, %s, %s, '', %s, %s) returning 1",
            *(number, as_of, kind, Json(detail), at),
        )
    if outcome:
        company.rows(
            "insert into alerts.outbox (dedup_key, case_id, kind, channel, recipient, payload, state, next_attempt_at,"
            " expires_at, created_at, sent_at) values (%s, %s, 'case', 'email', 'a@x.example', '{}', 'sent', %s, %s,"
            " %s, %s) returning 1",
            *(str(number), number, at, at, at, at),
        )


def _signals(company: Company) -> None:
    for name, day, kind, signal, version in (
        ("gone", MAY, "rule", "spend_drop", "2"),
        ("gone", JUNE, "rule", "spend_drop", "2"),
        # After the case was closed: of no case.
        ("gone", JULY, "rule", "pays_late", "1"),
        ("told", JUNE, "model", "non_contractual", "7"),
        ("control", JUNE, "rule", "spend_drop", "2"),
    ):
        company.rows(
            "insert into alerts.signal (customer_id, as_of_date, kind, name, version, level, route, reason, evidence,"
            " observed_at) values (%s, %s, %s, %s, %s, 'medium', 'account_manager', '', '{}', %s) returning 1",
            *(company.customer(name), day, kind, signal, version, NOW),
        )


def _performance(company: Company, dimension: str, member: str, columns: str) -> tuple[Any, ...]:
    (row,) = company.rows(
        f"select {columns} from marts.alert_performance_monthly where (month, dimension, member) = (%s, %s, %s)",
        *(JUNE, dimension, member),
    )
    return tuple(row.values())


@pytest.mark.capability("C43", "C44", "B11")
def test_alerts_are_judged_by_what_became_of_the_customers(company: Company) -> None:
    rows = company.rows(
        "select case_id, segment, is_alert, is_treated, is_mature, churned, cost::int, lead_days"
        " from marts.alert_outcomes order by case_id"
    )
    assert [tuple(row.values()) for row in rows] == [
        (1, "retail", True, True, True, True, 40, 49),
        (2, "retail", True, True, True, False, 250, None),
        (3, "trade", True, False, True, True, None, 26),
        (4, "trade", False, False, True, False, None, None),
    ]
    assert _performance(company, "all", "all", "alerts, told, control_group, judged, correct, closed") == (
        2,
        1,
        1,
        2,
        1,
        1,
    )
    assert _performance(company, "all", "all", "precision, precision_untreated, median_lead_days") == (0.5, 1, 26)
    assert _performance(company, "all", "all", "leavers, foreseen, recall") == (3, 2, pytest.approx(2 / 3))
    # A rule is told beside the leavers of everybody, a segment beside its own.
    assert _performance(company, "rule", "spend_drop", "alerts, correct, leavers, foreseen") == (1, 1, 3, 2)
    assert _performance(company, "segment", "retail", "alerts, correct, leavers, foreseen") == (1, 0, 1, 1)
    assert _performance(company, "model", "non_contractual 7", "alerts, saved, roi_gross") == (1, 1, 3)
    signals = company.rows("select case_id, name, first_as_of, last_as_of from marts.alert_signals order by 1")
    assert [tuple(row.values()) for row in signals] == [
        (1, "spend_drop", MAY, JUNE),
        (2, "non_contractual", JUNE, JUNE),
        (3, "spend_drop", JUNE, JUNE),
    ]


@pytest.mark.capability("C45")
def test_marts_and_ledger_reconcile(company: Company) -> None:
    text = (Path(__file__).resolve().parents[3] / "dbt_project/tests/marts/alert_outcomes_reconcile.sql").read_text()
    query = re.sub(r"\{\{ source\('alerts', 'case'\) \}\}", 'alerts."case"', text)
    query = re.sub(r"\{\{ ref\('(\w+)'\) \}\}", r"marts.\1", query)
    assert company.rows(query) == []
    # A case that only the ledger knew would be noticed.
    spoiled = query.replace('from alerts."case"', 'from (select * from alerts."case" where case_id > 1) as ledger')
    assert company.rows(spoiled) == [{"what": "ledger"}]


@pytest.mark.capability("C45")
@pytest.mark.parametrize("dimension", ["all", "rule", "model", "segment", "manager", "playbook"])
def test_the_workbench_counts_as_the_mart_does(company: Company, dimension: Any) -> None:
    counts = ["alerts", "unripe", "judged", "correct", "closed", "saved_value", "cost"]
    # Leavers of a rule are those of everybody in the months in which it foresaw one: they do not add up.
    counts += ["leavers", "foreseen"] if dimension in ("all", "segment", "manager") else []
    sums = ", ".join(f"sum({name})::float8 as {name}" for name in counts)
    mart = company.rows(
        f"select member, {sums} from marts.alert_performance_monthly where dimension = %s group by member", dimension
    )
    with company.connection.cursor() as cursor:
        values = {"since": MAY, "definition": CHURN["definition"]}
        cursor.execute(statement(dimension).replace("bi.", "marts."), values)
        names = [column.name for column in cursor.description or ()]
        page = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    assert page
    shown = [{name: one[name] for name in ("member", *counts)} for one in page]
    assert sorted(shown, key=str) == sorted(mart, key=str)


@pytest.mark.capability("B2")
def test_the_control_group_is_compared_as_it_was_drawn(company: Company) -> None:
    with company.connection.cursor() as cursor:
        found = {dimension: save_rates(cursor, dimension, until=TODAY) for dimension in DIVISIONS}
        (everybody,) = found["all"]
        assert save_rates(cursor, "all", until=JUNE) == [], "a draw of the first day is not before it"
    assert (everybody.told.customers, everybody.told.left) == (1, 0)
    assert (everybody.control.customers, everybody.control.left) == (1, 1)
    assert (everybody.shown, everybody.value, everybody.cost) == (False, 1000, 250)
    assert [one.member for one in found["rule"]] == ["spend_drop"]
    assert [(one.member, one.told.customers, one.control.customers) for one in found["segment"]] == [
        ("retail", 1, 0),
        ("trade", 0, 1),
    ]


@pytest.mark.capability("B8")
def test_who_left_without_an_alert_could_have_been_seen(company: Company, project: Project) -> None:
    with company.connection.cursor() as cursor:
        post_mortem(cursor, project, as_of_date=TODAY, now=NOW)
        post_mortem(cursor, project, as_of_date=TODAY, now=NOW)
    (row,) = company.rows("select customer_id, gone_on, detectable_on, signal, why, dates from alerts.missed_churn")
    assert row == {
        "customer_id": company.customer("missed"),
        "gone_on": date(2024, 6, 24),
        "detectable_on": JUNE,
        "signal": "non_contractual",
        "why": "threshold",
        "dates": 2,
    }


@pytest.mark.capability("C45", "C49")
def test_the_report_of_a_month_is_kept_and_goes_once_to_each_reader(company: Company, project: Project) -> None:
    def made(*, dry_run: bool = False) -> Made:
        return monthly_report(company.settings, project, JUNE, now=NOW, dry_run=dry_run)

    dry = made(dry_run=True)
    assert (dry.letters, [file.exists() for file in dry.files]) == (2, [False] * 4)
    first = made()
    assert (first.letters, [file.name for file in first.files]) == (
        2,
        [f"monthly-2024-06.{locale}.{kind}" for locale in ("en", "zh_CN") for kind in ("html", "pdf")],
    )
    again = made()
    assert (again.letters, again.files) == (0, first.files)
    english, chinese = (first.files[place].read_text(encoding="utf-8") for place in (0, 2))
    assert "50% of its alerts were followed by churn, and 66.7% of the customers who left had an alert" in english
    assert "not shown yet" in english
    assert "尚不能证明通知能留住客户" in chinese
    assert all(first.files[place].read_bytes().startswith(b"%PDF-") for place in (1, 3))
    rows = company.rows(
        "select locale, html_path, figures -> 'performance' -> 'all' -> 'all' ->> 'alerts' as alerts"
        " from alerts.report order by report_id"
    )
    assert [tuple(row.values()) for row in rows[:2]] == [
        ("en", "reports/monthly-2024-06.en.html", "2.0"),
        ("zh_CN", "reports/monthly-2024-06.zh_CN.html", "2.0"),
    ]
    (letter,) = company.rows(
        "select * from alerts.outbox where kind = 'monthly' and recipient = 'chef@meridian.example'"
    )
    content = KINDS["monthly"].model_validate(letter["payload"])
    assert isinstance(content, MonthlyNews)
    sent = mail(
        word(content, letter["alert_id"]),
        content,
        alert_id=letter["alert_id"],
        sender="Forewarn <alerts@meridian.example>",
        recipient=letter["recipient"],
        created_at=NOW,
    )
    (attached,) = sent.iter_attachments()
    assert (attached.get_filename(), attached.get_payload(decode=True)) == (
        "forewarn-2024-06.pdf",
        first.files[1].read_bytes(),
    )
    with pytest.raises(Permanent, match="a month that is over by the newest published day"):
        monthly_report(company.settings, project, TODAY.replace(day=1), now=NOW)


def test_each_figure_of_the_report_has_the_sql_that_gives_it(company: Company) -> None:
    with company.connection.cursor() as cursor:
        figures = read_figures(cursor, JUNE, definition="non_contractual")
    assert set(figures.performance) == set(DIMENSIONS)
    for one in figures.performance.values():
        again = [row for query in one.sql for row in company.rows(query.replace("%", "%%"))]
        names = ("alerts", "cost", "recall", "precision")
        assert again
        assert all(one.members[row["member"]][name] == row[name] for row in again for name in names if name in row)
    for found, query in figures.saves.values():
        rows = company.rows(query.replace("%", "%%"))
        assert sum(row["customers"] for row in rows) == sum(one.told.customers + one.control.customers for one in found)


# A hundred tickets a day since May, and three times as many of the trade on the day before.
_TICKETS = """
insert into intermediate.int_customer_events (event_key, entity, customer_id, kind, occurred_at, known_at, day,
    known_day, source, source_record_id)
select format('ticket|test|%%s|%%s|%%s', d.customer, d.day::date, n), 'ticket', d.customer, 'ticket', d.day, d.day,
    d.day::date, d.day::date, 'test', format('%%s|%%s|%%s', d.customer, d.day::date, n)
from (
    select day, c.customer, 50 as tickets from generate_series(%s::date, %s::date, '1 day') as day
    cross join unnest(%s) as c (customer)
    union all select %s::date, %s, 200
) as d cross join lateral generate_series(1 + case when d.tickets = 200 then 50 else 0 end, d.tickets) as n returning 1
"""
_PLAN = """reports:
  - {report: service, every: week, to: service, locale: zh-CN}
  - {report: sales, every: month, to: sales-lead@meridian.example}
  - {report: finance, every: week, to: finance}
  - {report: data, every: month, to: finance}
  - {report: anomalies, every: day, to: sales-lead@meridian.example}
"""


@pytest.mark.capability("C49")
def test_reports_go_once_a_period_to_each_reader_and_tell_of_a_planted_anomaly(
    company: Company, project: Project, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.mkdir()
    shutil.copy(project.folder / "routes.yml", config)
    (config / "reports.yml").write_text(_PLAN, encoding="utf-8")
    own = project.model_copy(update={"folder": config})
    told, gone = company.customer("calm"), company.customer("gone")
    company.rows(_TICKETS, date(2024, 5, 20), YESTERDAY, [told, gone], YESTERDAY, told)

    def made(now: datetime = NOW, *, dry_run: bool = False) -> Reported:
        return report(company.settings, own, as_of_date=TODAY, run_id="r", now=now, dry_run=dry_run)

    dry = made(dry_run=True)
    assert (dry.anomalies, dry.letters, [file.exists() for file in dry.files]) == (1, 5, [False] * 10)
    first = made()
    assert (first.anomalies, first.letters) == (1, 5)
    assert [file.name for file in first.files if file.suffix == ".html"] == [
        "service-week-2024-09-02.zh_CN.html",
        "sales-2024-08.en.html",
        "finance-week-2024-09-02.en.html",
        "data-2024-08.en.html",
        "anomalies-day-2024-09-09.en.html",
    ]
    assert made(NOW + timedelta(hours=1)) == Reported(0, (), 0)
    (found,) = company.rows("select * from alerts.anomaly")
    assert (found["figure"], found["grain"], found["since"], found["seen"], found["expected"]) == (
        *("tickets", "day", YESTERDAY),
        *(250.0, 100.0),
    )
    trade = {"dimension": "segment", "member": "trade", "seen": 200.0, "expected": 50.0}
    assert found["segments"] == [trade]
    (letter,) = company.rows("select payload from alerts.outbox where dedup_key like 'report:anomalies:%%'")
    assert letter["payload"]["sentences"] == [
        "Tickets: 250 on Sep 9, 2024; 60 to 140 is usual and 100 was expected. Since Sep 9, 2024. Moved most by:"
        " segment trade (200, expected 50)."
    ]
    chinese = first.files[0].read_text(encoding="utf-8")
    # The week before had no more than usual.
    assert "收到工单 700 件（上期 700 件）" in chinese
    assert "没有任何公司指标出现异常" in chinese
    kept = company.rows("select kind, every, since, html_path from alerts.report where kind <> 'monthly' order by 1")
    assert [tuple(row.values()) for row in kept][:2] == [
        ("anomalies", "day", YESTERDAY, "reports/anomalies-day-2024-09-09.en.html"),
        ("data", "month", date(2024, 8, 1), "reports/data-2024-08.en.html"),
    ]
    # Another reader of a report that is there gets it, and nobody else does.
    (config / "reports.yml").write_text(_PLAN + "  - {report: finance, every: week, to: service}\n", encoding="utf-8")
    assert made().letters == 1


def test_what_rests_on_late_data_is_neither_told_nor_ended(company: Company, project: Project) -> None:
    with company.connection.cursor() as cursor:
        assert watch(cursor, project, as_of_date=TODAY, now=NOW, unknown={"ticket"}) == 0
        cursor.execute("select over_as_of from alerts.anomaly")
        assert cursor.fetchall() == [(None,)]
        # What the source corrected meanwhile was never out of the ordinary.
        cursor.execute(
            "delete from intermediate.int_customer_events where source = 'test' and day = %s"
            " and split_part(source_record_id, '|', 3)::int > 50",
            [YESTERDAY],
        )
        assert watch(cursor, project, as_of_date=TODAY, now=NOW) == 0
        cursor.execute("select over_as_of from alerts.anomaly")
        assert cursor.fetchall() == [(TODAY,)]
