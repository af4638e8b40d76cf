"""Open cases go with their customer when accounts are joined, and stay with the first account when they are split."""

from __future__ import annotations

import hashlib

import pytest
from alerting_warehouse import DAY, NOW, AlertingWarehouse

from forewarn.alerts.moves import follow_identity

FIRST, SECOND = (hashlib.md5(account).hexdigest() for account in (b"crm|C1", b"erp|E1"))


@pytest.fixture
def crosswalk(marts: AlertingWarehouse) -> AlertingWarehouse:
    """Two accounts, each a customer."""
    for source, number, customer in (("crm", "C1", FIRST), ("erp", "E1", SECOND)):
        marts.run("insert into marts.customer_crosswalk values (%s, %s, %s)", [source, number, customer])
    return marts


def open_case(
    marts: AlertingWarehouse, customer: str, level: str = "medium", state: str = "open", episode: int = 1
) -> int:
    marts.run(
        'insert into alerts."case" (customer_id, episode, state, level, route, routes, value_at_stake, expected_loss,'
        " reasons, next_step, opened_as_of, updated_as_of, opened_at, updated_at, outcome, closed_as_of,"
        " intervention, intervention_presumed)"
        " select %s, %s, %s, %s, 'owner', '{owner}', 1, 1, '[]', 'call', day, day, at, at,"
        " case when closed then 'saved' end, case when closed then day end, case when closed then 'call' end,"
        " case when closed then false end from (values (%s, %s, %s)) as now (day, at, closed)",
        [customer, episode, state, level, DAY, NOW, state == "closed"],
    )
    return int(marts.rows('select max(case_id) from alerts."case"')[0][0])


def follow(marts: AlertingWarehouse) -> int:
    with marts.connection.cursor() as cursor:
        return follow_identity(cursor, as_of_date=DAY, now=NOW)


def cases(marts: AlertingWarehouse) -> list[tuple[object, ...]]:
    return marts.rows('select case_id, customer_id, episode, state from alerts."case" order by case_id')


def merge(marts: AlertingWarehouse) -> None:
    marts.run("update marts.customer_crosswalk set customer_id = %s", [FIRST])


@pytest.mark.capability("C2")
def test_the_case_of_a_customer_that_was_another_goes_with_it(crosswalk: AlertingWarehouse) -> None:
    open_case(crosswalk, FIRST, state="closed", episode=3)
    case = open_case(crosswalk, SECOND)
    assert follow(crosswalk) == 0
    merge(crosswalk)
    assert follow(crosswalk) == 1
    assert cases(crosswalk)[-1] == (case, FIRST, 4, "open")
    assert crosswalk.rows("select case_id, kind, reason from alerts.case_event") == [
        (case, "moved", f"its customer {SECOND} is now {FIRST}")
    ]
    assert follow(crosswalk) == 0, "once"


@pytest.mark.capability("C2")
def test_of_two_open_cases_one_goes_on_and_the_other_says_so(crosswalk: AlertingWarehouse) -> None:
    kept, ended = open_case(crosswalk, FIRST), open_case(crosswalk, SECOND, level="high")
    merge(crosswalk)
    follow(crosswalk)
    assert [(case, state) for case, _, _, state in cases(crosswalk)] == [(kept, "open"), (ended, "closed")]
    [(reason,)] = crosswalk.rows("select reason from alerts.case_event where case_id = %s", [ended])
    assert reason == f"its customer is now {FIRST}; case {kept} goes on"


@pytest.mark.capability("C2")
def test_a_case_stays_with_the_first_account_when_a_merge_is_undone(crosswalk: AlertingWarehouse) -> None:
    merge(crosswalk)
    case = open_case(crosswalk, FIRST)
    crosswalk.run("update marts.customer_crosswalk set customer_id = %s where source = 'erp'", [SECOND])
    assert follow(crosswalk) == 0
    assert cases(crosswalk) == [(case, FIRST, 1, "open")]


def test_what_waits_for_late_data_goes_along(crosswalk: AlertingWarehouse) -> None:
    case = open_case(crosswalk, SECOND)
    crosswalk.run(
        "insert into alerts.hold (customer_id, case_id, kind, name, reason, held_as_of, held_at)"
        " values (%s, %s, 'rule', 'silent', 'late', %s, %s)",
        [SECOND, case, DAY, NOW],
    )
    merge(crosswalk)
    follow(crosswalk)
    assert crosswalk.rows("select customer_id from alerts.hold") == [(FIRST,)]


def test_tasks_go_along_and_those_of_a_case_that_ended_are_dropped(crosswalk: AlertingWarehouse) -> None:
    cases = {"kept": open_case(crosswalk, FIRST), "ended": open_case(crosswalk, SECOND), "order": None}
    for step, case in cases.items():
        crosswalk.run(
            "insert into alerts.task (case_id, order_key, customer_id, role, step, step_version, text, owner_email,"
            " created_as_of, due_on, created_at) values (%s, %s, %s, 'finance', %s, 'v', 't', 'o', %s, %s, %s)",
            [case, None if case else "erp|1", FIRST if step == "kept" else SECOND, step, DAY, DAY, NOW],
        )
    merge(crosswalk)
    follow(crosswalk)
    assert crosswalk.rows("select step, customer_id, state, outcome from alerts.task order by task_id") == [
        ("kept", FIRST, "open", None),
        ("ended", FIRST, "dropped", f"its customer is now {FIRST}; case 1 goes on"),
        ("order", FIRST, "open", None),
    ]


def test_without_a_crosswalk_there_is_nothing_to_follow(marts: AlertingWarehouse) -> None:
    open_case(marts, SECOND)
    assert follow(marts) == 0
