"""One alert a change of stage, and one notice a breach of a company figure: told once, whatever is run again."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from alerting_warehouse import DAY, NOW, AlertingWarehouse, simulated_project

from forewarn.alerts import CaseCounts, dispatch, evaluate_rules, open_cases, tell_kpis
from forewarn.alerts.answers import Answer, answer
from forewarn.alerts.silences import NewSilence, add_silence
from forewarn.config.contact import QuietHours
from forewarn.config.project import Project
from forewarn.config.settings import Settings

ANA, LEAD = "ana.weber@meridian.example", "sales-lead@meridian.example"


class Life:
    """One customer's stages by day."""

    def __init__(self, settings: Settings, marts: AlertingWarehouse, **alerts: Any) -> None:
        self.settings, self.marts, self.project = settings, marts, simulated_project(settings.config, **alerts)
        marts.customer("c1")

    def day(self, ahead: int, stage: str, silent_days: int | None = 190) -> CaseCounts:
        self.marts.stage("c1", DAY + timedelta(days=ahead), stage, silent_days)
        self.marts.features("c1", DAY + timedelta(days=ahead))
        self.marts.publish(DAY + timedelta(days=ahead), f"run {ahead}")
        return self.again(ahead)

    def again(self, ahead: int) -> CaseCounts:
        day, now = DAY + timedelta(days=ahead), NOW + timedelta(days=ahead)
        evaluate_rules(self.settings, self.project, as_of_date=day, now=now)
        return open_cases(self.settings, self.project, as_of_date=day, run_id=f"run {ahead}", now=now)

    def signals(self) -> list[tuple[Any, ...]]:
        return self.marts.rows("select as_of_date - %s, name from alerts.signal order by 1", [DAY])


@pytest.mark.capability("C21")
def test_a_change_of_stage_is_one_alert_and_none_while_the_stage_stays(
    settings: Settings, marts: AlertingWarehouse
) -> None:
    life = Life(settings, marts)
    first = life.day(0, "active")
    assert (first.signals, first.opened) == (0, 0), "the first day has nothing to compare with"
    counts = life.day(1, "dormant")
    assert (counts.opened, counts.letters) == (1, 1)
    [(level, reasons)] = marts.rows('select level, reasons from alerts."case"')
    assert (level, reasons[0]["title"]) == ("medium", "Has become dormant")
    assert reasons[0]["text"] == "Dormant since the last look, active before; no purchase for 190 days."
    before = marts.fingerprint()
    assert life.again(1).letters == 0
    assert marts.fingerprint() == before
    # While it stays the case rests on it, and nobody is told; after the case is closed nothing comes again.
    assert [life.day(ahead, "dormant").letters for ahead in (2, 3)] == [0, 0]
    assert life.signals() == [(1, "stage_dormant"), (2, "stage_dormant"), (3, "stage_dormant")]
    with marts.connection.cursor() as cursor:
        answer(cursor, Answer(1, "close", "ana", outcome="no_answer", intervention="call"), now=NOW + timedelta(days=3))
    assert [life.day(ahead, "dormant").opened for ahead in (4, 40)] == [0, 0]
    # Another change is another alert.
    life.day(41, "active")
    assert life.day(42, "dormant").opened == 1


@pytest.mark.capability("C21")
def test_a_change_that_happened_while_nothing_ran_is_told_once_and_history_built_later_changes_nothing(
    settings: Settings, marts: AlertingWarehouse
) -> None:
    life = Life(settings, marts)
    life.day(0, "active")
    # Days 1 to 4 are built as history, before the next live day: the change lies between two live days all the same.
    for ahead in range(1, 5):
        marts.stage("c1", DAY + timedelta(days=ahead), "dormant" if ahead > 1 else "active")
        marts.publish(DAY + timedelta(days=ahead), f"history {ahead}", live=False)
    assert life.day(5, "dormant").opened == 1
    before = marts.fingerprint()
    marts.run("update marts.customer_lifecycle set stage = 'at_risk' where as_of_date = %s", [DAY + timedelta(days=4)])
    assert life.again(5).letters == 0
    assert marts.fingerprint() == before


@pytest.mark.capability("C21", "C36")
def test_a_change_that_asks_for_no_case_is_a_message_once(settings: Settings, marts: AlertingWarehouse) -> None:
    life = Life(settings, marts)
    life.day(0, "lost")
    counts = life.day(1, "won_back", silent_days=1)
    assert (counts.opened, counts.letters, counts.stage_letters) == (0, 0, 1)
    assert (life.again(1).stage_letters, life.day(2, "won_back").stage_letters) == (0, 0)
    sent = dispatch(settings, life.project, now=NOW + timedelta(days=2))
    assert sent.sent == 1
    assert marts.rows("select kind, case_id, recipient, state from alerts.outbox") == [("stage", None, ANA, "sent")]


