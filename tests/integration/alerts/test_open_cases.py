"""From signals to cases and letters, in one transaction, for the newest live publication only."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from alerting_warehouse import DAY, NOW, OVERDUE, REASONS, RUN, SILENT, AlertingWarehouse, simulated_project, weekly

from forewarn.alerts import CaseCounts, evaluate_rules, open_cases
from forewarn.config.project import Project
from forewarn.config.settings import Settings


def alert(settings: Settings, project: Project, as_of_date: date = DAY, run_id: str = RUN) -> CaseCounts:
    now = NOW + (as_of_date - DAY)
    evaluate_rules(settings, project, as_of_date=as_of_date, now=now)
    return open_cases(settings, project, as_of_date=as_of_date, run_id=run_id, now=now)


def case(marts: AlertingWarehouse, columns: str) -> tuple[object, ...]:
    [row] = marts.rows(f'select {columns} from alerts."case"')
    return row


@pytest.mark.capability("C27")
def test_a_score_at_its_threshold_opens_a_case(settings: Settings, project: Project, marts: AlertingWarehouse) -> None:
    marts.customer("c1")
    marts.features("c1")
    marts.score("c1", 0.5)
    marts.customer("c2")
    marts.features("c2")
    marts.score("c2", 0.4999)
    marts.publish()
    counts = alert(settings, project)
    assert (counts.signals, counts.opened, counts.letters, counts.reason) == (1, 1, 1, "")
    assert case(marts, "customer_id, level, probability, value_at_stake, expected_loss, owner_email, state") == (
        "c1",
        "medium",
        0.5,
        116_388,
        58_194,
        "ana.weber@meridian.example",
        "open",
    )
    [(reasons, step)] = marts.rows('select reasons, next_step from alerts."case"')
    assert [reason["family"] for reason in reasons] == ["rhythm", "service"]
    assert step == ("Call Dana Kim by Monday, Nov 23 and ask about their current needs; the usual order is missing.")


@pytest.mark.capability("B4")
def test_a_case_keeps_the_records_behind_the_models_reasons_as_they_were_known_when_it_opened(
    settings: Settings, project: Project, marts: AlertingWarehouse
) -> None:
    marts.run(
        "create schema if not exists intermediate; create table intermediate.int_customer_events (customer_id text,"
        " entity text, source text, source_record_id text, day date, known_day date, kind text, quantity float8)"
    )
    event = "insert into intermediate.int_customer_events values ('c1', %s, 'erp', %s, %s, %s, %s, null)"
    days = [DAY - timedelta(days=back) for back in (200, 95, 40, 5)]
    marts.run(event, ["order", "o1", days[0], days[0], "order"])
    marts.run(event, ["order", "o2", days[1], days[1], "order"])
    marts.run(event, ["order", "late", days[2], DAY, "order"])
    marts.run(event, ["ticket", "t1", days[3], days[3], "complaint"])
    marts.customer("c1")
    marts.features("c1")
    marts.score("c1", 0.6, reasons=[REASONS[0] | {"feature": "orders_90d"}, REASONS[1] | {"feature": "tickets_30d"}])
    marts.publish()
    alert(settings, project)
    # A year later the source has forgotten the one and learnt another; the case has not.
    marts.run("update intermediate.int_customer_events set source_record_id = 'other'")
    alert(settings, project)
    [(kind, frozen)] = marts.rows("select kind, detail -> 'records' from alerts.case_event")
    assert kind == "opened"
    assert frozen == {
        "orders_90d": {
            "since": (DAY - timedelta(days=180)).isoformat(),
            "total": 1,
            "records": [{"entity": "order", "source": "erp", "record_id": "o2", "day": days[1].isoformat()}],
        },
        "tickets_30d": {
            "since": (DAY - timedelta(days=30)).isoformat(),
            "total": 1,
            "records": [{"entity": "ticket", "source": "erp", "record_id": "t1", "day": days[3].isoformat()}],
        },
    }


@pytest.mark.capability("C27")
def test_rules_alone_give_a_case_of_the_same_shape(
    settings: Settings, project: Project, marts: AlertingWarehouse
) -> None:
    marts.customer("c1", value=10_000)
    marts.features("c1", **SILENT)
    marts.publish()
    assert alert(settings, project).opened == 1
    # Without a score the level's own probability, 30%, stands in.
    assert case(marts, "level, probability, expected_loss") == ("medium", None, 3000)
    [(payload,)] = marts.rows("select payload from alerts.outbox")
    assert payload["model"] is None
    assert payload["rules"] == ["silent_quarter v1"]


@pytest.mark.capability("C15")
def test_two_signals_raise_the_level_one_step(settings: Settings, project: Project, marts: AlertingWarehouse) -> None:
    marts.customer("c1")
    marts.features("c1", **SILENT)
    marts.score("c1", 0.6)
    marts.publish()
    alert(settings, project)
    assert case(marts, "level") == ("high",)


@pytest.mark.capability("C15", "C16", "C34")
def test_one_case_writes_to_the_account_manager_and_to_finance(
    settings: Settings, project: Project, marts: AlertingWarehouse
) -> None:
    marts.customer("c1")
    marts.features("c1", **SILENT | OVERDUE)
    marts.publish()
    counts = alert(settings, project)
    assert (counts.signals, counts.opened, counts.letters) == (2, 1, 2)
    assert case(marts, "level, route, routes, owner_email") == (
        "high",
        "account_manager",
        ["account_manager", "finance"],
        "ana.weber@meridian.example",
    )
    letters = marts.rows("select recipient, payload from alerts.outbox order by alert_id")
    assert [(recipient, payload["why"], payload["route"]) for recipient, payload in letters] == [
        ("ana.weber@meridian.example", "owner", "account_manager"),
        ("receivables@meridian.example", "team", "finance"),
    ]
    (_, manager), (_, finance) = letters
    assert manager["reasons"] == finance["reasons"][::-1]
    assert "9,699" in finance["reasons"][0]["text"]
    assert manager["next_step"].startswith("Call Dana Kim by Wednesday, Nov 18. Ask what changed since the last order")
    assert finance["next_step"].startswith("Call Dana Kim by Wednesday, Nov 18 and agree on a payment date")


@pytest.mark.capability("C15")
def test_a_route_that_joins_an_open_case_is_told_once(
    settings: Settings, project: Project, marts: AlertingWarehouse
) -> None:
    marts.customer("c1")
    marts.features("c1")
    for ahead in range(3):
        day, run = DAY + timedelta(days=ahead), f"run-{ahead}"
        marts.score("c1", 0.9, day)
        if ahead:
            marts.features("c1", day, **OVERDUE)
        marts.publish(day, run)
        counts = alert(settings, project, day, run)
        assert (counts.opened, counts.joined, counts.refreshed, counts.letters) == [
            (1, 0, 0, 1),
            (0, 1, 0, 1),
            (0, 0, 1, 0),
        ][ahead]
    assert case(marts, "level, route, routes") == ("high", "account_manager", ["account_manager", "finance"])
    assert marts.rows("select recipient, payload ->> 'previous_level' from alerts.outbox order by alert_id") == [
        ("ana.weber@meridian.example", None),
        ("receivables@meridian.example", None),
    ]
    assert marts.rows("select reason, detail -> 'told' from alerts.case_event where kind = 'joined'") == [
        (
            "level stays high, finance joined; 2 signals: non_contractual, overdue_receivables",
            {"finance": ["receivables@meridian.example (team)"]},
        )
    ]


@pytest.mark.capability("B7")
def test_the_same_day_again_changes_nothing(settings: Settings, project: Project, marts: AlertingWarehouse) -> None:
    marts.customer("c1")
    marts.features("c1", **SILENT | OVERDUE)
    marts.score("c1", 0.6)
    marts.publish()
    alert(settings, project)
    before = marts.fingerprint()
    again = alert(settings, project)
    assert (again.opened, again.raised, again.refreshed, again.letters, again.unchanged) == (0, 0, 0, 0, 1)
    assert marts.fingerprint() == before


def test_a_later_day_refreshes_and_tells_nobody(settings: Settings, project: Project, marts: AlertingWarehouse) -> None:
    marts.customer("c1")
    marts.score("c1", 0.6)
    marts.features("c1")
    marts.publish()
    alert(settings, project)
    marts.score("c1", 0.55, DAY + timedelta(days=1))
    marts.publish(DAY + timedelta(days=1), "run-2")
    counts = alert(settings, project, DAY + timedelta(days=1), "run-2")
    assert (counts.opened, counts.raised, counts.refreshed, counts.letters) == (0, 0, 1, 0)
    assert case(marts, "probability, updated_as_of, opened_as_of") == (0.55, DAY + timedelta(days=1), DAY)
    assert marts.rows("select kind, reason from alerts.case_event order by event_id") == [
        ("opened", "1 signal: non_contractual"),
        ("refreshed", "level stays medium, nobody is told again; 1 signal: non_contractual"),
    ]


@pytest.mark.capability("C15", "C37")
def test_a_level_that_rises_is_told_in_the_same_thread(
    settings: Settings, project: Project, marts: AlertingWarehouse
) -> None:
    later = DAY + timedelta(days=1)
    marts.customer("c1")
    marts.features("c1")
    marts.score("c1", 0.6)
    marts.publish()
    alert(settings, project)
    marts.features("c1", later, **SILENT)
    marts.score("c1", 0.6, later)
    marts.publish(later, "run-2")
    counts = alert(settings, project, later, "run-2")
    assert (counts.raised, counts.letters) == (1, 1)
    [(first,), (second,)] = marts.rows("select payload from alerts.outbox order by alert_id")
    assert (second["level"], second["previous_level"]) == ("high", "medium")
    assert second["thread_key"] == first["key"]
    assert first["thread_key"] is None


def test_a_level_never_falls_within_an_episode(settings: Settings, project: Project, marts: AlertingWarehouse) -> None:
    marts.customer("c1")
    marts.score("c1", 0.9)
    for ahead, probability in ((1, 0.55), (2, 0.9)):
        marts.score("c1", probability, DAY + timedelta(days=ahead))
    for ahead in range(3):
        marts.publish(DAY + timedelta(days=ahead), f"run-{ahead}")
        alert(settings, project, DAY + timedelta(days=ahead), f"run-{ahead}")
    assert case(marts, "level") == ("high",)
    assert len(marts.rows("select * from alerts.outbox")) == 1


@pytest.mark.capability("B7")
@pytest.mark.parametrize(
    ("published", "reason"),
    [
        ([], "nothing was published for 2026-11-16 by run run-1"),
        ([(DAY, "run-0", True)], "nothing was published for 2026-11-16 by run run-1"),
        ([(DAY, RUN, False)], "the publication of 2026-11-16 by run run-1 is not live"),
        ([(DAY, RUN, True), (DAY + timedelta(days=1), "run-2", True)], "2026-11-16 is history: 2026-11-17"),
    ],
)
def test_only_the_newest_live_publication_may(
    settings: Settings,
    project: Project,
    marts: AlertingWarehouse,
    published: list[tuple[date, str, bool]],
    reason: str,
) -> None:
    marts.customer("c1")
    marts.score("c1", 0.9)
    for as_of_date, run_id, live in published:
        marts.publish(as_of_date, run_id, live=live)
    counts = open_cases(settings, project, as_of_date=DAY, run_id=RUN, now=NOW)
    assert counts.reason.startswith(reason)
    assert counts == CaseCounts(reason=counts.reason)
    assert marts.fingerprint() == [[]] * 7


@pytest.mark.parametrize(
    ("owner", "why"),
    [
        ((None, None), "no_owner"),
        (("Ana Weber", None), "no_address"),
        (("Ana Weber", "ana weber@meridian"), "no_address"),
        (("Ana Weber", "ana@meridian.example\r\nBcc: all@meridian.example"), "no_address"),
    ],
)
def test_without_a_usable_owner_the_fallback_gets_it(
    settings: Settings,
    project: Project,
    marts: AlertingWarehouse,
    owner: tuple[str | None, str | None],
    why: str,
) -> None:
    marts.customer("c1", owner_name=owner[0], owner_email=owner[1])
    marts.score("c1", 0.9)
    marts.publish()
    alert(settings, project)
    assert marts.rows("select recipient, payload ->> 'why' from alerts.outbox") == [
        ("sales-lead@meridian.example", why)
    ]
    assert marts.rows("select detail ->> 'because' from alerts.case_event") == [(why,)]


def test_a_customer_that_the_warehouse_lost_is_still_announced(
    settings: Settings, project: Project, marts: AlertingWarehouse
) -> None:
    marts.score("c-unknown", 0.9)
    marts.publish()
    assert alert(settings, project).letters == 1
    assert marts.rows("select payload ->> 'customer', payload ->> 'value_at_stake' from alerts.outbox") == [
        ("c-unknown", "0.0")
    ]


def test_a_closed_case_is_followed_by_a_new_episode(
    settings: Settings, project: Project, marts: AlertingWarehouse
) -> None:
    marts.customer("c1")
    marts.score("c1", 0.9)
    marts.publish()
    alert(settings, project)
    marts.run(
        "update alerts.\"case\" set state = 'closed', outcome = 'merged', intervention = 'none',"
        " intervention_presumed = false, closed_as_of = updated_as_of"
    )
    # The day that was already decided does not open it again.
    assert alert(settings, project).opened == 0
    later = DAY + timedelta(days=1)
    marts.score("c1", 0.9, later)
    marts.publish(later, "run-2")
    assert alert(settings, project, later, "run-2").opened == 1
    assert marts.rows('select episode, state from alerts."case" order by 1') == [(1, "closed"), (2, "open")]


@pytest.mark.parametrize("state", ["acknowledged", "in_progress"])
def test_a_case_that_somebody_works_on_keeps_its_state(
    settings: Settings, project: Project, marts: AlertingWarehouse, state: str
) -> None:
    later = DAY + timedelta(days=1)
    marts.customer("c1")
    marts.score("c1", 0.6)
    marts.publish()
    alert(settings, project)
    marts.run('update alerts."case" set state = %s', [state])
    marts.score("c1", 0.9, later)
    marts.publish(later, "run-2")
    assert alert(settings, project, later, "run-2").raised == 1
    assert case(marts, "state, level") == (state, "high")


def test_signals_that_ceased_are_recorded_once(settings: Settings, project: Project, marts: AlertingWarehouse) -> None:
    marts.customer("c1")
    marts.score("c1", 0.9)
    marts.publish()
    alert(settings, project)
    quiet = []
    for ahead in (13, 14, 15):
        later = DAY + timedelta(days=ahead)
        marts.publish(later, f"run-{ahead}")
        quiet.append(alert(settings, project, later, f"run-{ahead}").quiet)
    assert quiet == [0, 1, 0]
    assert case(marts, "state") == ("open",)
    assert marts.rows("select reason from alerts.case_event where kind = 'quiet'") == [
        ("no signal since 2026-11-16; the case stays open",)
    ]


def test_the_message_carries_the_weekly_history_and_the_days(
    settings: Settings, project: Project, marts: AlertingWarehouse
) -> None:
    marts.customer("c1", owner_locale="zh-CN")
    marts.features("c1", days_to_renewal=47, days_since_last_order=12.25, days_since_last_interaction=35)
    for number, day in enumerate(weekly(DAY, 20)):
        marts.score("c1", 0.3 + number / 50, day)
    marts.publish()
    alert(settings, project)
    [(payload,)] = marts.rows("select payload from alerts.outbox")
    assert [past["as_of_date"] for past in payload["history"]] == [day.isoformat() for day in weekly(DAY, 13)]
    assert payload["renewal_on"] == "2027-01-02"
    assert payload["last_order_on"] == "2026-11-03"
    assert payload["last_contact_on"] == "2026-10-12"
    assert payload["next_step"] == "请在11月23日星期一前致电Dana Kim，了解目前需求；往常的订单没有出现。"


@pytest.mark.capability("C34")
def test_each_channel_gets_its_letter(settings: Settings, marts: AlertingWarehouse) -> None:
    marts.customer("c1")
    marts.score("c1", 0.9)
    marts.publish()
    project = simulated_project(settings.config, channels=["file", "email"])
    assert alert(settings, project).letters == 2
    assert marts.rows("select channel from alerts.outbox order by 1") == [("email",), ("file",)]


@pytest.mark.capability("C34")
def test_without_routes_finance_reaches_the_fallback(
    settings: Settings, project: Project, marts: AlertingWarehouse, tmp_path: Path
) -> None:
    playbooks = tmp_path / "playbooks.yml"
    playbooks.write_text((settings.config / "playbooks.yml").read_text(encoding="utf-8"), encoding="utf-8")
    marts.customer("c1")
    marts.features("c1", **OVERDUE)
    marts.publish()
    alert(settings, project.model_copy(update={"playbooks": playbooks}))
    assert marts.rows("select recipient, payload ->> 'why' from alerts.outbox") == [
        ("sales-lead@meridian.example", "no_team")
    ]


def test_the_last_score_of_an_episode_ranks_a_case_that_is_scored_no_more(
    settings: Settings, project: Project, marts: AlertingWarehouse
) -> None:
    marts.customer("c1", value=10_000)
    marts.features("c1", **SILENT)
    marts.score("c1", 0.9)
    marts.publish()
    alert(settings, project)
    later, run = DAY + timedelta(days=1), "the day after"
    marts.features("c1", as_of_date=later, **SILENT)
    marts.publish(as_of_date=later, run_id=run)
    assert alert(settings, project, later, run).refreshed == 1
    assert case(marts, "probability, expected_loss, updated_as_of") == (0.9, 9_000, later)


def test_letters_are_numbered_by_expected_loss(settings: Settings, project: Project, marts: AlertingWarehouse) -> None:
    for name, value in (("small", 1_000), ("large", 90_000), ("middling", 20_000)):
        marts.customer(name, value=value)
        marts.features(name, **SILENT)
    marts.publish()
    alert(settings, project)
    found = marts.rows(
        'select c.customer_id from alerts.outbox join alerts."case" as c using (case_id) order by alert_id'
    )
    assert [row[0] for row in found] == ["large", "middling", "small"]
