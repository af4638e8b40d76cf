"""How much people are told: a cap on each customer, a breaker for a day of too many cases, and a heartbeat."""

from __future__ import annotations

from datetime import timedelta

import pytest
from alerting_warehouse import DAY, NOW, RUN, AlertingWarehouse, simulated_project
from typer.testing import CliRunner
from waiting_alerts import messages, wait_for_alerts

from forewarn.alerts import (
    Trouble,
    dispatch,
    missed,
    newest_stop,
    open_cases,
    release,
    tell_missed,
    tell_stop,
)
from forewarn.alerts.answers import Answer, answer
from forewarn.cli import app
from forewarn.config.contact import CircuitBreaker, ContactCap, Touches
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.errors import Permanent


def a_day(settings: Settings, project: Project, marts: AlertingWarehouse, ahead: int, **scores: float) -> list[str]:
    """Open the cases of a day; return of whom people are told."""
    day, now = DAY + timedelta(days=ahead), NOW + timedelta(days=ahead)
    for customer, score in scores.items():
        marts.score(customer, score, day)
    marts.publish(day, f"run {ahead}")
    open_cases(settings, project, as_of_date=day, run_id=f"run {ahead}", now=now)
    return [
        customer
        for (customer,) in marts.rows(
            'select c.customer_id from alerts.outbox as o join alerts."case" as c using (case_id)'
            " where o.created_at = %s and o.kind = 'case' order by 1",
            [now],
        )
    ]


def close(marts: AlertingWarehouse, ahead: int) -> None:
    """Let everything be sent, and close all cases."""
    marts.run("update alerts.outbox set state = 'sent' where state = 'pending'")
    with marts.connection.cursor() as cursor:
        for (number,) in marts.rows("select case_id from alerts.\"case\" where state <> 'closed'"):
            answer(
                cursor,
                Answer(number, "close", "ana", outcome="saved", intervention="call"),
                now=NOW + timedelta(days=ahead),
            )


@pytest.mark.capability("C40", "C42")
def test_a_customer_is_told_of_no_more_often_than_its_tier_allows_unless_it_becomes_urgent(
    settings: Settings, marts: AlertingWarehouse
) -> None:
    cap = ContactCap(times=1, days=30, tiers={"key account": Touches(times=2, days=30)})
    project = simulated_project(
        settings.config, channels=["file", "webhook"], cool_down_days={"saved": 0}, contact_cap=cap
    )
    marts.customer("c1", segment="retail")
    marts.customer("k1", segment="key account")
    assert a_day(settings, project, marts, 0, c1=0.6, k1=0.6) == ["c1", "c1", "k1", "k1"], "once over two channels"
    close(marts, 0)
    assert a_day(settings, project, marts, 5, c1=0.6, k1=0.6) == ["k1", "k1"]
    assert marts.rows("select reason from alerts.case_event where detail ->> 'why' = 'contact_cap'") == [
        ("people were told about the customer 1 times in 30 days, and 1 is what alerts.contact_cap allows",)
    ]
    assert marts.rows("select withheld from alerts.\"case\" where customer_id = 'c1' and state = 'open'") == [
        ("contact_cap",)
    ]
    assert a_day(settings, project, marts, 6, c1=0.6, k1=0.6) == []
    assert a_day(settings, project, marts, 7, c1=0.9, k1=0.6) == ["c1", "c1"]
    close(marts, 8)
    assert a_day(settings, project, marts, 9, k1=0.6) == [], "of tier key account"
    assert a_day(settings, project, marts, 37, k1=0.6) == ["k1", "k1"], "thirty days on there is room, for what waits"


@pytest.mark.capability("C37")
def test_37_alerts_on_most_of_the_base_wait_for_operations_and_go_once_released(
    settings: Settings, marts: AlertingWarehouse
) -> None:
    project = simulated_project(settings.config, circuit_breaker=CircuitBreaker(share=0.25, at_least=5))
    for number in range(10):
        marts.label(f"c{number}", DAY, churned=False)
    wait_for_alerts(settings, project, marts, 9)
    assert marts.rows("select count(*) from alerts.outbox") == [(0,)]
    reason = (
        "9 cases with 10 eligible customers, and more than 25% of them are too many for one day:"
        " model non_contractual 9"
    )
    assert marts.rows('select count(*), min(withheld) from alerts."case"') == [(9, "circuit_breaker")]
    assert marts.rows("select distinct reason from alerts.case_event where kind = 'suppressed'") == [(reason,)]
    assert [tell_stop(settings, project, as_of_date=DAY, now=NOW) for _ in range(2)] == [1, 0]
    dispatch(settings, project, now=NOW)
    assert messages(settings) == ["000001-forewarn.eml"]
    mail = (settings.outbox / "pages" / "000001-forewarn.html").read_text(encoding="utf-8")
    assert reason in mail
    assert "forewarn alerts release --reason WHY" in mail
    later = NOW + timedelta(hours=2)
    assert open_cases(settings, project, as_of_date=DAY, run_id=RUN, now=later).letters == 0
    with marts.connection.cursor() as cursor:
        kept = newest_stop(cursor)
        assert (kept.as_of_date, kept.run_id, kept.reason, kept.released_by) == (DAY, RUN, reason, None)
        release(cursor, kept, by="olga", reason="a price change, all are real", now=later)
        release(cursor, kept, by="otto", reason="me too", now=later)
    assert open_cases(settings, project, as_of_date=DAY, run_id=RUN, now=later).letters == 9
    assert open_cases(settings, project, as_of_date=DAY, run_id=RUN, now=later).letters == 0
    assert marts.rows('select distinct withheld from alerts."case"') == [(None,)]
    assert marts.rows("select released_by, release_reason, released_at from alerts.stop") == [
        ("olga", "a price change, all are real", later)
    ]
    assert tell_stop(settings, project, as_of_date=DAY, now=later) == 0
    assert marts.rows("select over_at from ops.trouble") == [(later,)]


