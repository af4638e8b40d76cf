"""The records behind a feature of `marts.churn_features`: which rows of which source it was computed from.

They are read back from the event spine and the entities beside it, with the conditions of the mart: only what was known
before the date. A record is named, never its content.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from psycopg2 import extensions

MOST = 20

# What each relation is read as: customer_id, entity, source, record_id, day, known_day, and what conditions name.
_EVENTS = (
    "select customer_id, entity, source, source_record_id as record_id, day, known_day, kind, quantity"
    " from intermediate.int_customer_events"
)
_TEXTS = "select * from intermediate.int_texts"
_TICKETS = (
    "select *, 'ticket' as entity, ticket_id as record_id, opened_on as day, known_on as known_day"
    " from intermediate.int_tickets"
)
_STEPS = (
    "select *, 'ticket' as entity, ticket_id as record_id, known_on as known_day from intermediate.int_ticket_steps"
)
_INVOICES = (
    "select *, 'invoice' as entity, invoice_id as record_id, issued_on as day, known_on as known_day"
    " from intermediate.int_invoices"
)
_TERMS = (
    "select *, 'subscription' as entity, subscription_id as record_id, started_on as day, known_on as known_day"
    " from intermediate.int_subscriptions"
)
_ACCOUNTS = (
    "select identity.customer_id, 'account' as entity, accounts.source, accounts.account_id as record_id,"
    " (accounts.created_at at time zone 'UTC')::date as day,"
    " (accounts.created_at at time zone 'UTC')::date as known_day"
    " from staging.stg_accounts as accounts join intermediate.int_account_identity as identity"
    " on identity.source = accounts.source and identity.account_id = accounts.account_id"
)
# Articles of the last 90 days' stock-outs that the customer buys regularly: in three of the last six times 30 days.
_MISSED = (
    "select items.customer_id, 'product' as entity, items.product_source as source, items.product_id as record_id,"
    " max(missing.day) as day, max(missing.known_on) as known_day from intermediate.int_stockouts as missing"
    " join intermediate.int_order_items as items on items.product_source = missing.product_source"
    " and items.product_id = missing.product_id"
    " and (missing.customer_id is null or missing.customer_id = items.customer_id)"
    " where items.customer_id = any(%(customers)s) and missing.known_on < %(as_of_date)s"
    " and (missing.known_until is null or missing.known_until >= %(as_of_date)s)"
    " and missing.day >= %(as_of_date)s - 90 and items.known_day < %(as_of_date)s"
    " and items.day >= %(as_of_date)s - 180"
    " and (items.cancelled_day is null or items.cancelled_day >= %(as_of_date)s)"
    " group by items.customer_id, items.product_source, items.product_id"
    " having count(distinct floor((%(as_of_date)s - items.day - 1) / 30.0)) >= 3"
)
# Events that tell of the record of another entity.
TELLS_OF = {
    "order_cancellation": "order",
    "shipment_due": "shipment",
    "ticket_rating": "ticket",
    "lead_converted": "lead",
    "opportunity_closed": "opportunity",
}


@dataclass(frozen=True)
class Record:
    """One record of a source, and the UTC day of what it tells."""

    entity: str
    source: str
    record_id: str
    day: date

    def as_dict(self) -> dict[str, str]:
        """Return the JSON form of a signal's evidence."""
        return {
            "entity": self.entity,
            "source": self.source,
            "record_id": self.record_id,
            "day": self.day.isoformat(),
        }


@dataclass(frozen=True)
class Behind:
    """What one feature of one customer rests on.

    Attributes
    ----------
    records : tuple of Record
        Newest first, at most `MOST`. Where none lies in the window, the newest before it: since when nothing came.
    total : int
        How many lie in the window.
    since : date or None
        First day of the window; None where everything counts.
    """

    records: tuple[Record, ...] = ()
    total: int = 0
    since: date | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form that a case keeps."""
        return {
            "since": self.since.isoformat() if self.since else None,
            "total": self.total,
            "records": [record.as_dict() for record in self.records],
        }


@dataclass(frozen=True)
class Trace:
    """Where a feature's records are found: a relation, how many days back, and which of its rows."""

    relation: str
    days: int | None = None
    where: str = "true"


def _events(days: int | None, *kinds: str, where: str = "true") -> Trace:
    names = ", ".join(f"'{kind}'" for kind in kinds)
    return Trace(_EVENTS, days, f"kind in ({names}) and {where}")


def _orders(days: int | None) -> Trace:
    return _events(days, "order", "order_cancellation")


