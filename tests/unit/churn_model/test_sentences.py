"""A sentence is true for its customer, or it is not said."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_model.features import BY_NAME, FEATURES, HELD_BACK, NAMES
from churn_model.sentences import Facts, count, number

COLUMNS = (*NAMES, *(feature.name for feature in HELD_BACK))
INDEX = {name: place for place, name in enumerate(COLUMNS)}


def _facts(typical: dict[str, float] | None = None, /, **values: float) -> Facts:
    row = [values.get(name, float("nan")) for name in COLUMNS]
    return Facts(row, INDEX, typical or {}, "EUR")


def _say(feature: str, typical: dict[str, float] | None = None, /, **values: float) -> str | None:
    statement = BY_NAME[feature].say(_facts(typical, **values))
    return statement.text if statement else None


@pytest.mark.capability("B13")
@pytest.mark.parametrize(
    ("feature", "values", "text"),
    [
        (
            "order_gap_ratio",
            {"days_since_last_order": 74, "order_gap_days": 21.2},
            "No order for 74 days; usually every 21",
        ),
        (
            "order_gap_ratio",
            {"days_since_last_order": 4, "order_gap_days": 1.1},
            "No order for 4 days; usually every day",
        ),
        ("days_since_last_order", {"days_since_last_order": 20, "order_gap_days": 21}, None),
        ("days_since_last_order", {"days_since_last_order": 21, "order_gap_days": 20.6}, None),
        (
            "days_since_last_order",
            {"days_since_last_order": 1, "orders_lifetime": 1},
            "Only one order so far, 1 day ago",
        ),
        (
            "revenue_trend_90d",
            {"revenue_90d": 540, "revenue_prior_90d": 1000},
            "Spend down 46% against the 90 days before",
        ),
        ("revenue_trend_90d", {"revenue_90d": 990, "revenue_prior_90d": 1000}, None),
        ("revenue_trend_90d", {"revenue_90d": 1200, "revenue_prior_90d": 1000}, None),
        (
            "revenue_90d",
            {"revenue_90d": 0, "revenue_prior_90d": 1200},
            "No spend in 90 days; 1,200 EUR in the 90 days before",
        ),
        ("open_tickets", {"open_tickets": 2, "oldest_open_ticket_days": 9}, "2 tickets open, the oldest for 9 days"),
        ("open_tickets", {"open_tickets": 1, "oldest_open_ticket_days": 1}, "1 ticket open for 1 day"),
        ("open_tickets", {"open_tickets": 0}, None),
        ("overdue_invoices", {"overdue_invoices": 1, "days_overdue_max": 18}, "Invoice overdue by 18 days"),
        ("overdue_amount", {"overdue_invoices": 3, "days_overdue_max": 1}, "3 invoices overdue, the oldest by 1 day"),
        ("overdue_invoices", {"overdue_invoices": 0, "days_overdue_max": 0, "overdue_amount": 0}, None),
        (
            "complaints_90d",
            {"complaints_90d": 3, "complaints_prior_90d": 1},
            "3 complaints in 90 days; 1 in the 90 days before",
        ),
        ("complaints_90d", {"complaints_90d": 1, "complaints_prior_90d": 4}, "1 complaint in 90 days"),
        ("complaints_prior_90d", {"complaints_90d": 0, "complaints_prior_90d": 4}, None),
        ("orders_trend_90d", {"orders_90d": 2, "orders_180d": 10}, "2 orders in 90 days; 8 in the 90 days before"),
        ("orders_trend_90d", {"orders_90d": 5, "orders_180d": 10}, None),
        (
            "orders_180d",
            {"orders_180d": 3, "orders_365d": 20, "tenure_days": 500},
            "3 orders in 180 days; at the pace of the year it would be 9.9",
        ),
        ("orders_180d", {"orders_180d": 3, "orders_365d": 20, "tenure_days": 200}, None),
        (
            "usage_trend_30d",
            {"usage_days_30d": 6, "usage_days_prior_30d": 14},
            "Used on 6 days of the last 30; 14 of the 30 before",
        ),
        ("usage_trend_30d", {"usage_days_30d": 0}, "No use of the product in 30 days"),
        (
            "active_users_7d",
            {"active_users_7d": 2.1, "active_users_56d": 4},
            "2.1 active users a day this week; usually 4",
        ),
        (
            "marketing_responses_90d",
            {"marketing_sent_90d": 5, "marketing_responses_90d": 0},
            "No response to 5 marketing messages in 90 days",
        ),
        ("marketing_responses_90d", {"marketing_sent_90d": 5, "marketing_responses_90d": 1}, None),
        ("days_to_renewal", {"days_to_renewal": 25}, "Renewal in 25 days"),
        ("days_to_renewal", {"days_to_renewal": -3}, None),
        ("payment_delay_days_365d", {"payment_delay_days_365d": 11.6}, "Paid 12 days late on average over 365 days"),
        ("payment_delay_days_365d", {"payment_delay_days_365d": -4}, None),
        ("satisfaction_180d", {"satisfaction_180d": 2.3}, "Rated our service 2.3 of 5 over 180 days"),
        ("satisfaction_180d", {"satisfaction_180d": 4.2}, None),
        (
            "discount_share_90d",
            {"discount_share_90d": 0.18, "discount_share_365d": 0.09},
            "Discounts are 18% of spend in 90 days; 9% over the year",
        ),
        ("has_subscription", {"has_subscription": 0}, "No running subscription"),
        ("has_subscription", {"has_subscription": 1}, None),
        ("returns_90d", {"returns_90d": 2}, "2 returns in 90 days"),
        (
            "text_sentiment_change",
            {"text_sentiment_90d": -0.42, "text_sentiment_change": -0.7},
            "Tone of what they wrote -0.4 in 90 days; +0.3 in the year before",
        ),
        ("text_sentiment_change", {"text_sentiment_90d": 0.3, "text_sentiment_change": -0.05}, None),
        (
            "text_sentiment_90d",
            {"text_sentiment_90d": -0.42},
            "Tone of what they wrote in 90 days: -0.4 on a scale of -1 to +1",
        ),
        ("competitor_mentions_90d", {"competitor_mentions_90d": 1}, "1 text that names a competitor in 90 days"),
        ("competitor_mentions_90d", {"competitor_mentions_90d": 2}, "2 texts that name a competitor in 90 days"),
        (
            "discount_requests_90d",
            {"discount_requests_90d": 3, "discount_requests_prior_90d": 0},
            "3 requests for a discount in 90 days; none in the 90 days before",
        ),
        ("discount_requests_prior_90d", {"discount_requests_90d": 0, "discount_requests_prior_90d": 3}, None),
        ("nps_latest", {"nps_latest": 3, "nps_age_days": 12}, "Would recommend us with 3 of 10, 12 days ago"),
        ("nps_latest", {"nps_latest": 7, "nps_age_days": 12}, None),
        (
            "marketing_open_trend_90d",
            {
                "marketing_sent_90d": 10,
                "marketing_opened_90d": 1,
                "marketing_sent_prior_90d": 8,
                "marketing_opened_prior_90d": 4,
            },
            "Opened 10% of our messages in 90 days; 50% in the 90 days before",
        ),
        (
            "attendances_180d",
            {"attendances_180d": 0, "attendances_prior_180d": 2},
            "No event attended in 180 days; 2 in the 180 days before",
        ),
        (
            "survey_answer_share_180d",
            {"survey_answer_share_180d": 0.25, "survey_answer_share_prior_180d": 0.8},
            "Rated 25% of solved tickets in 180 days; 80% in the 180 days before",
        ),
        (
            "late_shipments_90d",
            {"late_shipments_90d": 2, "late_shipment_share_90d": 0.5},
            "2 late shipments in 90 days, 50% of those promised",
        ),
        ("credit_used_share", {"credit_used_share": 0.93}, "93% of the credit limit used"),
        ("credit_used_share", {"credit_used_share": 0.6}, None),
        ("stockouts_30d", {"stockouts_30d": 1}, "1 article that they buy regularly out of stock in 30 days"),
        ("opportunities_lost_180d", {"opportunities_lost_180d": 2}, "2 deals lost in 180 days"),
        (
            "orders_year_trend_90d",
            {"orders_90d": 2, "orders_last_year_90d": 9},
            "2 orders in 90 days; 9 in the same 90 days a year ago",
        ),
        ("orders_year_trend_90d", {"orders_90d": 9, "orders_last_year_90d": 9}, None),
        ("orders_last_year_90d", {"orders_90d": 0}, None),
        (
            "revenue_year_trend_90d",
            {"revenue_90d": 400, "revenue_last_year_90d": 1000},
            "Spend down 60% against the same 90 days a year ago",
        ),
        # As much as in the same season: whatever the 90 days before were.
        (
            "revenue_year_trend_90d",
            {"revenue_90d": 400, "revenue_prior_90d": 9000, "revenue_last_year_90d": 400},
            None,
        ),
        (
            "interactions_30d",
            {"interactions_30d": 0, "interactions_365d": 24},
            "No contact in 30 days; at the pace of the year it would be 2",
        ),
        (
            "usage_days_7d",
            {"usage_days_7d": 1, "usage_days_90d": 60},
            "Used on 1 day of the last 7; at the pace of 90 days it would be 4.7",
        ),
        (
            "payment_delay_days_90d",
            {"payment_delay_days_90d": 12, "payment_delay_days_365d": 3},
            "Paid 12 days late on average over 90 days; over the year 3",
        ),
        ("payment_delay_days_90d", {"payment_delay_days_90d": 3, "payment_delay_days_365d": 3}, None),
        ("owner_changes_180d", {"owner_changes_180d": 2}, "2 changes of account manager in 180 days"),
        ("tickets_reopened_180d", {"tickets_reopened_180d": 1}, "1 ticket opened again in 180 days"),
        (
            "discount_contacts_90d",
            {"discount_contacts_90d": 3, "discount_contacts_prior_90d": 1},
            "3 contacts that asked for a discount in 90 days; 1 in the 90 days before",
        ),
        (
            "marketing_opened_365d",
            {
                "marketing_sent_90d": 10,
                "marketing_opened_90d": 1,
                "marketing_sent_365d": 40,
                "marketing_opened_365d": 20,
            },
            "Opened 10% of our messages in 90 days; 50% over the year",
        ),
        ("late_shipment_share_365d", {"late_shipment_share_365d": 0.12}, "12% of shipments late over 365 days"),
    ],
)
def test_wording_follows_the_values(feature, values, text):
    assert _say(feature, **values) == text


def test_silence_of_a_weekly_and_a_yearly_buyer_is_judged_by_their_own_rhythm():
    assert _say("days_since_last_order", days_since_last_order=40, order_gap_days=7) is not None
    assert _say("days_since_last_order", days_since_last_order=40, order_gap_days=365) is None


def test_the_typical_customer_is_named_only_where_this_one_has_less():
    typical = {"products_90d": 12.0}
    expected = "Different products bought in 90 days: 3; the typical customer buys 12"
    assert _say("products_90d", typical, products_90d=3) == expected
    assert _say("products_90d", typical, products_90d=12) is None
    assert _say("products_90d", typical, products_90d=13) is None
    assert _say("products_90d", {}, products_90d=3) is None


def test_nothing_is_said_of_a_customer_of_whom_nothing_is_known():
    said = {feature.name: feature.say(_facts(dict.fromkeys(NAMES, 5.0))) for feature in FEATURES}
    assert said == dict.fromkeys(NAMES)


def test_numbers_read_as_people_write_them():
    assert [number(x) for x in (0, 2.0, 2.34, 9.96, 10.4, 1234.5)] == ["0", "2", "2.3", "10", "10", "1,234"]
    assert count(1, "day") == "1 day"
    assert count(1.02, "day") == "1 day"
    assert count(2, "reply", "replies") == "2 replies"


def _n(text: str) -> float:
    return float(text.replace(",", ""))


Claim = Callable[[tuple[str, ...], dict[str, float]], bool]

# What each wording claims, checked against the row by arithmetic of its own.
CLAIMS: dict[str, Claim] = {
    r"No order for (\d+) days?; usually every (\d+|day)": lambda m, row: (
        abs(row["days_since_last_order"] - _n(m[0])) <= 0.5
        and row["days_since_last_order"] > row["order_gap_days"]
        and abs(row["order_gap_days"] - (1 if m[1] == "day" else _n(m[1]))) <= 0.5
    ),
    r"Only one order so far, (\d+) days? ago": lambda m, row: row["orders_lifetime"] == 1,
    r"No order in the last (\d+) days": lambda m, row: row[f"orders_{m[0]}d"] == 0,
    r"(No order|[\d.,]+ orders?) in 90 days; ([\d.,]+) in the 90 days before": lambda m, row: (
        row["orders_90d"] < row["orders_180d"] - row["orders_90d"]
    ),
    r"([\d.,]+) orders? in (\d+) days; at the pace of the year it would be ([\d.,]+)": lambda m, row: (
        row[f"orders_{m[1]}d"] < row["orders_365d"] * int(m[1]) / 365 and row["tenure_days"] >= 365
    ),
    r"Spend down (\d+)% against the 90 days before": lambda m, row: (
        abs(100 * (1 - row["revenue_90d"] / row["revenue_prior_90d"]) - int(m[0])) <= 0.51 and 5 <= int(m[0]) < 100
    ),
    r"No spend in 90 days; [\d.,]+ EUR in the 90 days before": lambda m, row: (
        row["revenue_90d"] <= 0 < row["revenue_prior_90d"]
    ),
    r"Discounts are (\d+)% of spend in 90 days; (\d+)% over the year": lambda m, row: (
        row["discount_share_90d"] > row["discount_share_365d"] and int(m[0]) > int(m[1])
    ),
    r"([\d.,]+) returns? in 90 days": lambda m, row: row["returns_90d"] > 0,
    r"Goods worth ([\d.,]+) EUR returned in 90 days": lambda m, row: row["return_amount_90d"] > 0,
    r"Returns are (\d+)% of spend over 365 days": lambda m, row: row["return_share_365d"] >= 0.005,
    r"1 ticket open(?: for (\d+) days?)?": lambda m, row: round(row["open_tickets"]) == 1,
    r"([\d.,]+) tickets? open(?:, the oldest for (\d+) days?)?": lambda m, row: row["open_tickets"] > 0,
    r"([\d.,]+) tickets? in (\d+) days": lambda m, row: row[f"tickets_{m[1]}d"] > 0,
    r"([\d.,]+) complaints? in 90 days; (none|[\d.,]+) in the 90 days before": lambda m, row: (
        row["complaints_90d"] > row["complaints_prior_90d"]
    ),
    r"([\d.,]+) complaints? in (\d+) days": lambda m, row: row[f"complaints_{m[1]}d"] > 0,
    r"Rated our service ([\d.]+) of 5 over 180 days": lambda m, row: row["satisfaction_180d"] < 3.5,
    r"No contact for (\d+) days?": lambda m, row: abs(row["days_since_last_interaction"] - int(m[0])) <= 0.5,
    r"No contact in the last 90 days": lambda m, row: row["interactions_90d"] == 0,
    r"No response to marketing in 90 days; nothing was sent either": lambda m, row: (
        row["marketing_sent_90d"] == 0 and row["marketing_responses_90d"] == 0
    ),
    r"No response to ([\d.,]+) marketing messages? in 90 days": lambda m, row: row["marketing_responses_90d"] == 0,
    r"([\d.,]+) marketing messages? in 90 days, none opened": lambda m, row: row["marketing_opened_90d"] == 0,
    r"No use of the product in 30 days": lambda m, row: row["usage_days_30d"] == 0,
    r"Used on ([\d.,]+) days? of the last 30; ([\d.,]+) of the 30 before": lambda m, row: (
        row["usage_days_30d"] < row["usage_days_prior_30d"]
    ),
    r"([\d.,]+) active users a day this week; usually ([\d.,]+)": lambda m, row: (
        row["active_users_7d"] < row["active_users_56d"]
    ),
    r"Product not used for (\d+) days": lambda m, row: abs(row["days_since_last_usage"] - int(m[0])) <= 0.5,
    r"Invoice overdue by (\d+) days?": lambda m, row: row["overdue_invoices"] == 1 and row["days_overdue_max"] >= 0.5,
    r"([\d.,]+) invoices? overdue, the oldest by (\d+) days?": lambda m, row: row["overdue_invoices"] > 1,
    r"([\d.,]+) EUR overdue": lambda m, row: row["overdue_amount"] > 0,
    r"Paid (\d+) days? late on average over 365 days": lambda m, row: row["payment_delay_days_365d"] >= 0.5,
    r"([\d.,]+) disputed invoices? in 180 days": lambda m, row: row["disputes_180d"] > 0,
    r"No running subscription": lambda m, row: row["has_subscription"] == 0,
    r"Renewal in (\d+) days?": lambda m, row: abs(row["days_to_renewal"] - int(m[0])) <= 0.5,
    r"Renewal is due today": lambda m, row: row["days_to_renewal"] <= 0.5,
    r"([\d.,]+) subscriptions? ended in 180 days": lambda m, row: row["subscriptions_ended_180d"] > 0,
    r"Opened (\d+)% of our messages in 90 days; (\d+)% in the 90 days before": lambda m, row: (
        row["marketing_opened_90d"] / row["marketing_sent_90d"]
        < row["marketing_opened_prior_90d"] / row["marketing_sent_prior_90d"]
    ),
    r"(No|[\d.,]+) events? attended in 180 days; ([\d.,]+) in the 180 days before": lambda m, row: (
        row["attendances_180d"] < row["attendances_prior_180d"]
    ),
    r"Would recommend us with ([\d.]+) of 10(, \d+ days? ago)?": lambda m, row: row["nps_latest"] <= 6,
    r"([\d.,]+) bad reviews? in 90 days": lambda m, row: row["negative_reviews_90d"] > 0,
    r"([\d.,]+) articles? that they buy regularly out of stock in 30 days": lambda m, row: row["stockouts_30d"] > 0,
    r"([\d.,]+) late shipments? in 90 days(, \d+% of those promised)?": lambda m, row: row["late_shipments_90d"] > 0,
    r"(\d+)% of the credit limit used": lambda m, row: row["credit_used_share"] >= 0.795,
    r"No open deal": lambda m, row: row["open_opportunities"] == 0,
    r"([\d.,]+) deals? lost in 180 days": lambda m, row: row["opportunities_lost_180d"] > 0,
    r"Rated (\d+)% of solved tickets in 180 days; (\d+)% in the 180 days before": lambda m, row: (
        row["survey_answer_share_180d"] < row["survey_answer_share_prior_180d"]
    ),
    r"Tone of what they wrote ([-+.\d]+) in 90 days; ([-+.\d]+) in the year before": lambda m, row: (
        row["text_sentiment_change"] < 0
    ),
    r"([\d.,]+) discontent texts? in 90 days": lambda m, row: row["negative_texts_90d"] > 0,
    r"([\d.,]+) discontent posts? in 90 days": lambda m, row: row["negative_posts_90d"] > 0,
    r"([\d.,]+) topics? of complaint in what they wrote in 90 days": lambda m, row: row["complaint_topics_90d"] > 0,
    r"([\d.,]+) texts? that names? a competitor in 90 days": lambda m, row: row["competitor_mentions_90d"] > 0,
    r"([\d.,]+) requests? for a discount in 90 days; (none|[\d.,]+) in the 90 days before": lambda m, row: (
        row["discount_requests_90d"] > row["discount_requests_prior_90d"]
    ),
    r"([\d.,]+) requests? for a discount in 90 days": lambda m, row: row["discount_requests_90d"] > 0,
}
CLAIMS |= {
    r"(No order|[\d.,]+ orders?) in 90 days; ([\d.,]+) in the same 90 days a year ago": lambda m, row: (
        row["orders_90d"] < row["orders_last_year_90d"]
    ),
    r"Spend down (\d+)% against the same 90 days a year ago": lambda m, row: (
        abs(100 * (1 - row["revenue_90d"] / row["revenue_last_year_90d"]) - int(m[0])) <= 0.51
    ),
    r"No spend in 90 days; [\d.,]+ EUR in the same 90 days a year ago": lambda m, row: (
        row["revenue_90d"] <= 0 < row["revenue_last_year_90d"]
    ),
    r"([\d.,]+) returns? in (\d+) days": lambda m, row: row[f"returns_{m[1]}d"] > 0,
    r"(No contact|[\d.,]+ contacts?) in 30 days; at the pace of the year it would be ([\d.,]+)": lambda m, row: (
        row["interactions_30d"] < row["interactions_365d"] * 30 / 365
    ),
    r"Used on ([\d.,]+) days? of the last 7; at the pace of 90 days it would be ([\d.,]+)": lambda m, row: (
        row["usage_days_7d"] < row["usage_days_90d"] * 7 / 90
    ),
    r"Paid (\d+) days? late on average over 90 days(; over the year (in time|[\d.,]+))?": lambda m, row: (
        row["payment_delay_days_90d"] >= 0.5
        and (not m[1] or row["payment_delay_days_90d"] > row["payment_delay_days_365d"])
    ),
    r"Opened (\d+)% of our messages in 90 days; (\d+)% over the year": lambda m, row: (
        row["marketing_opened_90d"] / row["marketing_sent_90d"]
        < row["marketing_opened_365d"] / row["marketing_sent_365d"]
    ),
    r"(\d+)% of shipments late over 365 days": lambda m, row: row["late_shipment_share_365d"] >= 0.005,
    r"([\d.,]+) articles? that they buy regularly out of stock in 90 days": lambda m, row: row["stockouts_90d"] > 0,
    r"([\d.,]+) tickets? opened again in 180 days": lambda m, row: row["tickets_reopened_180d"] > 0,
    r"([\d.,]+) changes? of account manager in 180 days": lambda m, row: row["owner_changes_180d"] > 0,
    r"([\d.,]+) disputed invoices? in 365 days": lambda m, row: row["disputes_365d"] > 0,
    r"([\d.,]+) bad reviews? in 365 days": lambda m, row: row["negative_reviews_365d"] > 0,
    r"([\d.,]+) contacts? that asked for a discount in 90 days; (none|[\d.,]+) in the 90 days before": (
        lambda m, row: row["discount_contacts_90d"] > row["discount_contacts_prior_90d"]
    ),
    r"([\d.,]+) contacts? that asked for a discount in 90 days": lambda m, row: row["discount_contacts_90d"] > 0,
}
AGAINST_TYPICAL = re.compile(r".+; the typical customer('s)? .+")
VALUES = st.one_of(
    st.just(float("nan")), st.integers(0, 3).map(float), st.floats(0, 400).map(lambda x: round(x, 2)), st.just(0.0)
)


@settings(max_examples=400)
@given(
    row=st.lists(VALUES, min_size=len(COLUMNS), max_size=len(COLUMNS)),
    typical=st.sampled_from([{}, dict.fromkeys(COLUMNS, 2.0)]),
)
def test_whatever_is_said_is_true(row, typical):
    facts, by_name = Facts(row, INDEX, typical, "EUR"), dict(zip(COLUMNS, row, strict=True))
    for feature in (*FEATURES, *HELD_BACK):
        statement = feature.say(facts)
        if statement is None:
            continue
        assert "nan" not in statement.text
        assert statement.value == statement.value
        if AGAINST_TYPICAL.fullmatch(statement.text):
            assert typical
            assert statement.baseline == typical[feature.name]
            assert statement.value in row
            assert statement.value != statement.baseline
            continue
        claims = [
            (found.groups(), claim) for text, claim in CLAIMS.items() if (found := re.fullmatch(text, statement.text))
        ]
        assert claims, f"no check knows the sentence {statement.text!r}"
        assert all(claim(groups, by_name) for groups, claim in claims), statement.text
