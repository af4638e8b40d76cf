"""The shipped rules on a real table: exact at their boundaries, silent about what is unknown."""

import pytest
from alerting_warehouse import DAY, NOW, OVERDUE, SILENT, AlertingWarehouse

from forewarn.alerts import evaluate_rules
from forewarn.alerts.metrics import declared
from forewarn.alerts.rule_query import fired_query
from forewarn.alerts.rules import load_rules
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


def judge(project: Project, marts: AlertingWarehouse, rule: str, cases: list[Case]) -> None:
    """Let each case be one customer, and hold a rule to the expected ones, whatever state it ships in."""
    for number, (changes, _) in enumerate(cases):
        marts.features(f"{rule} {number}", **changes)
    rules = load_rules(project)
    position = [one.name for one in rules].index(rule)
    with marts.connection.cursor() as cursor:
        cursor.execute(fired_query(rules, declared()), {"as_of_date": DAY})
        found = {row[0] for row in cursor.fetchall() if position in row[1]}
    assert {number: f"{rule} {number}" in found for number in range(len(cases))} == {
        number: fires for number, (_, fires) in enumerate(cases)
    }


@pytest.mark.capability("C9")
def test_silent_quarter(project: Project, marts: AlertingWarehouse) -> None:
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
    judge(project, marts, "silent_quarter", [(SILENT | changes, fires) for changes, fires in cases])


@pytest.mark.capability("C9")
def test_one_condition_alone_stays_silent(settings: Settings, project: Project, marts: AlertingWarehouse) -> None:
    marts.customer("no contact")
    marts.features("no contact", full_months_since_last_interaction=9, interactions_90d=0)
    assert fired(settings, project, marts, full_months_since_last_order=9, days_since_last_order=280) == set()
    assert marts.rows("select * from alerts.signal") == []


@pytest.mark.capability("C10")
def test_spend_drop(project: Project, marts: AlertingWarehouse) -> None:
    # Of 36,500 a year 30 days are 3,000, and so are they of the quarter before.
    less = {"revenue_30d": 1500, "order_gap_ratio": 2}
    cases: list[Case] = [
        (less, True),
        # A cent above half of both; of the year's average alone; of the quarter before alone.
        (less | {"revenue_30d": 1500.01}, False),
        (less | {"revenue_30d": 1500.01, "revenue_prior_90d": 18_000}, False),
        (less | {"revenue_30d": 1500.01, "revenue_365d": 73_000}, False),
        # Half of an exceptional quarter is no drop against the year.
        (less | {"revenue_30d": 3000, "revenue_prior_90d": 18_000}, False),
        (less | {"order_gap_ratio": 1.99}, False),
        (less | {"order_gap_ratio": None}, False),
        (less | {"days_since_last_order": 60}, True),
        (less | {"days_since_last_order": 61}, False),
        (less | {"orders_365d": 11}, False),
        (less | {"orders_365d": 12}, True),
        (less | {"revenue_30d": 0, "revenue_prior_90d": 0}, False),
        (less | {"revenue_prior_90d": None}, False),
    ]
    judge(project, marts, "spend_drop", cases)


@pytest.mark.capability("C11")
def test_steady_decline(project: Project, marts: AlertingWarehouse) -> None:
    # Ten orders in the quarter before, eight in this one, one of them in the last 30 days.
    fading = {"order_gap_sd_days": 7.5, "order_gap_ratio": 1.5, "orders_30d": 1, "orders_90d": 8, "orders_180d": 18}
    cases: list[Case] = [
        (fading, True),
        # Gaps that vary by more than three quarters of their mean: an erratic buyer.
        (fading | {"order_gap_sd_days": 7.51}, False),
        (fading | {"order_gap_sd_days": 10}, False),
        (fading | {"order_gap_sd_days": None}, False),
        # Only the first step down, only the second, and exactly half of the quarter's own month.
        (fading | {"orders_30d": 2}, False),
        (fading | {"orders_180d": 17}, False),
        (fading | {"orders_90d": 12, "orders_180d": 27, "orders_30d": 2}, True),
        (fading | {"order_gap_ratio": 1.49}, False),
        (fading | {"orders_365d": 12}, True),
        (fading | {"orders_365d": 11}, False),
        # Who orders nothing any more is silent.
        (fading | {"orders_30d": 0, "orders_90d": 0}, False),
        (fading | {"orders_180d": None}, False),
    ]
    judge(project, marts, "steady_decline", cases)


