"""FAULTS, group D: what is lost and doubled when a dispatcher dies. The row's number is in each test's name."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from alerting_warehouse import DAY, NOW, OVERDUE, RUN, SILENT, AlertingWarehouse, simulated_project
from killing import Killed, killed_at
from mail_receiver import Receiver
from pytest_httpserver import HTTPServer
from waiting_alerts import lapse_leases, messages, states, wait_for_alerts

from forewarn.alerts import dispatch, evaluate_rules, open_cases
from forewarn.config.contact import Digest
from forewarn.config.project import Project
from forewarn.config.settings import Settings


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
        [counts] = marts.rows(
            'select (select count(*) from alerts."case"), (select count(*) from alerts.outbox),'
            " (select count(*) from alerts.task), (select count(*) from alerts.task_event)"
        )
        assert counts in {(0, 0, 0, 0), (3, 6, 6, 6)}, f"half done after a kill at step {step}"
        task()
        assert [len(rows) for rows in marts.fingerprint()] == [9, 3, 3, 6, 0, 6, 6]
        marts.run(
            'truncate alerts.signal, alerts."case", alerts.case_event, alerts.outbox, alerts.attempt, alerts.hold,'
            " alerts.task, alerts.task_event, alerts.mail_wish restart identity"
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


@pytest.mark.capability("B7")
def test_41_killed_at_any_step_of_the_webhook_a_repeat_has_the_key_of_the_first(
    settings: Settings, marts: AlertingWarehouse, httpserver: HTTPServer
) -> None:
    hook = simulated_project(settings.config, channels=["webhook"], webhook_may_reach_private=True)
    wait_for_alerts(settings, hook, marts)
    httpserver.expect_request("/hook").respond_with_json({})
    ((key,),) = marts.rows("select payload ->> 'key' from alerts.outbox")
    repeated = 0

    def task() -> None:
        dispatch(settings, hook, now=NOW, resolve=lambda *_: httpserver.url_for("/hook"))

    def recover(step: int) -> None:
        nonlocal repeated
        lapse_leases(marts)
        task()
        keys = [request.headers["Idempotency-Key"] for request, _ in httpserver.log]
        assert keys in ([key], [key, key]), f"killed at step {step}"
        assert states(marts) == ["sent"]
        repeated += len(keys) - 1
        httpserver.clear_log()
        marts.run("truncate alerts.attempt; update alerts.outbox set state = 'pending', attempts = 0")

    assert kill_everywhere(task, recover) > 10
    assert repeated > 0, "no step lay between the receiver's acceptance and the commit"


@pytest.mark.capability("B7")
def test_41_killed_at_any_step_of_a_digest_it_is_shown_once_and_whole(
    settings: Settings, marts: AlertingWarehouse, receiver: Receiver
) -> None:
    gathering = simulated_project(settings.config, channels=["email"], digest=Digest(at=None))
    wait_for_alerts(settings, gathering, marts, 3, score=0.6)

    def task() -> None:
        dispatch(settings, gathering, now=NOW, resolve=lambda *_: receiver.url)

    def recover(step: int) -> None:
        lapse_leases(marts)
        task()
        assert len(receiver.shown) == 1, f"killed at step {step}"
        # The repeat is the same mail, to the byte.
        assert len({mail.as_bytes() for mail in receiver.taken}) == 1, f"killed at step {step}"
        assert str(receiver.taken[0]["Subject"]).startswith("3 cases, ")
        assert states(marts) == ["sent"] * 3
        assert len(marts.rows("select from alerts.case_event where kind = 'notified'")) == 3
        receiver.taken.clear()
        marts.run("truncate alerts.attempt; delete from alerts.case_event where kind = 'notified'")
        marts.run(
            "update alerts.outbox set state = 'pending', attempts = 0, digest_id = null; delete from alerts.digest"
        )

    assert kill_everywhere(task, recover) > 15


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


def test_59_a_message_that_kills_its_dispatcher_is_given_up(
    settings: Settings, by_file: Project, marts: AlertingWarehouse
) -> None:
    wait_for_alerts(settings, by_file, marts)
    # Each attempt was counted before it was made, and none came back.
    marts.run("update alerts.outbox set state = 'sending', lease_owner = 'dead', lease_until = now(), attempts = 6")
    assert dispatch(settings, by_file, now=NOW).dead == 1
    assert "6 attempts without one" in marts.rows("select reason from alerts.outbox")[0][0]


def test_59_what_a_dead_dispatcher_had_in_hand_waits_behind_what_nobody_has_begun(
    settings: Settings, by_file: Project, marts: AlertingWarehouse
) -> None:
    wait_for_alerts(settings, by_file, marts, 3)
    marts.run("update alerts.outbox set state = 'sending', lease_owner = 'dead', attempts = 1 where alert_id = 1")
    lapse_leases(marts)
    for sent in (["000002-customer-1.eml"], ["000002-customer-1.eml", "000003-customer-2.eml"]):
        dispatch(settings, by_file, now=NOW, limit=1)
        assert messages(settings) == sent
    assert dispatch(settings, by_file, now=NOW).sent == 1
    assert states(marts) == ["sent"] * 3


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
