"""The shipped rules on a real table: exact at their boundaries, silent about what is unknown."""

import pytest
from alerting_warehouse import DAY, NOW, OVERDUE, SILENT, AlertingWarehouse

from forewarn.alerts import evaluate_rules
from forewarn.config.project import Project
from forewarn.config.settings import Settings


def fired(settings: Settings, project: Project, marts: AlertingWarehouse, **changes: float | None) -> set[str]:
    marts.customer("c1")
    marts.features("c1", **changes)
    evaluate_rules(settings, project, as_of_date=DAY, now=NOW)
    return {row[0] for row in marts.rows("select name from alerts.signal where customer_id = 'c1'")}


def test_a_calm_customer_fires_nothing(settings: Settings, project: Project, marts: AlertingWarehouse) -> None:
    assert fired(settings, project, marts) == set()


def texts_of(marts: AlertingWarehouse, *rows: tuple[object, ...]) -> None:
    """Make the table of texts: entity, number, customer, day, known day, tone, competitors."""
    marts.run(
        "create schema if not exists intermediate; create table intermediate.int_texts (entity text, record_id text,"
        " customer_id text, day date, known_day date, tone text, competitors bigint, source text default 'voice',"
        " asks_discount boolean default false)"
    )
    for row in rows:
        marts.run(
            "insert into intermediate.int_texts (entity, record_id, customer_id, day, known_day, tone, competitors)"
            " values (%s, %s, %s, %s, %s, %s, %s)",
            row,
        )


Case = tuple[dict[str, float | None], bool]


def judge(settings: Settings, project: Project, marts: AlertingWarehouse, rule: str, cases: list[Case]) -> None:
    """Let each case be one customer, and hold a rule to the expected ones."""
    for number, (changes, _) in enumerate(cases):
        marts.customer(f"case {number}")
        marts.features(f"case {number}", **changes)
    evaluate_rules(settings, project, as_of_date=DAY, now=NOW)
    found = {row[0] for row in marts.rows("select customer_id from alerts.signal where name = %s", [rule])}
    assert {number: f"case {number}" in found for number in range(len(cases))} == {
        number: fires for number, (_, fires) in enumerate(cases)
    }


@pytest.mark.capability("C9")
def test_silent_quarter(settings: Settings, project: Project, marts: AlertingWarehouse) -> None:
    cases: list[Case] = [
        ({}, True),
        ({"full_months_since_last_order": 2}, False),
        ({"full_months_since_last_interaction": 2}, False),
        ({"full_months_since_last_order": 5}, True),
        ({"full_months_since_last_order": 6}, False),
        # Never an interaction, though interactions are recorded: that is none.
        ({"full_months_since_last_interaction": None, "days_since_last_interaction": None}, True),
        # Interactions are not recorded at all: unknown, and unknown does not fire.
        ({"full_months_since_last_interaction": None, "interactions_90d": None}, False),
        # Never an order: there is nothing to miss.
        ({"full_months_since_last_order": None, "days_since_last_order": None}, False),
    ]
    judge(settings, project, marts, "silent_quarter", [(SILENT | changes, fires) for changes, fires in cases])


@pytest.mark.capability("C9")
def test_one_condition_alone_stays_silent(settings: Settings, project: Project, marts: AlertingWarehouse) -> None:
    marts.customer("no contact")
    marts.features("no contact", full_months_since_last_interaction=9, interactions_90d=0)
    assert fired(settings, project, marts, full_months_since_last_order=9, days_since_last_order=280) == set()
    assert marts.rows("select * from alerts.signal") == []


@pytest.mark.capability("C10")
def test_spend_drop(settings: Settings, project: Project, marts: AlertingWarehouse) -> None:
    cases: list[Case] = [
        ({"revenue_90d": 4500.00, "revenue_prior_90d": 9000}, True),
        ({"revenue_90d": 4500.01, "revenue_prior_90d": 9000}, False),
        # A cent above half of the quarter before alone; then a cent above half of the year's average alone.
        ({"revenue_90d": 4500.01, "revenue_prior_90d": 9000, "revenue_365d": 40_000}, False),
        ({"revenue_90d": 4500.01, "revenue_prior_90d": 18_000, "revenue_365d": 36_500}, False),
        # Half of an exceptional quarter is no drop against the year: 36,500 a year is 9,000 a quarter.
        ({"revenue_90d": 9000, "revenue_prior_90d": 18_000}, False),
        ({"revenue_90d": 4499, "revenue_prior_90d": 9000, "orders_365d": 11}, False),
        ({"revenue_90d": 4499, "revenue_prior_90d": 9000, "orders_365d": 12}, True),
        ({"revenue_90d": 0, "revenue_prior_90d": 0}, False),
        ({"revenue_90d": 0, "revenue_prior_90d": None}, False),
    ]
    judge(settings, project, marts, "spend_drop", cases)