@pytest.mark.capability("C10")
def test_complaint_spike(project: Project, marts: AlertingWarehouse) -> None:
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
    judge(project, marts, "complaint_spike", cases)


@pytest.mark.capability("C16")
def test_overdue_receivables(settings: Settings, project: Project, marts: AlertingWarehouse) -> None:
    cases: list[Case] = [
        ({"days_overdue_max": 30}, True),
        ({"days_overdue_max": 29}, False),
        ({"overdue_amount": 0}, False),
        ({"overdue_invoices": 0}, False),
        ({"overdue_invoices": None, "overdue_amount": None, "days_overdue_max": None}, False),
    ]
    judge(project, marts, "overdue_receivables", [(OVERDUE | changes, fires) for changes, fires in cases])
    assert evaluate_rules(settings, project, as_of_date=DAY, now=NOW) == 1
    assert marts.rows("select route from alerts.signal") == [("finance",)]


@pytest.mark.capability("C17", "C18")
@pytest.mark.parametrize(
    ("rule", "metric"), [("stocked_out", "stockouts_30d"), ("negative_review", "negative_reviews_90d")]
)
def test_what_befalls_the_customer_once_is_a_signal(
    project: Project, marts: AlertingWarehouse, rule: str, metric: str
) -> None:
    judge(project, marts, rule, [({metric: 1}, True), ({metric: 0}, False), ({metric: None}, False)])


@pytest.mark.capability("C18")
def test_negative_post(project: Project, marts: AlertingWarehouse) -> None:
    cases: list[Case] = [
        ({"negative_posts_90d": 1, "negative_reviews_90d": 0}, True),
        ({"negative_posts_90d": 1, "negative_reviews_90d": None}, True),
        ({"negative_posts_90d": 0, "negative_reviews_90d": 0}, False),
        ({"negative_posts_90d": None, "negative_reviews_90d": 0}, False),
        # The stars have said it already.
        ({"negative_posts_90d": 1, "negative_reviews_90d": 1}, False),
    ]
    judge(project, marts, "negative_post", cases)


@pytest.mark.capability("C13")
def test_price_pressure(project: Project, marts: AlertingWarehouse) -> None:
    granted = {"orders_90d": 3, "discount_share_90d": 0.09, "discount_share_365d": 0.06}
    cases: list[Case] = [
        (granted, True),
        (granted | {"discount_share_90d": 0.0899}, False),
        (granted | {"orders_90d": 2}, False),
        (granted | {"discount_share_90d": 0.05, "discount_share_365d": 0.03}, True),
        (granted | {"discount_share_90d": 0.0499, "discount_share_365d": 0.03}, False),
        (granted | {"discount_share_90d": None}, False),
    ]
    judge(project, marts, "price_pressure", cases)


@pytest.mark.capability("C13")
def test_discount_asked(project: Project, marts: AlertingWarehouse) -> None:
    asks = {"discount_requests_90d": 2, "discount_requests_prior_90d": 1}
    cases: list[Case] = [
        (asks, True),
        (asks | {"discount_requests_90d": 1, "discount_requests_prior_90d": 0}, False),
        (asks | {"discount_requests_prior_90d": 2}, False),
        (asks | {"discount_requests_prior_90d": None}, False),
        # Noted by the account manager, where nobody writes.
        ({"discount_contacts_90d": 2, "discount_contacts_prior_90d": 1}, True),
        ({"discount_contacts_90d": 2, "discount_contacts_prior_90d": 2}, False),
        ({"discount_contacts_90d": 1, "discount_contacts_prior_90d": 0}, False),
        (asks | {"discount_contacts_90d": 0, "discount_contacts_prior_90d": 0}, True),
    ]
    judge(project, marts, "discount_asked", cases)


