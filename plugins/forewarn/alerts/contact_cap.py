"""How often people are told about one customer, over all channels, routes and cases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from psycopg2 import extensions

from forewarn.alerts.case_store import Draft
from forewarn.alerts.levels import rank
from forewarn.config.contact import ContactCap

# A day on which anybody was told of any case of the customer counts once.
_TOLD = (
    "select c.customer_id, array_agg(distinct (o.payload ->> 'as_of_date')::date) from alerts.outbox as o"
    ' join alerts."case" as c using (case_id)'
    " where o.kind = 'case' and o.state not in ('dead', 'expired', 'suppressed') and c.customer_id = any(%s)"
    " group by 1"
)


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