@pytest.mark.parametrize(
    ("alerts", "reason"),
    [
        ({"control_share": 0.5, "pilot": None}, "of the control group"),
        ({"pilot": "segment = 'wholesale'"}, "outside the pilot"),
        ({}, "account_manager is silenced, silence 1 of lead until"),
    ],
)
def test_a_message_about_a_stage_that_nobody_may_hear_of_says_why(
    settings: Settings, marts: AlertingWarehouse, alerts: dict[str, Any], reason: str
) -> None:
    life = Life(settings, marts, **alerts)
    if not alerts:
        silence = NewSilence(DAY, DAY + timedelta(days=9), "known", signal="stage_won_back")
        with marts.connection.cursor() as cursor:
            add_silence(cursor, silence, by="lead", now=NOW)
    life.day(0, "lost")
    assert (life.day(1, "won_back").stage_letters, life.again(1).stage_letters) == (0, 0)
    [(state, why)] = marts.rows("select state, reason from alerts.outbox")
    assert (state, why.startswith(reason)) == ("suppressed", True)


def test_51_news_waits_for_its_readers_morning(settings: Settings, marts: AlertingWarehouse, tmp_path: Path) -> None:
    quiet = QuietHours.model_validate({"from": "18:00", "to": "08:00"})
    life = Life(settings, marts, quiet_hours=quiet)
    for name in ("playbooks", "routes", "kpis", "transitions"):
        shutil.copy(settings.config / f"{name}.yml", tmp_path)
    routes = (tmp_path / "routes.yml").read_text("utf-8")
    away = routes.replace("name: Support,", "name: Support, time_zone: America/New_York,")
    (tmp_path / "routes.yml").write_text(away, encoding="utf-8")
    life.project = life.project.model_copy(update={"playbooks": tmp_path / "playbooks.yml"})
    marts.run("update marts.dim_customers set owner_time_zone = 'Asia/Shanghai'")
    life.day(0, "lost")
    life.day(1, "won_back")
    months(marts, 0.1)
    later = NOW + timedelta(days=1)
    tell_kpis(settings, life.project, as_of_date=DAY + timedelta(days=1), run_id="run 1", now=later)
    # At seven in Berlin it is two in the afternoon in Shanghai, and one at night in New York.
    assert dispatch(settings, life.project, now=later).sent == 1
    assert marts.rows("select kind, state, next_attempt_at from alerts.outbox where kind <> 'case' order by kind") == [
        ("kpi", "pending", later + timedelta(hours=7)),
        ("stage", "sent", later),
    ]


def months(marts: AlertingWarehouse, *figures: float | None, first: int = 1) -> None:
    for place, figure in enumerate(figures):
        marts.month(date(2026, first + place, 1), csat=figure)


def tell(settings: Settings, project: Project, marts: AlertingWarehouse, day: date) -> int:
    marts.publish(day, str(day))
    return tell_kpis(settings, project, as_of_date=day, run_id=str(day), now=NOW)


@pytest.mark.capability("C20")
def test_a_breach_of_a_company_figure_is_told_once_until_it_is_over_and_begins_anew(
    settings: Settings, marts: AlertingWarehouse
) -> None:
    project = simulated_project(settings.config)
    months(marts, 0.8, 0.74)
    marts.month(date(2026, 3, 1), settled=False, csat=0.1)
    assert tell(settings, project, marts, date(2026, 3, 20)) == 1
    [(recipient, payload)] = marts.rows("select recipient, payload from alerts.outbox")
    assert (recipient, payload["kpi"], payload["limit"]) == ("support-lead@meridian.example", "csat", 0.75)
    assert [one["figure"] for one in payload["history"]] == [0.8, 0.74], "a month that may still change is not judged"
    assert tell_kpis(settings, project, as_of_date=date(2026, 3, 20), run_id="2026-03-20", now=NOW) == 0
    marts.run("update marts.kpi_monthly set is_settled = true, csat = 0.7 where month = '2026-03-01'")
    assert tell(settings, project, marts, date(2026, 4, 20)) == 0, "it goes on"
    months(marts, None, 0.9, first=4)
    assert tell(settings, project, marts, date(2026, 5, 10)) == 0, "unknown ends nothing"
    assert marts.rows("select over_month from alerts.kpi_breach") == [(None,)]
    assert tell(settings, project, marts, date(2026, 6, 20)) == 0
    ledger = "select kpi, bound, first_month, figure, limit_value, over_month from alerts.kpi_breach order by breach_id"
    assert marts.rows(ledger) == [("csat", "below 0.75", date(2026, 2, 1), 0.74, 0.75, date(2026, 5, 1))]
    months(marts, 0.6, first=6)
    assert tell(settings, project, marts, date(2026, 7, 20)) == 1
    assert dispatch(settings, project, now=NOW).sent == 2


def test_a_run_for_a_day_that_is_history_or_not_live_tells_no_figure(
    settings: Settings, marts: AlertingWarehouse
) -> None:
    project = simulated_project(settings.config)
    months(marts, 0.1)
    marts.publish(date(2026, 2, 20), "history", live=False)
    assert tell_kpis(settings, project, as_of_date=date(2026, 2, 20), run_id="history", now=NOW) == 0
    assert marts.rows("select count(*) from alerts.kpi_breach") == [(0,)]
