"""Hold features against the events behind them: on its date, none may count what became known on it or later.

`marts.churn_features` is made by one query, whose conditions keep the future out. This check reads the event spine by
conditions of its own, so that a mistake in those is seen: a customer's count that is higher than the events known
before the date, and that later ones would explain, knows the future. So does a recency that is younger than the last
event known.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from psycopg2 import extensions, sql

from forewarn.errors import ModelRejected

MOST_CUSTOMERS = 2_000
TOLERATED = 0.02  # a record that was corrected or moved to another customer since leaves such a trace, too
MARKETING = ("marketing_clicked", "marketing_attended", "marketing_redeemed")
# A ticket may have become a complaint since, and an order void.
ORDERS, TICKETS = ("order", "order_void"), ("ticket", "complaint")
CONTACTS = ("interaction", "discount_request")
# Feature → the kinds of events that it counts at most one by one, and the days of its window.
COUNTED: dict[str, tuple[tuple[str, ...], int]] = {
    **{f"orders_{days}d": (ORDERS, days) for days in (7, 30, 90, 180, 365)},
    **{f"returns_{days}d": (("return",), days) for days in (30, 90, 365)},
    **{f"tickets_{days}d": (TICKETS, days) for days in (30, 90, 365)},
    **{f"complaints_{days}d": (TICKETS, days) for days in (30, 90, 365)},
    **{f"interactions_{days}d": (CONTACTS, days) for days in (30, 90, 365)},
    # What a contact was about may have been corrected since.
    "discount_contacts_90d": (CONTACTS, 90),
    "owner_changes_180d": (("owner_assignment",), 180),
    **{f"marketing_sent_{days}d": (("marketing_sent",), days) for days in (90, 365)},
    **{f"marketing_opened_{days}d": (("marketing_opened",), days) for days in (90, 365)},
    **{f"marketing_responses_{days}d": (MARKETING, days) for days in (90, 365)},
    **{f"usage_days_{days}d": (("usage",), days) for days in (7, 30, 90)},
    **{f"disputes_{days}d": (("dispute",), days) for days in (180, 365)},
    "opportunities_won_180d": (("opportunity_won",), 180),
    "opportunities_lost_180d": (("opportunity_lost",), 180),
    **{f"negative_reviews_{days}d": (("review",), days) for days in (90, 365)},
    "late_shipments_90d": (("shipment_due",), 90),
}
RECENT: dict[str, tuple[str, ...]] = {
    "days_since_last_order": ORDERS,
    "days_since_last_interaction": CONTACTS,
    "days_since_last_usage": ("usage",),
}
LONGEST_DAYS = 365


def demand_known(connection: extensions.connection, dates: Sequence[date], customers: int) -> int:
    """Refuse features that count what was not known on their date.

    Parameters
    ----------
    dates : sequence of date
        As-of dates to look at.
    customers : int
        How many there are; of more than `MOST_CUSTOMERS` a share is looked at, chosen by their number.

    Returns
    -------
    int
        Rows that were compared; 0 in a warehouse without the event spine.

    Raises
    ------
    ModelRejected
        Each feature that is ahead of its date is named, with how many rows.
    """
    share = min(10_000, -(-10_000 * MOST_CUSTOMERS // max(customers, 1)))
    names = (*COUNTED, *RECENT)
    counted, ahead, compared = [0] * len(names), [0] * len(names), 0
    with connection.cursor() as cursor:
        for day in dates:
            cursor.execute(_query(day, share))
            rows, *found = cursor.fetchone() or (0,)
            compared += rows
            counted = [before + new for before, new in zip(counted, found[::2], strict=True)]
            ahead = [before + new for before, new in zip(ahead, found[1::2], strict=True)]
    told = [
        f"{name} in {late} of {of} rows"
        for name, of, late in zip(names, counted, ahead, strict=True)
        if late > TOLERATED * of
    ]
    if told:
        raise ModelRejected(
            f"training features of {', '.join(map(str, dates))}",
            expected="nothing that became known on their date or later",
            got=f"{', '.join(told)} ahead of the events known before it",
            next_step="compare the conditions on known_day in marts/churn_features.sql, and known_at of the mappings",
        )
    return compared


def _query(day: date, share: int) -> sql.Composable:
    """Count, of each feature, the rows that have any and those that are ahead."""
    counts, verdicts = [], []
    for name, (kinds, days) in COUNTED.items():
        column, chosen = sql.Identifier(name), _of(kinds)
        before = sql.SQL("coalesce(sum(events) filter (where known and age <= {} and {}), 0)").format(
            sql.Literal(days), chosen
        )
        later = sql.SQL("coalesce(sum(events) filter (where not known and {}), 0)").format(chosen)
        counts += [sql.SQL("{} as {}").format(part, _named(name, end)) for part, end in ((before, ""), (later, "+"))]
        is_ahead = sql.SQL("f.{0} > s.{0} and f.{0} <= s.{0} + s.{1}").format(column, _named(name, "+"))
        verdicts += [sql.SQL("f.{} > 0").format(column), is_ahead]
    for name, kinds in RECENT.items():
        column, chosen = sql.Identifier(name), _of(kinds)
        before = sql.SQL("min(age) filter (where known and {})").format(chosen)
        later = sql.SQL("count(*) filter (where not known and {})").format(chosen)
        counts += [sql.SQL("{} as {}").format(part, _named(name, end)) for part, end in ((before, ""), (later, "+"))]
        is_ahead = sql.SQL("f.{0} < s.{0} and s.{1} > 0").format(column, _named(name, "+"))
        verdicts += [sql.SQL("s.{} is not null").format(column), is_ahead]
    return sql.SQL(
        "with seen as (select customer_id, {counts} from ml.events_around({day}, {days}, {share}) group by customer_id"
        " having count(*) filter (where kind = 'removed') = 0)"
        " select count(*), {verdicts} from marts.churn_features as f join seen as s using (customer_id)"
        " where f.as_of_date = {day}"
    ).format(
        counts=sql.SQL(", ").join(counts),
        verdicts=sql.SQL(", ").join(sql.SQL("count(*) filter (where {})").format(one) for one in verdicts),
        day=sql.Literal(day),
        days=sql.Literal(LONGEST_DAYS),
        share=sql.Literal(share),
    )


def _of(kinds: Sequence[str]) -> sql.Composable:
    return sql.SQL("kind = any({})").format(sql.Literal(list(kinds)))


def _named(name: str, end: str) -> sql.Identifier:
    return sql.Identifier(name + end)
