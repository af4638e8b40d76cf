"""Of whom people are told: by worth, within a week's capacity, in the pilot, and not of the control group."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from alerting_warehouse import DAY, NOW, AlertingWarehouse, simulated_project

from forewarn.alerts import CaseCounts, open_cases
from forewarn.alerts.admission import in_control, pilot
from forewarn.config.project import Project, load_project
from forewarn.config.settings import Settings
from forewarn.errors import ConfigError

ANA, BEN = "ana.weber@meridian.example", "ben.ortiz@meridian.example"


def a_day(settings: Settings, project: Project, marts: AlertingWarehouse, ahead: int, *customers: str) -> CaseCounts:
    day, now = DAY + timedelta(days=ahead), NOW + timedelta(days=ahead)
    for customer in customers:
        marts.score(customer, 0.6, day)
    marts.publish(day, f"run {ahead}")
    return open_cases(settings, project, as_of_date=day, run_id=f"run {ahead}", now=now)


def told(marts: AlertingWarehouse) -> list[str]:
    return [
        customer
        for (customer,) in marts.rows(
            'select c.customer_id from alerts.outbox as o join alerts."case" as c using (case_id) order by alert_id'
        )
    ]


@pytest.mark.capability("B5", "C42")
def test_a_weeks_capacity_goes_to_what_a_call_is_worth_and_the_rest_waits(
    settings: Settings, marts: AlertingWarehouse
) -> None:
    project = simulated_project(settings.config, weekly_capacity=2)
    for number, value in enumerate((10_000, 90_000, 50_000, 70_000)):
        marts.customer(f"c{number}", value=value)
    marts.customer("b1", value=20_000, owner_email=BEN, owner_name="Ben Ortiz")
    everybody = ("c0", "c1", "c2", "c3", "b1")
    counts = a_day(settings, project, marts, 0, *everybody)
    assert (counts.opened, counts.letters, counts.withheld) == (5, 3, 2)
    # By probability times value times the share that a call saves, less the 40 that it costs; Ben's week is his own.
    assert told(marts) == ["c1", "c3", "b1"]
    assert marts.rows(
        'select c.customer_id, e.reason from alerts.case_event as e join alerts."case" as c using (case_id)'
        " where e.kind = 'suppressed' order by event_id"
    ) == [
        (
            "c2",
            f"3 of 5 by what a call is worth (5,960); {ANA} has had 2 in seven days, and 2 are what a week holds",
        ),
        (
            "c0",
            f"5 of 5 by what a call is worth (1,160); {ANA} has had 2 in seven days, and 2 are what a week holds",
        ),
    ]
    assert open_cases(settings, project, as_of_date=DAY, run_id="run 0", now=NOW).letters == 0
    waiting = a_day(settings, project, marts, 1, *everybody)
    assert (waiting.letters, waiting.withheld) == (0, 2)
    # A week later there is room again, for those who still have signals.
    later = a_day(settings, project, marts, 7, "c0", "c1", "c2")
    assert (later.letters, later.withheld) == (2, 0)
    assert told(marts) == ["c1", "c3", "b1", "c2", "c0"]
    assert marts.rows("select count(*) from alerts.case_event where kind = 'suppressed'") == [(2,)]
    assert marts.rows('select distinct withheld from alerts."case"') == [(None,)]
    assert a_day(settings, project, marts, 8, *everybody).letters == 0


@pytest.mark.capability("C47")
def test_a_pilot_tells_of_its_own_customers_and_grows_without_losing_a_case(
    settings: Settings, marts: AlertingWarehouse
) -> None:
    marts.customer("r1", segment="retail")
    marts.customer("w1", segment="wholesale")
    retail = simulated_project(settings.config, pilot="segment = 'retail'")
    counts = a_day(settings, retail, marts, 0, "r1", "w1")
    assert (counts.opened, counts.withheld, told(marts)) == (2, 1, ["r1"])
    assert marts.rows('select customer_id, withheld from alerts."case" order by 1') == [("r1", None), ("w1", "pilot")]
    wider = simulated_project(settings.config, pilot="segment in ('retail', 'wholesale')")
    assert a_day(settings, wider, marts, 1, "r1", "w1").withheld == 0
    assert told(marts) == ["r1", "w1"]


def test_a_pilot_that_cannot_be_meant_is_refused_at_its_place(settings: Settings, tmp_path: Path) -> None:
    text = (settings.config / "forewarn.yml").read_text(encoding="utf-8")
    (tmp_path / "forewarn.yml").write_text(text.replace("alerts:\n", "alerts:\n  pilot: segmnt = 'retail'\n", 1))
    with pytest.raises(ConfigError, match="did you mean `segment`") as caught:
        pilot(load_project(tmp_path))
    line = next(number for number, one in enumerate(text.splitlines(), 1) if one == "alerts:") + 1
    assert (caught.value.line, caught.value.column) == (line, 10)


def test_the_control_group_has_cases_and_nobody_is_told(settings: Settings, marts: AlertingWarehouse) -> None:
    customers = [f"c{number}" for number in range(40)]
    control = [customer for customer in customers if in_control(customer, 0.25)]
    for customer in customers:
        marts.customer(customer)
    project = simulated_project(settings.config, control_share=0.25)
    counts = a_day(settings, project, marts, 0, *customers)
    assert (counts.opened, counts.withheld) == (40, len(control))
    assert set(told(marts)) == set(customers) - set(control)
    drawn = marts.rows('select customer_id, arm, drawn_as_of, control_share from alerts."case" order by customer_id')
    assert drawn == [(one, "control" if one in control else "told", DAY, 0.25) for one in sorted(customers)]
    assert a_day(settings, project, marts, 1, *customers).letters == 0
    assert a_day(settings, project, marts, 30, *control).escalated == 40 - len(control), "nobody was to answer theirs"


def test_a_share_of_everybody_is_drawn_and_a_larger_one_holds_the_smaller() -> None:
    customers = [f"customer {number}" for number in range(20_000)]
    tenth = {customer for customer in customers if in_control(customer, 0.1)}
    fifth = {customer for customer in customers if in_control(customer, 0.2)}
    assert abs(len(tenth) - 2000) < 4 * (20_000 * 0.1 * 0.9) ** 0.5
    assert tenth < fifth
    assert not any(in_control(customer, 0) for customer in customers)
