"""What people say of a case, and what follows: no escalation, no new case too soon, and a trail of it all."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import psycopg2
import pytest
from alerting_warehouse import DAY, NOW, OVERDUE, SILENT, AlertingWarehouse, simulated_project
from mail_receiver import Receiver
from psycopg2.errors import CheckViolation

from forewarn.alerts import CaseCounts, dispatch, evaluate_rules, open_cases
from forewarn.alerts.answers import Answer, answer
from forewarn.alerts.mail_wishes import wish
from forewarn.alerts.take_back import take_back
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.errors import Permanent

LEAD = "sales-lead@meridian.example"
# Medium cases are due after five days: from Monday the 16th that is Saturday, and so Monday the 23rd.
DUE = date(2026, 11, 23)


class Desk:
    """One silent customer's case, and days that go by."""

    def __init__(self, settings: Settings, project: Project, marts: AlertingWarehouse) -> None:
        self.settings, self.project, self.marts = settings, project, marts

    def day(self, ahead: int, **features: float | None) -> CaseCounts:
        day, now = DAY + timedelta(days=ahead), NOW + timedelta(days=ahead)
        self.marts.features("c1", day, **features)
        self.marts.publish(day, f"run {ahead}")
        evaluate_rules(self.settings, self.project, as_of_date=day, now=now)
        return open_cases(self.settings, self.project, as_of_date=day, run_id=f"run {ahead}", now=now)

    def answer(self, given: Answer, now: datetime = NOW) -> bool:
        with self.marts.connection.cursor() as cursor:
            return answer(cursor, given, now=now)

    def case(self, columns: str) -> tuple[object, ...]:
        return self.marts.rows(f'select {columns} from alerts."case" order by case_id desc limit 1')[0]


@pytest.fixture
def desk(settings: Settings, marts: AlertingWarehouse) -> Desk:
    project = simulated_project(
        settings.config, channels=["email"], fallback_recipient="desk@meridian.example", escalation_recipient=LEAD
    )
    desk = Desk(settings, project, marts)
    marts.customer("c1")
    assert desk.day(0, **SILENT).opened == 1
    return desk


@pytest.mark.capability("C43", "C48")
def test_a_case_goes_its_way_and_cannot_be_closed_without_an_outcome_and_what_was_done(desk: Desk) -> None:
    one = Answer(1, "acknowledge", "ana")
    assert (desk.answer(one), desk.answer(one)) == (True, False)
    assert desk.answer(Answer(1, "start", "ana", "calling today"))
    with pytest.raises(Permanent, match="expected a case that is open, got in_progress"):
        desk.answer(one)
    with pytest.raises(Permanent, match="an outcome with which it is closed"):
        desk.answer(Answer(1, "close", "ana"))
    with pytest.raises(Permanent, match=r"what was done about it: none, call, .* got nothing"):
        desk.answer(Answer(1, "close", "ana", outcome="saved"))
    with pytest.raises(Permanent, match="a cost of 0 or more, got -1"):
        desk.answer(Answer(1, "close", "ana", outcome="saved", intervention="offer", cost=-1))
    with pytest.raises(CheckViolation, match="closed_with_an_intervention"):
        desk.marts.run("update alerts.\"case\" set state = 'closed', outcome = 'saved', closed_as_of = opened_as_of")
    assert desk.answer(Answer(1, "close", "ana", "new contract", "saved", intervention="offer", cost=250))
    assert not desk.answer(Answer(1, "close", "ana", "new contract", "saved", intervention="offer", cost=250))
    with pytest.raises(Permanent, match=r"got closed \(saved\)"):
        desk.answer(Answer(1, "close", "ben", outcome="churned", intervention="call"))
    assert desk.case("state, outcome, closed_as_of, closed_at") == ("closed", "saved", DAY, NOW)
    assert desk.case("intervention, intervention_presumed, intervention_cost::int") == ("offer", False, 250)
    assert desk.marts.rows(
        "select kind, reason, detail ->> 'by', detail ->> 'from' from alerts.case_event where event_id > 1"
    ) == [
        ("acknowledged", "by ana", "ana", "open"),
        ("started", "calling today", "ana", "acknowledged"),
        ("closed", "saved; offer; new contract", "ana", "in_progress"),
    ]
    with pytest.raises(Permanent, match="forewarn case list"):
        desk.answer(Answer(99, "start", "ana"))
    with pytest.raises(psycopg2.errors.CheckViolation):
        desk.marts.run("update alerts.\"case\" set state = 'open'")