_OF_THE_SEASON = "(day >= %(as_of_date)s - 90 or day < %(as_of_date)s - 365)"
_OPENED = _events(180, "marketing_sent", "marketing_opened")
_RESPONSES = ("marketing_clicked", "marketing_attended", "marketing_redeemed")
_ATTENDED = _events(360, "marketing_attended")
_COMPLAINTS = _events(180, "complaint")
_OPEN_TICKETS = Trace(_TICKETS, None, "closed_on is null or closed_on >= %(as_of_date)s")
_SOLVED = Trace(_TICKETS, None, "closed_on < %(as_of_date)s and closed_on >= %(as_of_date)s - 360")
_UNPAID = "(settled_on is null or settled_on >= %(as_of_date)s)"
_OVERDUE = Trace(_INVOICES, None, f"due_on < %(as_of_date)s and {_UNPAID}")
_CONTACTS = ("interaction", "discount_request")
_USAGE = _events(60, "usage")
_LATE = _events(90, "shipment_due", where="coalesce(quantity, 1) > 0")
_OPEN_DEALS = (
    "not exists (select from intermediate.int_customer_events as closed where closed.entity = 'opportunity_closed'"
    " and closed.source = found.source and closed.source_record_id = found.record_id"
    " and closed.known_day < %(as_of_date)s)"
)
_ASKED = Trace(_TEXTS, 180, "asks_discount")
_ENDED = Trace(_TERMS, None, "ended_on >= %(as_of_date)s - 180 and ended_on < %(as_of_date)s")

TRACES: dict[str, Trace] = {
    "tenure_days": Trace(_ACCOUNTS),
    **dict.fromkeys(
        (
            "orders_lifetime",
            "days_since_last_order",
            "full_months_since_last_order",
            "order_gap_days",
            "order_gap_sd_days",
            "order_gap_ratio",
        ),
        _orders(None),
    ),
    **{f"orders_{days}d": _orders(days) for days in (7, 30, 180, 365)},
    **{f"revenue_{days}d": _orders(days) for days in (180, 365)},
    # The last 90 days, and the same ones a year before.
    **dict.fromkeys(
        ("orders_last_year_90d", "orders_year_trend_90d", "revenue_last_year_90d", "revenue_year_trend_90d"),
        _events(455, "order", "order_cancellation", where=_OF_THE_SEASON),
    ),
    # These compare with the 90 days before, so that the records of both are behind them.
    **dict.fromkeys(
        (
            "orders_90d",
            "orders_trend_90d",
            "revenue_30d",
            "revenue_90d",
            "revenue_prior_90d",
            "revenue_trend_90d",
        ),
        _orders(180),
    ),
    **dict.fromkeys(
        ("average_order_value_365d", "discount_share_90d", "discount_share_365d", "products_365d", "categories_365d"),
        _orders(365),
    ),
    **dict.fromkeys(("products_90d", "categories_90d"), _orders(90)),
    **{f"returns_{days}d": _events(days, "return") for days in (30, 90, 365)},
    "return_amount_90d": _events(90, "return"),
    "return_share_365d": _events(365, "return"),
    **{f"tickets_{days}d": _events(days, "ticket", "complaint") for days in (30, 90, 365)},
    **{f"complaints_{days}d": _events(days, "complaint") for days in (30, 365)},
    **dict.fromkeys(("complaints_90d", "complaints_prior_90d"), _COMPLAINTS),
    **dict.fromkeys(("open_tickets", "oldest_open_ticket_days"), _OPEN_TICKETS),
    "satisfaction_180d": _events(180, "ticket_rating"),
    "tickets_reopened_180d": Trace(_STEPS, 180, "status = 'reopened'"),
    "first_response_hours_180d": Trace(_STEPS, 180, "status <> 'open' and opened_on >= %(as_of_date)s - 180"),
    **{f"interactions_{days}d": _events(days, *_CONTACTS) for days in (30, 90, 365)},
    **dict.fromkeys(("days_since_last_interaction", "full_months_since_last_interaction"), _events(None, *_CONTACTS)),
    **dict.fromkeys(("discount_contacts_90d", "discount_contacts_prior_90d"), _events(180, "discount_request")),
    "owner_changes_180d": _events(180, "owner_assignment"),
    **dict.fromkeys(
        ("marketing_sent_90d", "marketing_opened_90d", "marketing_responses_90d"),
        _events(90, "marketing_sent", "marketing_opened", *_RESPONSES),
    ),
    "marketing_responses_365d": _events(365, "marketing_sent", *_RESPONSES),
    **dict.fromkeys(
        ("marketing_sent_365d", "marketing_opened_365d"), _events(365, "marketing_sent", "marketing_opened")
    ),
    **dict.fromkeys(("marketing_sent_prior_90d", "marketing_opened_prior_90d", "marketing_open_trend_90d"), _OPENED),
    **dict.fromkeys(("attendances_180d", "attendances_prior_180d"), _ATTENDED),
    **dict.fromkeys(
        (
            "usage_days_7d",
            "usage_days_30d",
            "usage_days_prior_30d",
            "usage_trend_30d",
            "usage_depth_30d",
            "active_users_7d",
            "active_users_56d",
        ),
        _USAGE,
    ),
    "usage_days_90d": _events(90, "usage"),
    "days_since_last_usage": _events(None, "usage"),
    **dict.fromkeys(("overdue_invoices", "overdue_amount", "days_overdue_max"), _OVERDUE),
    **{f"payment_delay_days_{days}d": _events(days, "payment") for days in (90, 365)},
    **{f"disputes_{days}d": _events(days, "dispute") for days in (180, 365)},
    **dict.fromkeys(("has_subscription", "mrr", "days_to_renewal", "subscription_tenure_days"), Trace(_TERMS)),
    "subscriptions_ended_180d": _ENDED,
    **dict.fromkeys(("nps_latest", "nps_age_days"), _events(None, "survey_nps")),
    **{f"negative_reviews_{days}d": _events(days, "review", where="quantity <= 2") for days in (90, 365)},
    **{f"stockouts_{days}d": Trace(_MISSED, days) for days in (30, 90)},
    **dict.fromkeys(("late_shipments_90d", "late_shipment_share_90d"), _LATE),
    "late_shipment_share_365d": _events(365, "shipment_due", where="coalesce(quantity, 1) > 0"),
    "credit_used_share": Trace(_INVOICES, None, _UNPAID),
    "open_opportunities": _events(None, "opportunity", where=_OPEN_DEALS),
    "opportunities_won_180d": _events(180, "opportunity_won"),
    "opportunities_lost_180d": _events(180, "opportunity_lost"),
    **dict.fromkeys(("survey_answer_share_180d", "survey_answer_share_prior_180d"), _SOLVED),
    "text_sentiment_90d": Trace(_TEXTS, 90, "sentiment is not null"),
    "text_sentiment_change": Trace(_TEXTS, 455, "sentiment is not null"),
    **dict.fromkeys(("negative_texts_90d", "complaint_topics_90d"), Trace(_TEXTS, 90, "tone = 'negative'")),
    "negative_posts_90d": Trace(_TEXTS, 90, "tone = 'negative' and entity in ('review', 'mention')"),
    "competitor_mentions_90d": Trace(_TEXTS, 90, "competitors > 0"),
    **dict.fromkeys(("discount_requests_90d", "discount_requests_prior_90d"), _ASKED),
}