@pytest.mark.capability("C10")
def test_complaint_spike(settings: Settings, project: Project, marts: AlertingWarehouse) -> None:
    cases: list[Case] = [
        ({"complaints_30d": 3, "complaints_90d": 3, "complaints_prior_90d": 0}, True),
        ({"complaints_30d": 2, "complaints_90d": 2, "complaints_prior_90d": 0}, False),
        # Five in the five months before is one a month: three in the last is a spike, …
        ({"complaints_30d": 3, "complaints_90d": 6, "complaints_prior_90d": 2}, True),
        # … six in the five months before makes it their habit.
        ({"complaints_30d": 3, "complaints_90d": 6, "complaints_prior_90d": 3}, False),
        ({"complaints_30d": None, "complaints_90d": None, "complaints_prior_90d": None}, False),
        ({"complaints_30d": 3, "complaints_90d": 3, "complaints_prior_90d": None}, False),
    ]
    judge(settings, project, marts, "complaint_spike", cases)


@pytest.mark.capability("C16")
def test_overdue_receivables(settings: Settings, project: Project, marts: AlertingWarehouse) -> None:
    cases: list[Case] = [
        ({"days_overdue_max": 30}, True),
        ({"days_overdue_max": 29}, False),
        ({"overdue_amount": 0}, False),
        ({"overdue_invoices": 0}, False),
        ({"overdue_invoices": None, "overdue_amount": None, "days_overdue_max": None}, False),
    ]
    judge(settings, project, marts, "overdue_receivables", [(OVERDUE | changes, fires) for changes, fires in cases])
    assert marts.rows("select distinct route from alerts.signal") == [("finance",)]


@pytest.mark.capability("C17", "C18")
@pytest.mark.parametrize(
    ("rule", "metric"), [("stocked_out", "stockouts_30d"), ("negative_review", "negative_reviews_90d")]
)
def test_what_befalls_the_customer_once_is_a_signal(
    settings: Settings, project: Project, marts: AlertingWarehouse, rule: str, metric: str
) -> None:
    judge(settings, project, marts, rule, [({metric: 1}, True), ({metric: 0}, False), ({metric: None}, False)])


@pytest.mark.capability("C18")
def test_negative_post(settings: Settings, project: Project, marts: AlertingWarehouse) -> None:
    cases: list[Case] = [
        ({"negative_posts_90d": 1, "negative_reviews_90d": 0}, True),
        ({"negative_posts_90d": 1, "negative_reviews_90d": None}, True),
        ({"negative_posts_90d": 0, "negative_reviews_90d": 0}, False),
        ({"negative_posts_90d": None, "negative_reviews_90d": 0}, False),
        # The stars have said it already.
        ({"negative_posts_90d": 1, "negative_reviews_90d": 1}, False),
    ]
    texts_of(marts)
    judge(settings, project, marts, "negative_post", cases)


@pytest.mark.capability("C13")
def test_price_pressure(settings: Settings, project: Project, marts: AlertingWarehouse) -> None:
    asks = {"discount_requests_90d": 2, "discount_requests_prior_90d": 1}
    granted = {"orders_90d": 3, "discount_share_90d": 0.09, "discount_share_365d": 0.06}
    cases: list[Case] = [
        (asks, True),
        (asks | {"discount_requests_90d": 1, "discount_requests_prior_90d": 0}, False),
        (asks | {"discount_requests_prior_90d": 2}, False),
        (asks | {"discount_requests_prior_90d": None}, False),
        (granted, True),
        (granted | {"discount_share_90d": 0.0899}, False),
        (granted | {"orders_90d": 2}, False),
        (granted | {"discount_share_90d": 0.05, "discount_share_365d": 0.03}, True),
        (granted | {"discount_share_90d": 0.0499, "discount_share_365d": 0.03}, False),
        (granted | asks | {"discount_share_90d": None}, True),
    ]
    texts_of(marts)
    judge(settings, project, marts, "price_pressure", cases)


