"""How often a customer is contacted: how often people are told about one, and how soon after the last contact."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from psycopg2 import extensions

from forewarn.alerts.case_store import Draft
from forewarn.alerts.levels import Route, rank
from forewarn.config.contact import ContactCap

# A day on which anybody was told of any case of the customer counts once.
_TOLD = (
    "select c.customer_id, array_agg(distinct (o.payload ->> 'as_of_date')::date) from alerts.outbox as o"
    ' join alerts."case" as c using (case_id)'
    " where o.kind = 'case' and o.state not in ('dead', 'expired', 'suppressed') and c.customer_id = any(%s)"
    " group by 1"
)


# Contacts that somebody wrote down: an answer to a case that still stands, or a task that was done.
_CONTACTED = """
select customer_id, max(day) from (
    select c.customer_id, e.as_of_date as day
    from alerts.case_event as e
    join alerts."case" as c using (case_id)
    where e.kind = 'started' and not exists (
        select from alerts.case_event as b
        where b.case_id = e.case_id and b.kind = 'taken_back' and (b.detail ->> 'event_id')::bigint = e.event_id
    )
    union all
    select customer_id, (ended_at at time zone 'UTC')::date from alerts.task where state = 'done'
) as contact
where customer_id = any(%(customers)s) and day <= %(as_of_date)s
group by customer_id
"""


def contacted(cursor: extensions.cursor, customers: Sequence[str], *, as_of_date: date) -> dict[str, date]:
    """Return the day on which somebody last contacted each customer, of those who were."""
    cursor.execute(_CONTACTED, {"customers": list(customers), "as_of_date": as_of_date})
    return dict(cursor.fetchall())


def too_soon(last: date | None, every_days: int | None, *, as_of_date: date) -> str:
    """Return why a playbook's touch frequency lets nobody contact a customer yet; empty where it does."""
    if last is None or every_days is None or as_of_date >= last + timedelta(days=every_days):
        return ""
    return f"contacted on {last}, and the playbook leaves {every_days} days between two contacts"


def resting(
    cursor: extensions.cursor, wanted: Sequence[tuple[Draft, list[Route]]], *, as_of_date: date
) -> dict[str, dict[Route, str]]:
    """Return by customer the routes whose playbook leaves them in peace for now, and why.

    A rise to high is told all the same.
    """
    last = contacted(cursor, [draft.customer_id for draft, _ in wanted], as_of_date=as_of_date)
    return {
        draft.customer_id: {
            route: why
            for route in routes
            if (why := too_soon(last[draft.customer_id], draft.steps[route].contact_every_days, as_of_date=as_of_date))
        }
        for draft, routes in wanted
        if draft.customer_id in last and not _rises_to_high(draft)
    }


def capped(
    cursor: extensions.cursor, drafts: Sequence[Draft], cap: ContactCap | None, *, as_of_date: date
) -> dict[str, str]:
    """Return the customers about whom people have been told as often as they may be, each with that as a sentence.

    A rise to high is told whatever the cap says.
    """
    asked = [draft.customer_id for draft in drafts if not _rises_to_high(draft)]
    if cap is None or not asked:
        return {}
    cursor.execute("select customer_id, segment from marts.dim_customers where customer_id = any(%s)", [asked])
    tiers = dict(cursor.fetchall())
    cursor.execute(_TOLD, [asked])
    told = dict(cursor.fetchall())
    found = {}
    for customer in asked:
        allowed = cap.of(tiers.get(customer))
        times = sum((as_of_date - day).days < allowed.days for day in told.get(customer, ()))
        if times >= allowed.times:
            of_tier = f" of tier {tiers[customer]}" if tiers.get(customer) in cap.tiers else ""
            found[customer] = (
                f"people were told about the customer {times} times in {allowed.days} days,"
                f" and {allowed.times} is what alerts.contact_cap allows{of_tier}"
            )
    return found


def _rises_to_high(draft: Draft) -> bool:
    before = draft.known.level if draft.known is not None else draft.plan.level
    return draft.plan.level == "high" and rank(before) < rank("high")