@pytest.mark.capability("C40", "C37")
def test_54_after_an_outcome_nothing_opens_for_its_days_unless_it_is_graver(desk: Desk) -> None:
    desk.answer(Answer(1, "close", "ana", outcome="no_answer", intervention="call"))
    cooling = desk.day(1, **SILENT)
    assert (cooling.opened, cooling.letters, cooling.cooling, cooling.suppressed) == (0, 0, 1, 1)
    again = desk.day(13, **SILENT)
    assert (again.opened, again.cooling, again.suppressed) == (0, 1, 0)
    assert desk.marts.rows("select case_id, reason from alerts.case_event where kind = 'suppressed'") == [
        (1, "closed as no_answer on 2026-11-16, quiet until 2026-11-30; 1 signal: silent_quarter")
    ]
    assert desk.day(14, **SILENT).opened == 1
    assert desk.case("episode, state, level") == (2, "open", "medium")
    desk.answer(Answer(2, "close", "ana", outcome="saved", intervention="call"), NOW + timedelta(days=14))
    graver = desk.day(15, **SILENT | OVERDUE)
    assert (graver.opened, graver.cooling) == (1, 0)
    assert desk.case("episode, level") == (3, "high")


def test_of_a_snoozed_case_nobody_hears_unless_it_becomes_high(desk: Desk) -> None:
    until = DAY + timedelta(days=20)
    assert desk.answer(Answer(1, "snooze", "ana", "back from holiday then", until=until))
    assert not desk.answer(Answer(1, "snooze", "ana", until=until))
    assert desk.day(9, **SILENT).escalated == 0, "its day has passed, and it sleeps"
    assert desk.day(10, **SILENT | OVERDUE).letters > 0, "together they are high"
    assert desk.case("level, snoozed_until") == ("high", until)
    with pytest.raises(Permanent, match="a day until which"):
        desk.answer(Answer(1, "snooze", "ana"))


@pytest.mark.capability("C48")
def test_a_case_that_nobody_answers_goes_to_the_lead_once(desk: Desk) -> None:
    assert desk.case("due_on") == (DUE,)
    assert desk.day(7, **SILENT).escalated == 0
    assert desk.day(8, **SILENT).escalated == 1
    assert desk.day(9, **SILENT).escalated == 0
    with Receiver() as receiver:
        dispatch(desk.settings, desk.project, now=NOW + timedelta(days=9), resolve=lambda *_: receiver.url)
        assert LEAD in receiver.recipients
        text = receiver.taken[receiver.recipients.index(LEAD)].get_body(("plain",)).get_content()
    assert "ana.weber@meridian.example has not answered by the day it was due" in " ".join(text.split())
    assert desk.marts.rows("select reason from alerts.case_event where kind = 'escalated'") == [
        (f"no answer of ana.weber@meridian.example by {DUE}; {LEAD} is told",)
    ]


@pytest.mark.capability("C48")
def test_who_was_told_late_has_not_failed_to_answer_yet(desk: Desk) -> None:
    # The mail server takes nothing for a week; on the day after the message went nobody is blamed either.
    lasts = desk.project.alerts.model_copy(update={"expires_after_days": 30})
    desk.project = desk.project.model_copy(update={"alerts": lasts})
    desk.marts.run("update alerts.outbox set expires_at = expires_at + interval '30 days'")
    assert desk.day(9, **SILENT).escalated == 0
    with Receiver() as receiver:
        dispatch(desk.settings, desk.project, now=NOW + timedelta(days=10), resolve=lambda *_: receiver.url)
    assert desk.day(10, **SILENT).escalated == 0
    assert desk.day(11, **SILENT).escalated == 1


