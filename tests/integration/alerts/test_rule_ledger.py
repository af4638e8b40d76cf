"""A rule from its file to its signals: back-tested, in shadow, live, retired, each step kept with who and why."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from alerting_warehouse import DAY, NOW, OVERDUE, AlertingWarehouse, weekly
from psycopg2 import extensions

from forewarn.alerts import evaluate_rules
from forewarn.alerts.backtest import backtest, keep
from forewarn.alerts.rule_diff import difference, shadow_days
from forewarn.alerts.rule_ledger import Applied, apply_rules, pending
from forewarn.alerts.rules import load_rules
from forewarn.config.project import Project
from forewarn.config.settings import Settings

RULE = """\
id: overdue
version: {version}
description: {{example: e, reason: r, remedy: r}}
when: days_overdue_max >= {days}
level: medium
route: finance
family: finance
title: Overdue
reason: "{{days_overdue_max}} late"
state: {state}
"""


class Rules:
    """A folder with one rule, and a warehouse that has taken it up at 30 days."""

    def __init__(self, settings: Settings, project: Project, marts: AlertingWarehouse, folder: Path) -> None:
        self.settings, self.marts, self.folder = settings, marts, folder
        self.project = project.model_copy(update={"rules": folder})

    def write(self, *, version: int, days: int, state: str = "live") -> None:
        (self.folder / "overdue.yml").write_text(RULE.format(version=version, days=days, state=state))

    def evaluate(self) -> int:
        return evaluate_rules(self.settings, self.project, as_of_date=DAY, now=NOW)

    def test(self) -> None:
        with self.cursor() as cursor:
            rules = load_rules(self.project)
            found = backtest(cursor, rules, self.project.churn, as_of_date=DAY)
            judged = list(zip(rules, found, strict=True))
            keep(cursor, judged, self.project.churn, as_of_date=DAY, by="ana", now=NOW)

    def apply(self) -> list[Applied]:
        with self.cursor() as cursor:
            return apply_rules(cursor, load_rules(self.project), by="ana", reason="finance asked", now=NOW)

    def pending(self) -> list[str]:
        with self.cursor() as cursor:
            return pending(cursor, load_rules(self.project))

    def cursor(self) -> extensions.cursor:
        return self.marts.connection.cursor()

    def states(self) -> dict[int, str]:
        return dict(self.marts.rows("select version, state from alerts.rule_version"))


@pytest.fixture
def rules(settings: Settings, project: Project, marts: AlertingWarehouse, tmp_path: Path) -> Rules:
    (tmp_path / "rules").mkdir()
    rules = Rules(settings, project, marts, tmp_path / "rules")
    rules.write(version=1, days=30)
    for customer, days in (("c1", 42), ("c2", 35), ("c3", 5)):
        marts.customer(customer, name=customer.upper())
        marts.features(customer, **OVERDUE | {"days_overdue_max": days})
    assert rules.evaluate() == 2
    return rules


@pytest.mark.capability("B1")
def test_the_first_run_back_tests_and_takes_up_the_files(rules: Rules) -> None:
    assert rules.states() == {1: "live"}
    assert rules.marts.rows("select from_state, to_state, reason, changed_by from alerts.rule_event order by 1") == [
        ("draft", "live", "first rules of the installation", "the nightly run"),
        (None, "draft", "first rules of the installation", "the nightly run"),
    ]
    assert rules.marts.rows("select count(*), min(rule_id) from alerts.backtest") == [(1, "overdue")]
    assert rules.pending() == []


@pytest.mark.capability("B1", "C8", "C46")
def test_a_changed_rule_is_refused_without_a_back_test_and_live_at_the_next_run_with_one(rules: Rules) -> None:
    rules.write(version=2, days=40)
    assert rules.pending() == ["overdue"]
    assert [(one.outcome, one.reason) for one in rules.apply()] == [
        ("refused", "no back-test as it stands: run `forewarn rules backtest overdue`")
    ]
    assert (rules.evaluate(), rules.states()) == (2, {1: "live"})
    rules.test()
    assert [(one.outcome, one.reason) for one in rules.apply()] == [("changed", "from draft to live")]
    assert (rules.evaluate(), rules.states()) == (1, {1: "retired", 2: "live"})
    assert rules.marts.rows("select distinct version from alerts.signal") == [("2",)]
    assert rules.marts.rows(
        "select version, from_state, to_state, reason, changed_by from alerts.rule_event order by event_id offset 2"
    ) == [
        (2, None, "draft", "finance asked", "ana"),
        (1, "live", "retired", "version 2 follows", "ana"),
        (2, "draft", "live", "finance asked", "ana"),
    ]
    assert [one.outcome for one in rules.apply()] == ["unchanged"]


def test_another_condition_under_the_same_version_is_refused(rules: Rules) -> None:
    rules.write(version=1, days=40)
    rules.test()
    assert [(one.outcome, one.reason) for one in rules.apply()] == [
        ("refused", "version 1 judges otherwise; raise `version`")
    ]
    rules.write(version=3, days=40)
    rules.apply()
    rules.write(version=2, days=40)
    assert [(one.outcome, one.reason) for one in rules.apply()] == [
        ("refused", "version 3 is known already; raise `version`")
    ]


@pytest.mark.capability("B10")
def test_a_rule_in_shadow_judges_every_night_and_nobody_is_told(rules: Rules) -> None:
    rules.write(version=2, days=5, state="shadow")
    rules.test()
    rules.apply()
    before = rules.marts.rows("select customer_id, name, version from alerts.signal order by 1")
    assert rules.evaluate() == 2
    assert rules.marts.rows("select customer_id, name, version from alerts.signal order by 1") == before
    with rules.cursor() as cursor:
        (day,) = shadow_days(cursor)
        assert (day.rule_id, day.version, day.day, day.customers, day.unseen) == ("overdue", 2, DAY, 3, 1)
    assert rules.states() == {1: "live", 2: "shadow"}
    rules.write(version=2, days=5)
    assert [(one.outcome, one.reason) for one in rules.apply()] == [("changed", "from shadow to live")]
    assert (rules.evaluate(), rules.states()) == (3, {1: "retired", 2: "live"})
    assert rules.marts.rows("select * from alerts.shadow_signal") == []


@pytest.mark.capability("B10")
def test_a_diff_names_whom_a_file_adds_and_drops(rules: Rules) -> None:
    rules.write(version=2, days=40)
    with rules.cursor() as cursor:
        found = difference(cursor, load_rules(rules.project)[0], as_of_date=DAY)
    assert (found.live, found.adds, found.drops, found.both) == (1, (), (("c2", "C2"),), 1)
    rules.write(version=2, days=5)
    with rules.cursor() as cursor:
        found = difference(cursor, load_rules(rules.project)[0], as_of_date=DAY)
    assert (found.adds, found.drops, found.both) == ((("c3", "C3"),), (), 2)


def test_a_rule_whose_file_is_gone_or_retired_fires_no_more(rules: Rules) -> None:
    rules.write(version=1, days=30, state="retired")
    rules.apply()
    assert (rules.evaluate(), rules.states()) == (0, {1: "retired"})
    rules.write(version=1, days=30)
    rules.apply()
    assert (rules.evaluate(), rules.states()) == (2, {1: "live"})
    (rules.folder / "overdue.yml").unlink()
    assert rules.pending() == ["overdue"]
    assert [(one.rule_id, one.reason) for one in rules.apply()] == [("overdue", "from live to retired")]
    assert rules.evaluate() == 0


@pytest.mark.capability("B1")
def test_a_back_test_reads_what_was_known_and_what_became_of_it(rules: Rules) -> None:
    days = weekly(DAY - timedelta(days=70), 3)
    # c1 is overdue on the last two of three dates and leaves; c2 on the first, and stays; c3 leaves and never was.
    for day, c1, c2 in zip(days, (5, 31, 38), (30, 29, 0), strict=True):
        for customer, overdue in (("c1", c1), ("c2", c2), ("c3", 0)):
            rules.marts.features(customer, day, days_overdue_max=overdue, days_since_last_order=20)
            rules.marts.label(customer, day, customer != "c2")
    with rules.cursor() as cursor:
        (found,) = backtest(cursor, load_rules(rules.project), rules.project.churn, as_of_date=DAY)
        (known_then,) = backtest(
            cursor, load_rules(rules.project), rules.project.churn, as_of_date=days[-1] + timedelta(days=1)
        )
    # On the newest date c1 is overdue still, and c2 again.
    assert (found.dates, found.alerts) == (4, 3)
    assert (found.judged, found.right, found.precision) == (2, 1, 0.5)
    assert (found.leavers, found.foreseen, found.recall) == (2, 1, 0.5)
    # 60 days of silence make a leaver, of which 20 had passed on the day of the alert.
    assert found.lead_days == 40
    assert [(one.customer_id, one.name) for one in found.missed] == [("c3", "C3")]
    assert (known_then.dates, known_then.alerts, known_then.judged, known_then.leavers) == (3, 2, 0, 0)