_QUERY = """
select customer_id, entity, source, record_id, day, total from (
    select once.*, count(*) filter (where inside) over (partition by customer_id) as total,
        row_number() over (partition by customer_id order by day desc, entity, source, record_id) as place
    from (
        select customer_id, entity, source, record_id, max(day) as day, max(day) >= {since} as inside
        from ({relation}) as found
        where customer_id = any(%(customers)s) and known_day < %(as_of_date)s and day < %(as_of_date)s and ({where})
        group by customer_id, entity, source, record_id
    ) as once
) as placed
where place <= {most} and (inside or (total = 0 and place = 1))
order by customer_id, place
"""


@dataclass
class _Found:
    records: list[Record] = field(default_factory=list)
    total: int = 0


def records_behind(
    cursor: extensions.cursor, features: Iterable[str], customers: Sequence[str], as_of_date: date
) -> dict[tuple[str, str], Behind]:
    """Return what features of some customers rest on at a date.

    Returns
    -------
    dict of (str, str) to Behind
        (customer, feature) → its records; every asked pair is there. A customer of whom nothing of the kind was ever
        known has no record: then that absence is what the feature says.

    Raises
    ------
    KeyError
        A name is no feature of `marts.churn_features`.
    """
    result: dict[tuple[str, str], Behind] = {}
    by_trace: dict[Trace, list[str]] = {}
    for feature in dict.fromkeys(features):
        by_trace.setdefault(TRACES[feature], []).append(feature)
    for trace, names in by_trace.items():
        found = _read(cursor, trace, customers, as_of_date)
        since = None if trace.days is None else date.fromordinal(as_of_date.toordinal() - trace.days)
        for customer in customers:
            one = found.get(customer, _Found())
            behind = Behind(tuple(one.records), one.total, since)
            result |= {(customer, name): behind for name in names}
    return result


def statement(trace: Trace) -> str:
    """Return the query of a trace; its parameters are `customers` and `as_of_date`."""
    since = "date '0001-01-01'" if trace.days is None else f"%(as_of_date)s - {trace.days}"
    return _QUERY.format(relation=trace.relation, where=trace.where, since=since, most=MOST)


def _read(cursor: extensions.cursor, trace: Trace, customers: Sequence[str], as_of_date: date) -> dict[str, _Found]:
    cursor.execute(statement(trace), {"customers": list(customers), "as_of_date": as_of_date})
    found: dict[str, _Found] = {}
    for customer, entity, source, record_id, day, total in cursor.fetchall():
        one = found.setdefault(customer, _Found(total=total))
        one.records.append(Record(TELLS_OF.get(entity, entity), source, record_id, day))
    return found