def test_37_and_87_the_commands_release_a_day_and_tell_of_a_silence(
    settings: Settings, marts: AlertingWarehouse
) -> None:
    place = {"FOREWARN_WAREHOUSE_URL": settings.warehouse_url, "FOREWARN_HOME": str(settings.home)}

    def forewarn(*words: str, status: int = 0) -> str:
        done = CliRunner().invoke(app, list(words), env=place | {"COLUMNS": "200"})
        assert done.exit_code == status, done.output
        return done.output

    project = simulated_project(settings.config, circuit_breaker=CircuitBreaker(at_least=1))
    wait_for_alerts(settings, project, marts, 2)
    give = ("alerts", "release", "--reason", "a price change")
    assert forewarn(*give, "--dry-run").startswith("would release 2026-11-16: 2 cases with 0 eligible customers, and ")
    assert forewarn(*give) == "2026-11-16 released: 2 messages wait for the next dispatch\n"
    assert forewarn(*give) == "2026-11-16 released: 0 messages wait for the next dispatch\n"
    assert marts.rows("select release_reason from alerts.stop") == [("a price change",)]
    marts.run("update ops.publication set published_at = now() - interval '25 hours'")
    assert forewarn("heartbeat") == "alive\n"
    marts.run("update ops.publication set published_at = now() - interval '27 hours'")
    assert forewarn("heartbeat", "--dry-run", status=1).startswith("no day was published since ")
    assert marts.rows("select from ops.trouble where kind = 'silent'") == []
    forewarn("heartbeat", status=1)
    assert marts.rows("select state from alerts.outbox where kind = 'operations'") == [("sent",)]


def test_37_the_next_day_is_judged_anew_and_what_still_stands_is_told(
    settings: Settings, marts: AlertingWarehouse
) -> None:
    project = simulated_project(settings.config, circuit_breaker=CircuitBreaker(share=0.25, at_least=5))
    for number in range(10):
        marts.label(f"c{number}", DAY, churned=False)
        marts.label(f"c{number}", DAY + timedelta(days=1), churned=False)
    wait_for_alerts(settings, project, marts, 9)
    assert a_day(settings, project, marts, 1, c1=0.9, c2=0.9) == ["c1", "c2"]


def test_37_a_day_as_usual_stops_nothing_and_has_nothing_to_release(
    settings: Settings, marts: AlertingWarehouse
) -> None:
    project = simulated_project(settings.config, circuit_breaker=CircuitBreaker(share=0.9, at_least=5))
    for number in range(10):
        marts.label(f"c{number}", DAY, churned=False)
    wait_for_alerts(settings, project, marts, 9)
    assert marts.rows("select count(*) from alerts.outbox") == [(9,)]
    with marts.connection.cursor() as cursor, pytest.raises(Permanent, match="circuit breaker keeps back, got none"):
        newest_stop(cursor)


@pytest.mark.capability("B6")
def test_87_operations_hear_once_when_nothing_ran_and_once_more_of_the_next_silence(
    settings: Settings, marts: AlertingWarehouse
) -> None:
    project = simulated_project(settings.config, quiet_hours=None, heartbeat_hours=26)
    marts.publish()

    def beat(hours: float) -> Trouble | None:
        now = NOW + timedelta(hours=hours)
        found = missed(settings, project, now=now)
        tell_missed(settings, project, found, now=now)
        dispatch(settings, project, now=now)
        return found

    assert beat(26) is None
    found = beat(27)
    assert found is not None
    assert found.reason == "no day was published since 2026-11-16 06:00 UTC; one is expected every 26 hours"
    assert beat(28) is not None
    assert messages(settings) == ["000001-forewarn.eml"]
    marts.run("update ops.publication set published_at = %s", [NOW + timedelta(hours=28)])
    assert beat(29) is None
    assert beat(60) is not None
    assert messages(settings) == ["000001-forewarn.eml", "000002-forewarn.eml"]
    assert marts.rows("select over_at is null from ops.trouble order by trouble_id") == [(False,), (True,)]
    marts.run("truncate ops.publication")
    assert beat(61) is not None