@pytest.mark.capability("C12")
def test_each_part_of_fading_interaction_alone(project: Project, marts: AlertingWarehouse) -> None:
    opens = {"marketing_opened_prior_90d": 4, "marketing_open_trend_90d": 0.5}
    events = {"attendances_prior_180d": 1, "attendances_180d": 0}
    answers = {"survey_answer_share_prior_180d": 0.8, "survey_answer_share_180d": 0.4}
    parts: dict[str, list[Case]] = {
        "opens_faded": [
            (opens, True),
            (opens | {"marketing_open_trend_90d": 0.51}, False),
            (opens | {"marketing_opened_prior_90d": 3}, False),
            (opens | {"marketing_open_trend_90d": None}, False),
            (events | answers, False),
        ],
        "events_missed": [
            (events, True),
            (events | {"attendances_180d": 1}, False),
            (events | {"attendances_prior_180d": 0}, False),
            (events | {"attendances_180d": None}, False),
            (opens | answers, False),
        ],
        "answers_stopped": [
            (answers, True),
            (answers | {"survey_answer_share_180d": 0.41}, False),
            (answers | {"survey_answer_share_prior_180d": 0, "survey_answer_share_180d": 0}, False),
            (answers | {"survey_answer_share_180d": None}, False),
            (opens | events, False),
        ],
    }
    for rule, cases in parts.items():
        judge(project, marts, rule, cases)


@pytest.mark.capability("C14", "C16")
def test_each_sign_of_use_opinion_and_payment_alone(project: Project, marts: AlertingWarehouse) -> None:
    logins = {"usage_days_prior_30d": 8, "usage_trend_30d": 0.5}
    users = {"active_users_56d": 2, "active_users_7d": 1, "usage_trend_30d": 0.51}
    shallow = {"has_subscription": 1, "subscription_tenure_days": 90, "usage_days_30d": 8, "usage_depth_30d": 1.5}
    nps = {"nps_latest": 6, "nps_age_days": 90}
    complaints = {"complaints_90d": 2, "orders_90d": 10, "complaints_30d": 2}
    signs: dict[str, list[Case]] = {
        "logins_halved": [
            (logins, True),
            (logins | {"usage_trend_30d": 0.51}, False),
            (logins | {"usage_days_prior_30d": 7}, False),
            (logins | {"usage_trend_30d": None}, False),
        ],
        "users_halved": [
            (users, True),
            (users | {"active_users_7d": 1.01}, False),
            (users | {"active_users_56d": 1.99, "active_users_7d": 0.9}, False),
            (users | {"active_users_7d": None}, False),
            # One fall is one signal, and logins_halved has it.
            (users | logins, False),
        ],
        "shallow_use": [
            (shallow, True),
            (shallow | {"usage_depth_30d": 1.51}, False),
            (shallow | {"usage_days_30d": 7}, False),
            (shallow | {"subscription_tenure_days": 89}, False),
            (shallow | {"has_subscription": 0, "subscription_tenure_days": None}, False),
            (shallow | {"usage_depth_30d": None}, False),
        ],
        "low_nps": [
            (nps, True),
            (nps | {"nps_latest": 7}, False),
            (nps | {"nps_age_days": 91}, False),
            ({"nps_latest": None, "nps_age_days": None}, False),
        ],
        "complaint_rate": [
            (complaints, True),
            (complaints | {"orders_90d": 11}, False),
            (complaints | {"complaints_90d": 1, "orders_90d": 1}, False),
            (complaints | {"complaints_90d": 3, "complaints_30d": 3}, False),
            (complaints | {"complaints_90d": None, "complaints_30d": None}, False),
        ],
        "pays_late": [
            ({"payment_delay_days_365d": 15}, True),
            ({"payment_delay_days_365d": 14.9}, False),
            ({"payment_delay_days_365d": None}, False),
        ],
        "billing_dispute": [
            ({"disputes_180d": 1}, True),
            ({"disputes_180d": 0}, False),
            ({"disputes_180d": None}, False),
        ],
        "credit_exceeded": [
            ({"credit_used_share": 1}, True),
            ({"credit_used_share": 0.999}, False),
            ({"credit_used_share": None}, False),
        ],
    }
    for rule, cases in signs.items():
        judge(project, marts, rule, cases)


@pytest.mark.capability("C12")
def test_fading_interaction(project: Project, marts: AlertingWarehouse) -> None:
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
    judge(project, marts, "fading_interaction", cases)


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
