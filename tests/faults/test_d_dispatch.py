"""FAULTS, group D: what dispatch survives. The row's number is in each test's name."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from alerting_warehouse import DAY, NOW, OVERDUE, RUN, SILENT, AlertingWarehouse, installed, simulated_project
from killing import Killed, killed_at
from mail_receiver import DROP, Receiver

from forewarn.alerts import dispatch, evaluate_rules, open_cases
from forewarn.config.project import Project
from forewarn.config.settings import Settings

ANA = "ana.weber@meridian.example"
LEAD = "sales-lead@meridian.example"


@pytest.fixture
def marts(settings: Settings) -> Iterator[AlertingWarehouse]:
    warehouse = installed(settings)
    yield warehouse
    warehouse.connection.close()


@pytest.fixture
def by_file(settings: Settings) -> Project:
    return simulated_project(settings.config, channels=["file"])


@pytest.fixture
def by_mail(settings: Settings) -> Project:
    return simulated_project(settings.config, channels=["email"])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


def wait_for_alerts(settings: Settings, project: Project, marts: AlertingWarehouse, count: int = 1) -> None:
    for number in range(count):
        marts.customer(f"c{number}", name=f"Customer {number}")
        marts.score(f"c{number}", 0.9)
    marts.publish()
    open_cases(settings, project, as_of_date=DAY, run_id=RUN, now=NOW)


def lapse_leases(marts: AlertingWarehouse) -> None:
    """Let the time pass that a dead dispatcher's leases last."""
    marts.run("update alerts.outbox set lease_until = clock_timestamp() - interval '1 second' where state = 'sending'")


def states(marts: AlertingWarehouse) -> list[str]:
    return [row[0] for row in marts.rows("select state from alerts.outbox order by alert_id")]


def messages(settings: Settings) -> list[str]:
    return sorted(file.name for file in settings.outbox.glob("*.eml"))


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


def kill_everywhere(task: Any, recover: Any) -> int:
    """Run a task killed at its first step, its second, …, each time followed by recovery, until it comes to its end."""
    for step in range(1, 1000):
        with killed_at(step) as steps:
            try:
                task()
            except (Killed, psycopg2.Error):
                assert steps.dead
            else:
                if not steps.dead:
                    return step - 1
        recover(step)
    raise AssertionError("a task of a thousand steps")


@pytest.mark.capability("B7")
def test_40_killed_while_opening_cases_leaves_all_or_nothing(
    settings: Settings, by_file: Project, marts: AlertingWarehouse
) -> None:
    for number in range(3):
        marts.customer(f"c{number}")
        marts.features(f"c{number}", **SILENT | OVERDUE)
        marts.score(f"c{number}", 0.9)
    marts.publish()

    def task() -> None:
        evaluate_rules(settings, by_file, as_of_date=DAY, now=NOW)
        open_cases(settings, by_file, as_of_date=DAY, run_id=RUN, now=NOW)

    def recover(step: int) -> None:
        cases, letters = len(marts.rows('select * from alerts."case"')), len(marts.rows("select * from alerts.outbox"))
        assert (cases, letters) in {(0, 0), (3, 6)}, f"half done after a kill at step {step}"
        task()
        assert [len(rows) for rows in marts.fingerprint()] == [9, 3, 3, 6, 0]
        marts.run(
            'truncate alerts.signal, alerts."case", alerts.case_event, alerts.outbox, alerts.attempt, alerts.hold'
            " restart identity"
        )

    assert kill_everywhere(task, recover) > 15


@pytest.mark.capability("B7")
def test_40_killed_at_any_step_of_the_file_channel_loses_and_doubles_nothing(
    settings: Settings, by_file: Project, marts: AlertingWarehouse
) -> None:
    wait_for_alerts(settings, by_file, marts, 2)

    def task() -> None:
        dispatch(settings, by_file, now=NOW)

    def recover(step: int) -> None:
        lapse_leases(marts)
        task()
        assert messages(settings) == ["000001-customer-0.eml", "000002-customer-1.eml"], f"killed at step {step}"
        index = (settings.outbox / "index.html").read_text(encoding="utf-8")
        assert index.count("<li") == 2, f"killed at step {step}"
        assert states(marts) == ["sent", "sent"]
        assert len(marts.rows("select * from alerts.case_event where kind = 'notified'")) == 2
        assert [file.name for file in settings.outbox.rglob("*.part")] == []
        shutil.rmtree(settings.outbox)
        marts.run("truncate alerts.attempt; delete from alerts.case_event where kind = 'notified'")
        marts.run("update alerts.outbox set state = 'pending', attempts = 0")

    assert kill_everywhere(task, recover) > 30


