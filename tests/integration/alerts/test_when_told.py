"""When people are told: what may not go yet waits with its reason, and what is not urgent goes as one digest."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from alerting_warehouse import DAY, NOW, AlertingWarehouse, simulated_project
from mail_receiver import Receiver
from waiting_alerts import ANA, LEAD, states

from forewarn.alerts import Trouble, dispatch, open_cases, tell_operations
from forewarn.alerts.answer_links import Signer
from forewarn.alerts.answers import Answer, answer
from forewarn.config.contact import Digest, QuietHours
from forewarn.config.project import Project
from forewarn.config.settings import Settings

# 08:00 in Berlin, an hour after the cases open.
EIGHT = NOW + timedelta(hours=1)
QUIET = QuietHours.model_validate({"from": "18:00", "to": "08:00"})


@pytest.fixture
def gathering(settings: Settings) -> Project:
    return simulated_project(settings.config, channels=["email"], digest=Digest())


def cases(
    settings: Settings, project: Project, marts: AlertingWarehouse, scores: dict[str, float], ahead: int = 0
) -> None:
    """Open the cases of a day; each customer is worth ten thousand more than the one before."""
    for number, (customer, score) in enumerate(scores.items(), 1):
        if not marts.rows("select from marts.dim_customers where customer_id = %s", [customer]):
            marts.customer(customer, name=f"Customer {customer}", value=10_000 * number)
        marts.score(customer, score, DAY + timedelta(days=ahead))
    marts.publish(DAY + timedelta(days=ahead), f"run {ahead}")
    day, now = DAY + timedelta(days=ahead), NOW + timedelta(days=ahead)
    open_cases(settings, project, as_of_date=day, run_id=f"run {ahead}", now=now)


def send(settings: Settings, project: Project, receiver: Receiver, now: datetime) -> None:
    dispatch(settings, project, now=now, resolve=lambda *_: receiver.url)


@pytest.mark.capability("C37")
def test_51_quiet_hours_defer_by_the_readers_clock_and_say_so_and_operations_hear_at_once(
    settings: Settings, marts: AlertingWarehouse
) -> None:
    project = simulated_project(settings.config, quiet_hours=QUIET)
    marts.customer("c2", owner_email="li.na@meridian.example", owner_time_zone="Asia/Shanghai", name="Customer c2")
    cases(settings, project, marts, {"c1": 0.9, "c2": 0.9})
    trouble = Trouble("erp", "orders", "blocked", NOW, reason="no answer")
    tell_operations(settings, project, [trouble], as_of_date=DAY, now=NOW)
    counts = dispatch(settings, project, now=NOW)
    assert (counts.sent, counts.deferred) == (2, 1)
    assert marts.rows(
        "select state, next_attempt_at, reason, expires_at - created_at from alerts.outbox where recipient = %s", [ANA]
    ) == [
        (
            "pending",
            EIGHT,
            "quiet hours from 18:00 to 08:00: may go 2026-11-16 08:00 Europe/Berlin",
            timedelta(days=7, hours=1),
        )
    ]
    assert marts.rows("select reason, detail ->> 'until' from alerts.case_event where kind = 'deferred'") == [
        (
            f"file to {ANA}: quiet hours from 18:00 to 08:00: may go 2026-11-16 08:00 Europe/Berlin",
            "2026-11-16T07:00:00+00:00",
        )
    ]
    assert dispatch(settings, project, now=NOW + timedelta(minutes=59)).sent == 0
    assert dispatch(settings, project, now=EIGHT).sent == 1


def test_51_a_refused_message_waits_for_the_fallbacks_morning(
    settings: Settings, marts: AlertingWarehouse, receiver: Receiver
) -> None:
    project = simulated_project(settings.config, channels=["email"], quiet_hours=QUIET)
    marts.customer("c1", owner_email="li.na@meridian.example", owner_time_zone="Asia/Shanghai")
    cases(settings, project, marts, {"c1": 0.9})
    receiver.to_recipient["li.na@meridian.example"] = ["550 no such user"]
    send(settings, project, receiver, NOW)
    assert marts.rows("select recipient, state, next_attempt_at from alerts.outbox where state <> 'dead'") == [
        (LEAD, "pending", EIGHT)
    ]
    send(settings, project, receiver, EIGHT)
    assert receiver.recipients == [LEAD]


def test_49_a_deferred_message_does_not_expire_before_it_may_go(settings: Settings, marts: AlertingWarehouse) -> None:
    project = simulated_project(settings.config, quiet_hours=QUIET, working_days=["friday"], expires_after_days=1)
    cases(settings, project, marts, {"c1": 0.9})
    assert dispatch(settings, project, now=NOW).deferred == 1
    friday = EIGHT + timedelta(days=4)
    assert dispatch(settings, project, now=friday - timedelta(minutes=1)).expired == 0
    # In its hours it grows old as ever: a day, of which ten hours are over, and a week on it may go again.
    assert dispatch(settings, project, now=friday + timedelta(hours=10)).deferred == 1
    assert dispatch(settings, project, now=friday + timedelta(days=7, hours=23)).expired == 1
    assert states(marts) == ["expired"]


@pytest.mark.capability("C32")
def test_the_time_to_answer_begins_when_the_reader_may_be_told(settings: Settings, marts: AlertingWarehouse) -> None:
    # From Monday on, two days; who is told on Friday alone has them from Friday, over the weekend.
    due = "select c.due_on, t.due_on, o.payload ->> 'next_step' ~ %s from alerts.task as t"
    due += ' join alerts."case" as c using (case_id) join alerts.outbox as o using (case_id)'
    cases(settings, simulated_project(settings.config), marts, {"c1": 0.9})
    assert marts.rows(due, ["by Wednesday, Nov 18"]) == [(DAY + timedelta(days=2), DAY + timedelta(days=2), True)]
    marts.run('truncate alerts.task, alerts.task_event, alerts.outbox, alerts.case_event, alerts."case" cascade')
    cases(settings, simulated_project(settings.config, working_days=["friday"]), marts, {"c1": 0.9}, ahead=1)
    assert marts.rows(due, ["by Monday, Nov 23"]) == [(DAY + timedelta(days=7), DAY + timedelta(days=7), True)]


@pytest.mark.capability("C32")
def test_of_a_case_that_waited_for_capacity_the_time_begins_when_it_is_told(
    settings: Settings, marts: AlertingWarehouse
) -> None:
    project = simulated_project(settings.config, weekly_capacity=1)
    cases(settings, project, marts, {"c1": 0.9, "c2": 0.9})
    [(withheld, due_on)] = marts.rows("select withheld, due_on from alerts.\"case\" where customer_id = 'c1'")
    assert (withheld, due_on) == ("capacity", DAY + timedelta(days=2))
    cases(settings, project, marts, {"c1": 0.9, "c2": 0.9}, ahead=8)
    assert marts.rows("select withheld, due_on from alerts.\"case\" where customer_id = 'c1'") == [
        (None, DAY + timedelta(days=10))
    ]


@pytest.mark.parametrize("hours", [-1, 1])
def test_50_a_clock_an_hour_off_neither_doubles_nor_loses_a_digest(
    settings: Settings, gathering: Project, marts: AlertingWarehouse, receiver: Receiver, hours: int
) -> None:
    cases(settings, gathering, marts, {"c1": 0.6, "c2": 0.6})
    for now in (EIGHT + timedelta(hours=hours), EIGHT, EIGHT - timedelta(hours=1), EIGHT):
        send(settings, gathering, receiver, now)
    assert states(marts) == ["sent", "sent"]
    assert len(receiver.taken) == 1


@pytest.mark.capability("B7", "C42")
def test_what_is_not_urgent_goes_at_eight_as_one_message_by_expected_loss(
    settings: Settings, gathering: Project, marts: AlertingWarehouse, receiver: Receiver
) -> None:
    cases(settings, gathering, marts, {"c1": 0.6, "c2": 0.9, "c3": 0.6, "c4": 0.7})
    send(settings, gathering, receiver, NOW)
    assert [str(mail["Subject"]) for mail in receiver.taken] == ["High churn risk: Customer c2 – 90%, $20,000 a year"]
    assert marts.rows("select distinct reason from alerts.case_event where kind = 'deferred'") == [
        (f"email to {ANA}: waits for the digest, due 2026-11-16 08:00 Europe/Berlin",)
    ]
    send(settings, gathering, receiver, EIGHT)
    send(settings, gathering, receiver, EIGHT + timedelta(days=1))
    assert len(receiver.taken) == 2
    mail = receiver.taken[1]
    assert str(mail["Subject"]) == "3 cases, $52,000 a year: Customer c4, Customer c3, 1 more"
    text = mail.get_body(("plain",))
    assert text is not None
    lines = [line for line in text.get_content().splitlines() if line[:2] in ("1.", "2.", "3.")]
    assert lines == ["1. Customer c4: $28,000", "2. Customer c3: $18,000", "3. Customer c1: $6,000"]
    assert states(marts) == ["sent"] * 4
    assert marts.rows("select channel, recipient, begun_at from alerts.digest") == [("email", ANA, EIGHT)]
    assert marts.rows(
        "select count(*), count(distinct digest_id), min(outcome) from alerts.attempt"
        " join alerts.outbox using (alert_id)"
        " where detail like 'in digest 1 of 3: 250%%'"
    ) == [(3, 1, "sent")]
    assert marts.rows("select count(*) from alerts.case_event where kind = 'notified'") == [(4,)]


@pytest.mark.capability("B12")
def test_each_line_of_a_digest_is_answered_from_the_mail(
    settings: Settings, gathering: Project, marts: AlertingWarehouse, receiver: Receiver
) -> None:
    at = gathering.alerts.model_copy(update={"workbench_url": "https://forewarn.meridian.example"})
    cases(settings, gathering, marts, {"c1": 0.6, "c2": 0.6})
    key = "a-key-for-tests-which-is-long-enough"
    resolve = {"link_keys": key}
    dispatch(
        settings,
        gathering.model_copy(update={"alerts": at}),
        now=EIGHT,
        resolve=lambda name, _: resolve.get(name, receiver.url),
    )
    [mail] = receiver.taken
    text = mail.get_body(("plain",))
    assert text is not None
    links = re.findall(
        r"I'm on it: https://forewarn.meridian.example/cases/(\d+)/acknowledge/(\S+)", text.get_content()
    )
    found = [Signer([key]).read("acknowledge", token, now=EIGHT) for _, token in links]
    assert [(str(one.case_id), one.alert_id) for one in found] == [
        (case, number)
        for (case, _), (number,) in zip(
            links, marts.rows("select alert_id from alerts.outbox order by case_id desc"), strict=True
        )
    ]
    assert len(found) == 2
    assert "/mail/fewer_mails/" in str(mail["List-Unsubscribe"])


def test_a_case_that_becomes_urgent_leaves_the_digest_and_goes_at_once(
    settings: Settings, gathering: Project, marts: AlertingWarehouse, receiver: Receiver
) -> None:
    late = gathering.model_copy(update={"alerts": gathering.alerts.model_copy(update={"working_days": ["friday"]})})
    cases(settings, late, marts, {"c1": 0.6, "c2": 0.6})
    send(settings, late, receiver, EIGHT)
    cases(settings, late, marts, {"c1": 0.9, "c2": 0.6}, ahead=1)
    assert marts.rows("select state, reason from alerts.outbox where state = 'suppressed'") == [
        ("suppressed", "out of the digest: the case rose from medium to high")
    ]
    assert marts.rows("select reason from alerts.case_event where kind = 'suppressed'") == [
        (f"email to {ANA}: out of the digest: the case rose from medium to high",)
    ]
    send(settings, gathering, receiver, EIGHT + timedelta(days=4))
    assert [str(mail["Subject"]).partition(":")[0] for mail in receiver.taken] == [
        "High churn risk",
        "1 case, $12,000 a year",
    ]


def test_an_answered_case_falls_out_of_the_digest(
    settings: Settings, gathering: Project, marts: AlertingWarehouse, receiver: Receiver
) -> None:
    cases(settings, gathering, marts, {"c1": 0.6, "c2": 0.6})
    with marts.connection.cursor() as cursor:
        [(number,)] = marts.rows("select case_id from alerts.\"case\" where customer_id = 'c2'")
        answer(cursor, Answer(number, "acknowledge", "ana"), now=NOW)
    send(settings, gathering, receiver, EIGHT)
    assert [str(mail["Subject"]) for mail in receiver.taken] == ["1 case, $6,000 a year: Customer c1"]
    assert sorted(states(marts)) == ["sent", "suppressed"]


def test_45_a_refused_digest_is_told_to_the_fallback_as_one(
    settings: Settings, gathering: Project, marts: AlertingWarehouse, receiver: Receiver
) -> None:
    cases(settings, gathering, marts, {"c1": 0.6, "c2": 0.6})
    receiver.to_recipient[ANA] = ["550 no such user"]
    send(settings, gathering, receiver, EIGHT)
    assert states(marts) == ["dead", "dead", "sent", "sent"]
    send(settings, gathering, receiver, EIGHT + timedelta(days=1))
    assert receiver.recipients == [LEAD]
    text = receiver.taken[0].get_body(("plain",))
    assert text is not None
    assert text.get_content().count(f"You get this because {ANA} refused the message.") == 2


def test_59_a_line_that_cannot_be_read_is_dead_alone(
    settings: Settings, gathering: Project, marts: AlertingWarehouse, receiver: Receiver
) -> None:
    cases(settings, gathering, marts, {"c1": 0.6, "c2": 0.6, "c3": 0.6})
    marts.run("update alerts.outbox set payload = payload - 'customer' where alert_id = 2")
    send(settings, gathering, receiver, EIGHT)
    assert states(marts) == ["sent", "dead", "sent"]
    assert str(receiver.taken[0]["Subject"]).startswith("2 cases, ")


def test_a_room_and_a_file_show_the_digest_as_one_message(settings: Settings, marts: AlertingWarehouse) -> None:
    project = simulated_project(settings.config, digest=Digest(at=None))
    cases(settings, project, marts, {"c1": 0.6, "c2": 0.6})
    assert dispatch(settings, project, now=NOW).sent == 2
    assert [file.name for file in settings.outbox.glob("*.eml")] == ["000001-digest-2026-11-16.eml"]
    index = (settings.outbox / "index.html").read_text(encoding="utf-8")
    assert "2 cases" in index
    assert "Medium churn risk: Customer c2 ($12,000) · Medium churn risk: Customer c1 ($6,000)" in index