@pytest.mark.capability("C12")
def test_fading_interaction(settings: Settings, project: Project, marts: AlertingWarehouse) -> None:
    opens = {"marketing_opened_prior_90d": 4, "marketing_open_trend_90d": 0.5}
    events = {"attendances_prior_180d": 1, "attendances_180d": 0}
    answers = {"survey_answer_share_prior_180d": 0.8, "survey_answer_share_180d": 0.4}
    cases: list[Case] = [
        # One alone is watched by nobody; with either of the others it counts.
        (opens, False),
        (events, False),
        (answers, False),
        (opens | events, True),
        (opens | answers, True),
        (events | answers, True),
        (events | opens | {"marketing_open_trend_90d": 0.51}, False),
        (events | opens | {"marketing_opened_prior_90d": 3}, False),
        (opens | events | {"attendances_180d": 1}, False),
        (opens | events | {"attendances_prior_180d": 0}, False),
        (opens | answers | {"survey_answer_share_180d": 0.41}, False),
        (opens | answers | {"survey_answer_share_prior_180d": 0, "survey_answer_share_180d": 0}, False),
        (opens | answers | {"survey_answer_share_180d": None}, False),
    ]
    judge(settings, project, marts, "fading_interaction", cases)


@pytest.mark.capability("C19", "B4")
def test_a_signal_of_words_names_its_records_and_not_what_stands_in_them(
    settings: Settings, project: Project, marts: AlertingWarehouse
) -> None:
    texts_of(
        marts,
        ("mention", "M-1", "c1", "2026-11-15", "2026-11-15", "neutral", 1),
        ("ticket", "T-1", "c1", "2026-08-18", "2026-08-18", "negative", 2),
        ("mention", "too old", "c1", "2026-08-17", "2026-08-17", "neutral", 1),
        ("mention", "told later", "c1", "2026-11-15", "2026-11-16", "neutral", 1),
        ("mention", "names nobody", "c1", "2026-11-15", "2026-11-15", "neutral", 0),
        ("mention", "another's", "c2", "2026-11-15", "2026-11-15", "neutral", 1),
    )
    assert fired(settings, project, marts, competitor_mentions_90d=2) == {"competitor_named"}
    [(reason, evidence)] = marts.rows("select reason, evidence from alerts.signal")
    assert reason == "Texts of the last 90 days that name a competitor: 2."
    assert evidence["records"] == [
        {"entity": "mention", "source": "voice", "record_id": "M-1", "day": "2026-11-15"},
        {"entity": "ticket", "source": "voice", "record_id": "T-1", "day": "2026-08-18"},
    ]
    for nothing in (0, None):
        marts.features("c1", competitor_mentions_90d=nothing)
        assert evaluate_rules(settings, project, as_of_date=DAY, now=NOW) == 0


def test_a_signal_tells_its_values_in_words(settings: Settings, project: Project, marts: AlertingWarehouse) -> None:
    fired(settings, project, marts, **SILENT)
    [(reason, evidence, version)] = marts.rows("select reason, evidence, version from alerts.signal")
    assert reason == "No order for 95 days, usually one every 10 days; last contact 100 days ago."
    assert evidence["texts"]["zh_CN"]["text"] == "已有 95 天没有下单，平时每 10 天一次；上次联系在 100 天前。"
    assert evidence["values"]["full_months_since_last_order"] == 3
    assert version == "1"


def test_the_same_signals_again_touch_no_row(settings: Settings, project: Project, marts: AlertingWarehouse) -> None:
    fired(settings, project, marts, **SILENT | OVERDUE)
    before = marts.rows("select xmin::text, s.* from alerts.signal as s order by signal_id")
    assert evaluate_rules(settings, project, as_of_date=DAY, now=NOW.replace(hour=9)) == 2
    assert marts.rows("select xmin::text, s.* from alerts.signal as s order by signal_id") == before


def test_a_signal_whose_reason_went_away_goes(settings: Settings, project: Project, marts: AlertingWarehouse) -> None:
    fired(settings, project, marts, **OVERDUE)
    marts.features("c1")
    assert evaluate_rules(settings, project, as_of_date=DAY, now=NOW) == 0
    assert marts.rows("select * from alerts.signal") == []
