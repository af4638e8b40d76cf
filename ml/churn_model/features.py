"""The features contract: what the model reads from `marts.churn_features`, and what each column can say in a reason.

One entry per column that it reads, in the order of the model's input. A family groups columns that tell one story:
contributions are summed within it, and a reason speaks for the family once.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from churn_model import sentences as s
from churn_model import voice_sentences as v
from churn_model import window_sentences as w

TABLE = "marts.churn_features"


@dataclass(frozen=True)
class Feature:
    """One column: name, family, unit, and the template of its sentence."""

    name: str
    family: str
    unit: str
    say: s.Template


_TENURE = s.below_typical("tenure_days", "Customer for {value} days", "the typical customer for {typical}")
_LIFETIME = s.first(
    s.silence, s.below_typical("orders_lifetime", "Orders so far: {value}", "the typical customer has placed {typical}")
)
_SLOW = s.above_typical("order_gap_days", "Orders every {value} days", "the typical customer every {typical}")
_IRREGULAR = s.above_typical(
    "order_gap_sd_days", "Gaps between orders vary by {value} days", "the typical customer's by {typical}"
)
_SPEND = s.first(
    s.spend_fell,
    s.below_typical("revenue_365d", "Spent {value} {currency} in 365 days", "the typical customer {typical}"),
)
_BASKET = s.below_typical(
    "average_order_value_365d", "Average order of {value} {currency}", "the typical customer's is {typical}"
)
_RETURNS = s.first(s.some("returns_90d", "return", "in 90 days"), s.return_share)
_COMPLAINTS = s.first(s.complaints_rose, s.some("complaints_90d", "complaint", "in 90 days"))
_TICKETS = s.first(s.open_tickets, s.some("tickets_90d", "ticket", "in 90 days"))
_USAGE = s.first(s.usage_fell, s.not_used)
_MISSING = s.some(
    "stockouts_30d", "article that they buy regularly", "out of stock in 30 days", "articles that they buy regularly"
)
_MISSING_90D = s.some(
    "stockouts_90d", "article that they buy regularly", "out of stock in 90 days", "articles that they buy regularly"
)
_REOPENED = s.some("tickets_reopened_180d", "ticket opened again", "in 180 days", "tickets opened again")
_SLOW_ANSWER = s.above_typical(
    "first_response_hours_180d", "First answer to a ticket after {value} hours", "the typical customer waits {typical}"
)
_NEW_OWNER = s.some("owner_changes_180d", "change of account manager", "in 180 days", "changes of account manager")
_LOST = s.some("opportunities_lost_180d", "deal", "lost in 180 days")
_TONE = s.first(v.tone_fell, v.tone_bad)
_TOPICS = s.some("complaint_topics_90d", "topic of complaint", "in what they wrote in 90 days", "topics of complaint")
_RIVALS = s.some(
    "competitor_mentions_90d", "text that names a competitor", "in 90 days", "texts that name a competitor"
)
_ASKED = v.rose(
    "discount_requests_90d", "discount_requests_prior_90d", "request for a discount", "requests for a discount"
)
_TALKS = v.rose(
    "discount_contacts_90d",
    "discount_contacts_prior_90d",
    "contact that asked for a discount",
    "contacts that asked for a discount",
)
_OVERDUE = s.first(s.overdue, s.amount("overdue_amount", "{} overdue"))


def _variety(name: str, noun: str, window: int) -> s.Template:
    return s.below_typical(
        name, f"Different {noun} bought in {window} days: {{value}}", "the typical customer buys {typical}"
    )


FEATURES: tuple[Feature, ...] = (
    Feature("tenure_days", "rhythm", "days", _TENURE),
    Feature("orders_lifetime", "rhythm", "orders", _LIFETIME),
    Feature("orders_7d", "rhythm", "orders", s.silence),
    Feature("orders_30d", "rhythm", "orders", s.first(s.silence, s.orders_in(30))),
    Feature("orders_90d", "rhythm", "orders", s.first(s.orders_fell, s.orders_in(90))),
    Feature("orders_180d", "rhythm", "orders", s.orders_in(180)),
    Feature("orders_365d", "rhythm", "orders", s.orders_in(365)),
    Feature("days_since_last_order", "rhythm", "days", s.silence),
    Feature("full_months_since_last_order", "rhythm", "months", s.silence),
    Feature("order_gap_days", "rhythm", "days", s.first(s.silence, _SLOW)),
    Feature("order_gap_sd_days", "rhythm", "days", s.first(s.silence, _IRREGULAR)),
    Feature("order_gap_ratio", "rhythm", "ratio", s.silence),
    Feature("revenue_30d", "spend", "currency", _SPEND),
    Feature("revenue_90d", "spend", "currency", _SPEND),
    Feature("revenue_180d", "spend", "currency", _SPEND),
    Feature("revenue_365d", "spend", "currency", _SPEND),
    Feature("revenue_prior_90d", "spend", "currency", _SPEND),
    Feature("revenue_trend_90d", "spend", "ratio", s.spend_fell),
    Feature("orders_trend_90d", "rhythm", "ratio", s.orders_fell),
    Feature("average_order_value_365d", "spend", "currency", _BASKET),
    Feature("discount_share_90d", "spend", "share", s.discounts_rose),
    Feature("discount_share_365d", "spend", "share", s.discounts_rose),
    Feature("products_90d", "breadth", "products", _variety("products_90d", "products", 90)),
    Feature("products_365d", "breadth", "products", _variety("products_365d", "products", 365)),
    Feature("categories_90d", "breadth", "categories", _variety("categories_90d", "categories", 90)),
    Feature("categories_365d", "breadth", "categories", _variety("categories_365d", "categories", 365)),
    Feature("returns_90d", "returns", "returns", _RETURNS),
    Feature(
        "return_amount_90d", "returns", "currency", s.amount("return_amount_90d", "Goods worth {} returned in 90 days")
    ),
    Feature("return_share_365d", "returns", "share", s.return_share),
    Feature(
        "tickets_30d", "service", "tickets", s.first(s.open_tickets, s.some("tickets_30d", "ticket", "in 30 days"))
    ),
    Feature("tickets_90d", "service", "tickets", _TICKETS),
    Feature("complaints_30d", "service", "complaints", s.some("complaints_30d", "complaint", "in 30 days")),
    Feature("complaints_90d", "service", "complaints", _COMPLAINTS),
    Feature("complaints_prior_90d", "service", "complaints", _COMPLAINTS),
    Feature("open_tickets", "service", "tickets", s.open_tickets),
    Feature("oldest_open_ticket_days", "service", "days", s.open_tickets),
    Feature("satisfaction_180d", "service", "points of 5", s.dissatisfied),
    Feature("interactions_90d", "contact", "interactions", s.no_contact),
    Feature("days_since_last_interaction", "contact", "days", s.no_contact),
    Feature("full_months_since_last_interaction", "contact", "months", s.no_contact),
    Feature("marketing_sent_90d", "marketing", "messages", s.marketing_ignored),
    Feature("marketing_opened_90d", "marketing", "messages", s.marketing_ignored),
    Feature("marketing_responses_90d", "marketing", "responses", s.marketing_ignored),
    Feature("marketing_responses_365d", "marketing", "responses", s.marketing_ignored),
    Feature("usage_days_30d", "usage", "days", _USAGE),
    Feature("usage_days_prior_30d", "usage", "days", _USAGE),
    Feature("usage_trend_30d", "usage", "ratio", _USAGE),
    Feature("active_users_7d", "usage", "users a day", s.users_fell),
    Feature("active_users_56d", "usage", "users a day", s.users_fell),
    Feature(
        "usage_depth_30d",
        "usage",
        "things a day",
        s.below_typical(
            "usage_depth_30d", "Things done on a day of use: {value}", "the typical customer does {typical}"
        ),
    ),
    Feature("days_since_last_usage", "usage", "days", _USAGE),
    Feature("overdue_invoices", "finance", "invoices", _OVERDUE),
    Feature("overdue_amount", "finance", "currency", _OVERDUE),
    Feature("days_overdue_max", "finance", "days", _OVERDUE),
    Feature("payment_delay_days_365d", "finance", "days", s.pays_late),
    Feature("disputes_180d", "finance", "disputes", s.some("disputes_180d", "disputed invoice", "in 180 days")),
    Feature("has_subscription", "contract", "0 or 1", s.no_subscription),
    Feature(
        "subscription_tenure_days",
        "contract",
        "days",
        s.below_typical(
            "subscription_tenure_days", "Subscribed for {value} days", "the typical customer for {typical}"
        ),
    ),
    Feature(
        "subscriptions_ended_180d",
        "contract",
        "subscriptions",
        s.some("subscriptions_ended_180d", "subscription", "ended in 180 days"),
    ),
    Feature("marketing_sent_prior_90d", "marketing", "messages", v.opens_fell),
    Feature("marketing_opened_prior_90d", "marketing", "messages", v.opens_fell),
    Feature("marketing_open_trend_90d", "marketing", "ratio", v.opens_fell),
    Feature("attendances_180d", "marketing", "events", v.attends_less),
    Feature("attendances_prior_180d", "marketing", "events", v.attends_less),
    Feature("nps_latest", "voice", "points of 10", v.would_not_recommend),
    Feature("nps_age_days", "voice", "days", v.would_not_recommend),
    Feature("negative_reviews_90d", "voice", "reviews", s.some("negative_reviews_90d", "bad review", "in 90 days")),
    Feature("stockouts_30d", "service", "articles", _MISSING),
    Feature("late_shipments_90d", "service", "shipments", v.came_late),
    Feature("late_shipment_share_90d", "service", "share", v.came_late),
    Feature("credit_used_share", "finance", "share", v.credit_used),
    Feature("open_opportunities", "contact", "deals", v.no_deal),
    Feature("opportunities_won_180d", "contact", "deals", v.no_deal),
    Feature("opportunities_lost_180d", "contact", "deals", _LOST),
    Feature("survey_answer_share_180d", "contact", "share", v.answers_less),
    Feature("survey_answer_share_prior_180d", "contact", "share", v.answers_less),
    Feature("text_sentiment_90d", "voice", "-1 to 1", _TONE),
    Feature("text_sentiment_change", "voice", "-2 to 2", _TONE),
    Feature("negative_texts_90d", "voice", "texts", s.some("negative_texts_90d", "discontent text", "in 90 days")),
    Feature("negative_posts_90d", "voice", "posts", s.some("negative_posts_90d", "discontent post", "in 90 days")),
    Feature("complaint_topics_90d", "voice", "topics", _TOPICS),
    Feature("competitor_mentions_90d", "voice", "texts", _RIVALS),
    Feature("discount_requests_90d", "spend", "texts", _ASKED),
    Feature("discount_requests_prior_90d", "spend", "texts", _ASKED),
    Feature("orders_last_year_90d", "rhythm", "orders", w.orders_below_season),
    Feature("orders_year_trend_90d", "rhythm", "ratio", w.orders_below_season),
    Feature("revenue_last_year_90d", "spend", "currency", w.spend_below_season),
    Feature("revenue_year_trend_90d", "spend", "ratio", w.spend_below_season),
    Feature("returns_30d", "returns", "returns", s.some("returns_30d", "return", "in 30 days")),
    Feature("returns_365d", "returns", "returns", s.some("returns_365d", "return", "in 365 days")),
    Feature("tickets_365d", "service", "tickets", s.some("tickets_365d", "ticket", "in 365 days")),
    Feature("complaints_365d", "service", "complaints", s.some("complaints_365d", "complaint", "in 365 days")),
    Feature("tickets_reopened_180d", "service", "tickets", _REOPENED),
    Feature("first_response_hours_180d", "service", "hours", _SLOW_ANSWER),
    Feature("stockouts_90d", "service", "articles", _MISSING_90D),
    Feature("late_shipment_share_365d", "service", "share", w.came_late),
    Feature("interactions_30d", "contact", "interactions", w.contacts_fell),
    Feature("interactions_365d", "contact", "interactions", w.contacts_fell),
    Feature("owner_changes_180d", "contact", "changes", _NEW_OWNER),
    Feature("discount_contacts_90d", "spend", "contacts", _TALKS),
    Feature("discount_contacts_prior_90d", "spend", "contacts", _TALKS),
    Feature("marketing_sent_365d", "marketing", "messages", w.opens_fell),
    Feature("marketing_opened_365d", "marketing", "messages", w.opens_fell),
    Feature("usage_days_7d", "usage", "days", w.use_fell),
    Feature("usage_days_90d", "usage", "days", w.use_fell),
    Feature("payment_delay_days_90d", "finance", "days", w.pays_later),
    Feature("disputes_365d", "finance", "disputes", s.some("disputes_365d", "disputed invoice", "in 365 days")),
    Feature("negative_reviews_365d", "voice", "reviews", s.some("negative_reviews_365d", "bad review", "in 365 days")),
)

# Columns of the mart that the model does not read: known only on the run's own date, they are empty on every date that
# it could learn from, and a price or term read back from today would tell who stayed (decision 0010).
HELD_BACK: tuple[Feature, ...] = (
    Feature(
        "mrr",
        "contract",
        "currency",
        s.below_typical("mrr", "Pays {value} {currency} a month", "the typical customer {typical}"),
    ),
    Feature("days_to_renewal", "contract", "days", s.renewal_near),
)

NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
BY_NAME: dict[str, Feature] = {feature.name: feature for feature in (*FEATURES, *HELD_BACK)}
# Which features, in which order: a model that was fitted to others is trained anew.
CONTRACT = hashlib.sha256(",".join(NAMES).encode()).hexdigest()[:12]
