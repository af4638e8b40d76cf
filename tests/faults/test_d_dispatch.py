"""FAULTS, group D: what dispatch survives while it lives. The row's number is in each test's name."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_binary_file, policy

import pytest
from alerting_warehouse import DAY, NOW, RUN, SILENT, AlertingWarehouse, simulated_project
from mail_receiver import DROP, Receiver
from pytest_httpserver import HTTPServer
from waiting_alerts import ANA, LEAD, lapse_leases, messages, states, wait_for_alerts

from forewarn.alerts import dispatch, evaluate_rules, open_cases, send_again, tell_undelivered
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.errors import Permanent


@contextmanager
def hanging_up() -> Iterator[tuple[str, list[bytes]]]:
    """A server that reads what it is sent, and hangs up without an answer; its address, and what it read."""
    bodies: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    bodies.append(connection.recv(1 << 16))

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/send", bodies
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.capability("B7")
def test_39_eight_dispatchers_at_once_send_each_alert_once(
    settings: Settings, by_mail: Project, marts: AlertingWarehouse, receiver: Receiver
) -> None:
    workers = 8
    wait_for_alerts(settings, by_mail, marts, 40)
    start = threading.Barrier(workers)

    def work(_: int) -> int:
        start.wait()
        return dispatch(settings, by_mail, now=NOW, resolve=lambda *_: receiver.url).sent

    with ThreadPoolExecutor(workers) as pool:
        assert sum(pool.map(work, range(workers))) == 40
    assert len(receiver.taken) == 40
    assert receiver.repeats == []
    assert marts.rows("select count(*), min(outcome), max(outcome) from alerts.attempt") == [(40, "sent", "sent")]


def test_39_a_task_that_runs_twice_opens_one_case(
    settings: Settings, by_file: Project, marts: AlertingWarehouse
) -> None:
    marts.customer("c1")
    marts.score("c1", 0.9)
    marts.publish()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: open_cases(settings, by_file, as_of_date=DAY, run_id=RUN, now=NOW), range(4)))
    assert len(marts.rows("select * from alerts.outbox")) == 1
    assert len(marts.rows('select * from alerts."case"')) == 1


def test_42_a_result_that_is_unknown_is_repeated_under_the_same_message_id(
    settings: Settings, by_mail: Project, marts: AlertingWarehouse, receiver: Receiver
) -> None:
    wait_for_alerts(settings, by_mail, marts)
    receiver.to_data = [DROP]
    dispatch(settings, by_mail, now=NOW, resolve=lambda *_: receiver.url)
    assert marts.rows("select outcome from alerts.attempt") == [("unknown",)]
    dispatch(settings, by_mail, now=NOW + timedelta(minutes=1), resolve=lambda *_: receiver.url)
    assert (len(receiver.taken), len(receiver.shown)) == (2, 1)
    assert states(marts) == ["sent"]


def test_42_where_a_repeat_would_not_be_told_from_news_the_result_is_left_to_a_person(
    settings: Settings, marts: AlertingWarehouse
) -> None:
    room = simulated_project(settings.config, channels=["wecom"])
    wait_for_alerts(settings, room, marts)
    with hanging_up() as (url, bodies):
        for day in range(3):
            dispatch(settings, room, now=NOW + timedelta(days=day), resolve=lambda *_: url)
    assert len(bodies) == 1, "a room shows everything that it is sent"
    [(state, reason)] = marts.rows("select state, reason from alerts.outbox")
    assert state == "unknown"
    assert reason.endswith("Ask the reader whether it came")
    assert marts.rows("select outcome from alerts.attempt") == [("unknown",)]


def test_43_one_channel_down_and_the_other_goes(settings: Settings, marts: AlertingWarehouse) -> None:
    both = simulated_project(settings.config, channels=["email", "file"])
    wait_for_alerts(settings, both, marts, 3)
    counts = dispatch(settings, both, now=NOW, resolve=lambda *_: "smtp://127.0.0.1:1")
    assert (counts.sent, counts.retried, counts.released) == (3, 1, 2)
    assert marts.rows("select channel, state, count(*) from alerts.outbox group by 1, 2 order by 1, 2") == [
        ("email", "pending", 2),
        ("email", "retry", 1),
        ("file", "sent", 3),
    ]
    with Receiver() as repaired:
        later = NOW + timedelta(minutes=1)
        assert dispatch(settings, both, now=later, resolve=lambda *_: repaired.url).sent == 3
    assert len(messages(settings)) == 3


@pytest.mark.parametrize(
    ("code", "states_after", "asked"),
    # Too many messages at once; a robot that is gone, which no other message needs to try; one that cannot be sent.
    [(45009, {"retry": 2}, 2), (93000, {"retry": 1, "pending": 1}, 1), (40058, {"dead": 2}, 2)],
)
def test_44_an_error_in_the_body_of_a_200_is_never_taken_for_sent(
    settings: Settings,
    marts: AlertingWarehouse,
    httpserver: HTTPServer,
    code: int,
    states_after: dict[str, int],
    asked: int,
) -> None:
    room = simulated_project(settings.config, channels=["wecom"])
    wait_for_alerts(settings, room, marts, 2)
    httpserver.expect_request("/send").respond_with_json({"errcode": code, "errmsg": "why"})
    counts = dispatch(settings, room, now=NOW, resolve=lambda *_: httpserver.url_for("/send"))
    assert (counts.sent, len(httpserver.log)) == (0, asked)
    assert Counter(states(marts)) == states_after
    assert marts.rows("select count(*) from alerts.case_event where kind = 'notified'") == [(0,)]


def test_45_a_refused_reader_is_dead_and_the_fallback_is_told_once(
    settings: Settings, by_mail: Project, marts: AlertingWarehouse, receiver: Receiver
) -> None:
    wait_for_alerts(settings, by_mail, marts)
    receiver.to_recipient[ANA] = ["550 no such user"]
    counts = dispatch(settings, by_mail, now=NOW, resolve=lambda *_: receiver.url)
    assert (counts.dead, counts.passed_on, counts.sent) == (1, 1, 1)
    assert receiver.recipients == [LEAD]
    text = receiver.taken[0].get_body(("plain",))
    assert text is not None
    assert f"You get this because {ANA} refused the message." in text.get_content()
    assert marts.rows("select recipient, state, reason from alerts.outbox order by 1") == [
        (ANA, "dead", f"DeliveryRejected: {ANA}: expected acceptance, got 550 no such user"),
        (LEAD, "sent", "250 accepted"),
    ]
    dispatch(settings, by_mail, now=NOW + timedelta(hours=1), resolve=lambda *_: receiver.url)
    assert receiver.recipients == [LEAD]


def test_45_a_fallback_that_is_refused_too_ends_there(
    settings: Settings, by_mail: Project, marts: AlertingWarehouse, receiver: Receiver
) -> None:
    wait_for_alerts(settings, by_mail, marts)
    receiver.to_recipient = {ANA: ["550 no such user"], LEAD: ["550 nor this one"]}
    counts = dispatch(settings, by_mail, now=NOW, resolve=lambda *_: receiver.url)
    assert (counts.dead, counts.passed_on) == (2, 1)
    assert states(marts) == ["dead", "dead"]


@pytest.mark.capability("B7")
def test_47_a_backfill_of_thirty_days_alerts_nobody(
    settings: Settings, by_file: Project, marts: AlertingWarehouse
) -> None:
    marts.customer("c1")
    for back in reversed(range(30)):
        day = DAY - timedelta(days=back)
        marts.features("c1", day, **SILENT)
        marts.score("c1", 0.9, day)
        marts.publish(day, "backfill", live=False)
        evaluate_rules(settings, by_file, as_of_date=day, now=NOW)
        assert "not live" in open_cases(settings, by_file, as_of_date=day, run_id="backfill", now=NOW).reason
    assert dispatch(settings, by_file, now=NOW).sent == 0
    assert marts.rows('select * from alerts."case"') == []
    assert marts.rows("select count(*) from alerts.signal where kind = 'rule'") == [(30,)], "they had enough to say"
    # The first live day tells of that day, once.
    tomorrow = DAY + timedelta(days=1)
    marts.features("c1", tomorrow, **SILENT)
    marts.publish(tomorrow, "live")
    evaluate_rules(settings, by_file, as_of_date=tomorrow, now=NOW)
    open_cases(settings, by_file, as_of_date=tomorrow, run_id="live", now=NOW + timedelta(days=1))
    assert dispatch(settings, by_file, now=NOW + timedelta(days=1)).sent == 1


def test_48_a_cleared_task_alerts_nobody_again(settings: Settings, by_file: Project, marts: AlertingWarehouse) -> None:
    wait_for_alerts(settings, by_file, marts)
    dispatch(settings, by_file, now=NOW)
    before = marts.fingerprint()
    marts.run("update ops.publication set published_at = now()")
    later = NOW + timedelta(hours=5)
    open_cases(settings, by_file, as_of_date=DAY, run_id=RUN, now=later)
    marts.publish(DAY, "another run")
    open_cases(settings, by_file, as_of_date=DAY, run_id="another run", now=later)
    dispatch(settings, by_file, now=later)
    assert marts.fingerprint() == before
    assert messages(settings) == ["000001-customer-0.eml"]


def test_49_an_overdue_alert_expires_and_is_written_down(
    settings: Settings, by_file: Project, marts: AlertingWarehouse
) -> None:
    wait_for_alerts(settings, by_file, marts)
    last = NOW + timedelta(days=by_file.alerts.expires_after_days)
    assert dispatch(settings, by_file, now=last).expired == 1
    assert states(marts) == ["expired"]
    assert marts.rows("select reason from alerts.case_event where kind = 'suppressed'") == [
        ("expired after 0 attempts",)
    ]
    assert messages(settings) == []


@pytest.mark.parametrize("hours", [-1, 1])
def test_50_a_clock_an_hour_off_neither_doubles_nor_loses(
    settings: Settings, by_file: Project, marts: AlertingWarehouse, hours: int
) -> None:
    wait_for_alerts(settings, by_file, marts)
    with marts.connection.cursor() as cursor:
        # Another dispatcher, whose clock is right, holds the message by the database's clock.
        cursor.execute(
            "update alerts.outbox set state = 'sending', lease_owner = 'other',"
            " lease_until = clock_timestamp() + interval '3 minutes'"
        )
    counts = dispatch(settings, by_file, now=NOW + timedelta(hours=hours))
    assert (counts.sent, counts.held_elsewhere) == (0, 1)
    lapse_leases(marts)
    dispatch(settings, by_file, now=NOW + timedelta(hours=hours))
    dispatch(settings, by_file, now=NOW)
    assert states(marts) == ["sent"]
    assert len(messages(settings)) == 1


def test_52_a_customer_without_a_manager_reaches_the_fallback(
    settings: Settings, by_file: Project, marts: AlertingWarehouse
) -> None:
    marts.customer("c1", owner_name=None, owner_email=None)
    marts.score("c1", 0.9)
    marts.publish()
    open_cases(settings, by_file, as_of_date=DAY, run_id=RUN, now=NOW)
    assert marts.rows("select recipient from alerts.outbox") == [(LEAD,)]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (
            "Evil\r\nBcc: everyone@example.com",
            "Evil Bcc: everyone@example.com",
        ),
        ("x" * 2000, f"{'x' * 119}…"),
        ("\u202egnp.exe", "gnp.exe"),
        ("=?utf-8?b?QmNj?=", "= ?utf-8?b?QmNj?="),
    ],
)
def test_55_a_hostile_name_stays_in_its_subject(
    settings: Settings, marts: AlertingWarehouse, receiver: Receiver, name: str, shown: str
) -> None:
    by_mail = simulated_project(settings.config, channels=["email"])
    marts.customer("c1", name=name)
    marts.score("c1", 0.6)
    marts.publish()
    open_cases(settings, by_mail, as_of_date=DAY, run_id=RUN, now=NOW)
    assert dispatch(settings, by_mail, now=NOW, resolve=lambda *_: receiver.url).sent == 1
    [message] = receiver.taken
    assert message["Subject"] == f"Medium churn risk: {shown} – 60%, $116,388 a year"
    assert message["Bcc"] is None
    assert receiver.recipients == [ANA]


@pytest.mark.parametrize("name", ["北风贸易有限公司", "Café 👩‍👩‍👧 Zürich", "شركة الشمال"])
def test_56_names_of_any_script_arrive_intact(
    settings: Settings, by_mail: Project, marts: AlertingWarehouse, receiver: Receiver, name: str
) -> None:
    marts.customer("c1", name=name, owner_name=name)
    marts.score("c1", 0.6)
    marts.publish()
    open_cases(settings, by_mail, as_of_date=DAY, run_id=RUN, now=NOW)
    dispatch(settings, by_mail, now=NOW, resolve=lambda *_: receiver.url)
    [message] = receiver.taken
    assert f" {name} – " in message["Subject"]
    assert message["To"].addresses[0].display_name == name
    for kind in ("plain", "html"):
        body = message.get_body((kind,))
        assert body is not None
        assert name in body.get_content()


def test_59_a_poison_row_is_laid_aside_and_the_queue_moves_on(
    settings: Settings, by_file: Project, marts: AlertingWarehouse
) -> None:
    wait_for_alerts(settings, by_file, marts, 3)
    marts.run("update alerts.outbox set payload = '{\"level\": 7}' where alert_id = 1")
    counts = dispatch(settings, by_file, now=NOW)
    assert (counts.dead, counts.sent) == (1, 2)
    [(state, reason)] = marts.rows("select state, reason from alerts.outbox where alert_id = 1")
    assert state == "dead"
    assert "expected the content of a message, got" in reason


def test_59_operations_hear_once_of_what_was_given_up_and_may_let_it_go_again(
    settings: Settings, by_file: Project, marts: AlertingWarehouse
) -> None:
    wait_for_alerts(settings, by_file, marts, 2)
    # Its dispatchers died with it in hand, as often as they may.
    marts.run("update alerts.outbox set attempts = 6 where alert_id = 1")
    dispatch(settings, by_file, now=NOW)
    assert tell_undelivered(settings, by_file, now=NOW) == 1
    assert tell_undelivered(settings, by_file, now=NOW) == 0
    assert dispatch(settings, by_file, now=NOW).sent == 1
    with (settings.outbox / messages(settings)[-1]).open("rb") as file:
        notice = message_from_binary_file(file, policy=policy.default)
    assert notice["Subject"] == "Not delivered over file: alert 1"
    body = notice.get_body(("plain",))
    assert body is not None
    assert "forewarn alerts send-again 1 --reason WHY" in " ".join(body.get_content().split())
    with marts.connection.cursor() as cursor:
        again = send_again(cursor, 1, by="olga", reason="mended", now=NOW, lives=timedelta(days=3))
        with pytest.raises(Permanent, match=r"alert 1: expected a message that is dead.*got retry"):
            send_again(cursor, 1, by="olga", reason="mended", now=NOW, lives=timedelta(days=3))
    assert again.startswith("file to ")
    assert dispatch(settings, by_file, now=NOW).sent == 1
    assert tell_undelivered(settings, by_file, now=NOW) == 0
    assert marts.rows("select kind, over_at from ops.trouble") == [("undelivered", NOW)]


def test_59_what_the_fallback_got_and_what_expired_is_not_told(
    settings: Settings, by_mail: Project, marts: AlertingWarehouse, receiver: Receiver
) -> None:
    wait_for_alerts(settings, by_mail, marts)
    receiver.to_recipient = {ANA: ["550 no such user"], LEAD: ["550 nor this one"]}
    dispatch(settings, by_mail, now=NOW, resolve=lambda *_: receiver.url)
    assert tell_undelivered(settings, by_mail, now=NOW + timedelta(days=30)) == 0
    assert tell_undelivered(settings, by_mail, now=NOW) == 1
    assert marts.rows("select stream from ops.trouble") == marts.rows(
        "select 'alert ' || alert_id from alerts.outbox where recipient = %s and kind = 'case'", [LEAD]
    )