@pytest.mark.capability("C48")
def test_who_snoozed_a_case_has_the_day_on_which_it_wakes(desk: Desk) -> None:
    until = DAY + timedelta(days=20)
    desk.answer(Answer(1, "snooze", "ana", until=until))
    assert [desk.day(ahead, **SILENT).escalated for ahead in (19, 20, 21)] == [0, 0, 1]


def test_53_an_answer_cancels_the_escalation_and_a_closed_case_all_that_waits(desk: Desk) -> None:
    desk.day(8, **SILENT)
    states = "select kind, state, reason from alerts.outbox order by alert_id"
    desk.answer(Answer(1, "acknowledge", "ana"))
    assert desk.marts.rows(states) == [
        ("case", "pending", None),
        ("escalation", "suppressed", "answered by ana: acknowledge"),
    ]
    assert desk.day(9, **SILENT).escalated == 0
    desk.answer(Answer(1, "close", "ana", outcome="false_alarm", intervention="none"))
    assert [state for _, state, _ in desk.marts.rows(states)] == ["suppressed", "suppressed"]


def test_an_answered_case_is_not_escalated_and_a_watched_one_has_nobody_to_answer(desk: Desk) -> None:
    desk.answer(replace(Answer(1, "acknowledge", "ana"), reason="seen"))
    assert desk.day(30, **SILENT).escalated == 0


def test_who_wants_fewer_mails_gets_those_of_high_cases_and_every_escalation(desk: Desk) -> None:
    with desk.marts.connection.cursor() as cursor:
        assert wish(cursor, 1, "high", now=NOW)
        assert not wish(cursor, 1, "high", now=NOW)
    medium = "select kind, payload ->> 'level', state from alerts.outbox order by alert_id"
    assert desk.marts.rows(medium) == [("case", "medium", "suppressed")]
    assert desk.marts.rows("select reason, detail ->> 'why' from alerts.case_event where kind = 'suppressed'") == [
        (f"ana.weber@meridian.example wants mails of high cases alone, since {DAY}", "wish")
    ]
    desk.day(1, **SILENT | OVERDUE)
    assert desk.day(9, **SILENT | OVERDUE).escalated == 1
    assert [row for row in desk.marts.rows(medium) if row[2] == "pending"] == [
        ("case", "high", "pending"),
        ("case", "high", "pending"),
        ("escalation", "high", "pending"),
        ("overdue", "high", "pending"),
    ]
    with desk.marts.connection.cursor() as cursor:
        assert wish(cursor, 1, "low", now=NOW)
    assert desk.marts.rows("select from_level from alerts.mail_wish order by wish_id") == [("high",), ("low",)]


def test_a_closed_case_is_taken_back_until_a_newer_one_is_open(desk: Desk) -> None:
    desk.answer(Answer(1, "close", "ana", outcome="no_answer", intervention="call"))
    with desk.marts.connection.cursor() as cursor:
        assert take_back(cursor, 1, by="ben", reason="she called back", now=NOW + timedelta(hours=2))
        assert desk.case("state, outcome, closed_as_of, closed_at") == ("open", None, None, None)
        trail = "select kind, reason from alerts.case_event order by event_id desc limit 1"
        assert desk.marts.rows(trail) == [("taken_back", "closed of ana; she called back")]
        with pytest.raises(Permanent, match="expected an answer after which no other came, got none"):
            take_back(cursor, 1, by="ben", now=NOW)
    desk.answer(Answer(1, "close", "ana", outcome="saved", intervention="call"))
    assert desk.day(1, **SILENT | OVERDUE).opened == 1
    with desk.marts.connection.cursor() as cursor, pytest.raises(Permanent, match="got case 2 since"):
        take_back(cursor, 1, by="ana", now=NOW + timedelta(hours=12))