@pytest.mark.capability("B7")
def test_41_killed_at_any_step_of_the_mail_channel_shows_each_message_once(
    settings: Settings, by_mail: Project, marts: AlertingWarehouse, receiver: Receiver
) -> None:
    wait_for_alerts(settings, by_mail, marts, 2)
    repeats = []

    def task() -> None:
        dispatch(settings, by_mail, now=NOW, resolve=lambda *_: receiver.url)

    def recover(step: int) -> None:
        lapse_leases(marts)
        task()
        assert len(receiver.shown) == 2, f"killed at step {step}"
        assert len(receiver.taken) <= 3, f"more than one repeat after one kill at step {step}"
        repeats.extend(receiver.repeats)
        assert states(marts) == ["sent", "sent"]
        receiver.taken.clear()
        marts.run("truncate alerts.attempt; update alerts.outbox set state = 'pending', attempts = 0")

    assert kill_everywhere(task, recover) > 15
    # Between the receiver's acceptance and our commit the repeat cannot be avoided; it had the same number.
    assert set(repeats) == {
        row[0]
        for row in marts.rows("select '<alert.' || (payload ->> 'key') || '@meridian.example>' from alerts.outbox")
    }


DISPATCHER = textwrap.dedent(
    """
    import sys
    from datetime import datetime, timedelta
    from pathlib import Path
    from forewarn.alerts import dispatch
    from forewarn.config.settings import Settings
    from alerting_warehouse import NOW, simulated_project

    config, home, warehouse, url, lease = sys.argv[1:]
    settings = Settings(Path(config).parent, Path(config), Path(home), warehouse, "")
    print("ready", flush=True)
    counts = dispatch(settings, simulated_project(settings.config, channels=["email"]), now=NOW,
                      resolve=lambda *_: url, lease=timedelta(seconds=float(lease)))
    print(counts, flush=True)
    """
)


def dispatcher(settings: Settings, receiver: Receiver, lease: float) -> subprocess.Popen[str]:
    """Start a dispatcher in a process of its own."""
    support = str(Path(__file__).parents[1] / "support")
    arguments = [str(settings.config), str(settings.home), settings.warehouse_url, receiver.url, str(lease)]
    return subprocess.Popen(
        [sys.executable, "-c", DISPATCHER, *arguments],
        env=os.environ | {"PYTHONPATH": support},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.capability("B7")
def test_41_kill_9_loses_nothing_and_leases_lapse_by_themselves(
    settings: Settings, by_mail: Project, marts: AlertingWarehouse, receiver: Receiver
) -> None:
    wait_for_alerts(settings, by_mail, marts, 60)
    kills = 0
    for after in (5, 20, 35):
        process = dispatcher(settings, receiver, lease=0.5)
        deadline = time.monotonic() + 60
        while len(receiver.taken) < after and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        process.kill()
        process.communicate()
        kills += 1
    time.sleep(0.6)
    final = dispatch(settings, by_mail, now=NOW, resolve=lambda *_: receiver.url)
    assert final.held_elsewhere == 0
    assert len(receiver.shown) == 60
    assert len(receiver.repeats) <= kills
    assert states(marts) == ["sent"] * 60


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


def test_59_a_message_that_kills_its_dispatcher_is_given_up(
    settings: Settings, by_file: Project, marts: AlertingWarehouse
) -> None:
    wait_for_alerts(settings, by_file, marts)
    # Each attempt was counted before it was made, and none came back.
    marts.run("update alerts.outbox set state = 'sending', lease_owner = 'dead', lease_until = now(), attempts = 6")
    assert dispatch(settings, by_file, now=NOW).dead == 1
    assert "6 attempts without one" in marts.rows("select reason from alerts.outbox")[0][0]


def test_60_sigterm_finishes_the_message_in_hand_and_gives_the_rest_back(
    settings: Settings, by_mail: Project, marts: AlertingWarehouse, receiver: Receiver
) -> None:
    wait_for_alerts(settings, by_mail, marts, 20)
    reached, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        reached.set()
        go_on.wait(30)

    receiver.on_data = hold
    process = dispatcher(settings, receiver, lease=180)
    assert reached.wait(60)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    go_on.set()
    process.communicate(timeout=60)
    # The signal took its course after the work was put in order.
    assert process.returncode == -signal.SIGTERM
    assert len(receiver.taken) == 1
    assert sorted(states(marts)) == ["pending"] * 19 + ["sent"]
    assert marts.rows("select count(*) from alerts.outbox where lease_owner is not null") == [(0,)]
