"""What a case says about its customer, read in two queries for all customers of a date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from psycopg2 import extensions

from forewarn.alerts.content import Past
from forewarn.alerts.recipients import Owner

# A quarter and the week before it: enough to see a trend, few enough to tell the weeks apart in a small picture.
HISTORY_WEEKS = 13


@dataclass(frozen=True)
class Facts:
    """One customer on one date; None where the warehouse does not know."""

    name: str
    owner_id: str | None
    owner_name: str | None
    owner_email: str | None
    owner_locale: str | None
    owner_time_zone: str | None
    contact_name: str | None
    probability: float | None
    threshold: float | None
    model: str | None
    score_reasons: list[dict[str, Any]]
    value_at_stake: float
    renewal_on: date | None
    last_order_on: date | None
    last_contact_on: date | None
    overdue_amount: float | None
    history: list[Past]

    @property
    def owner(self) -> Owner:
        """The account manager, as routing wants to know them."""
        return Owner(self.owner_name, self.owner_email, self.owner_locale, self.owner_time_zone)


def read_facts(
    cursor: extensions.cursor, customers: Sequence[str], *, as_of_date: date, definition: str
) -> dict[str, Facts]:
    """Return the facts of customers by their id; one without a name is called by its number."""
    histories = _histories(cursor, customers, as_of_date, definition)
    cursor.execute(
        """
        select k.customer_id, coalesce(d.name, x.called, k.customer_id),
            d.owner_id, d.owner_name, d.owner_email, d.owner_locale, d.owner_time_zone,
            d.contact_name, s.probability, s.threshold, s.model_name || ' v' || s.model_version,
            coalesce(s.reasons, '[]'), coalesce(c.value_at_stake_year, 0)::float8, f.days_to_renewal,
            f.days_since_last_order, f.days_since_last_interaction, f.overdue_amount::float8
        from unnest(%(customers)s::text[]) as k (customer_id)
        left join marts.dim_customers as d on d.customer_id = k.customer_id
        left join (
            select customer_id, min(account_id || ' (' || source || ')') as called
            from marts.customer_crosswalk where customer_id = any(%(customers)s) group by customer_id
        ) as x on x.customer_id = k.customer_id
        left join marts.churn_features as f on f.customer_id = k.customer_id and f.as_of_date = %(as_of_date)s
        left join marts.customer_360 as c on c.customer_id = k.customer_id
        left join ml.score as s
            on s.customer_id = k.customer_id and s.as_of_date = %(as_of_date)s and s.definition = %(definition)s
        """,
        {"as_of_date": as_of_date, "definition": definition, "customers": list(customers)},
    )
    facts = {}
    for row in cursor.fetchall():
        customer_id, *known, renewal, ordered, contacted, overdue = row
        facts[customer_id] = Facts(
            *known,
            **{
                "renewal_on": _shifted(as_of_date, renewal),
                "last_order_on": _shifted(as_of_date, ordered, back=True),
                "last_contact_on": _shifted(as_of_date, contacted, back=True),
                "overdue_amount": overdue,
                "history": histories.get(customer_id, []),
            },
        )
    return facts


def _shifted(day: date, days: float | None, *, back: bool = False) -> date | None:
    if days is None or not abs(days) < 36_500:
        return None
    # Something 3.2 days before midnight happened on the fourth day back; 41.5 days ahead is on the 41st.
    whole = -int(-days // 1) if back else int(days // 1)
    return day - timedelta(days=whole) if back else day + timedelta(days=whole)


def _histories(
    cursor: extensions.cursor, customers: Sequence[str], as_of_date: date, definition: str
) -> dict[str, list[Past]]:
    """Return up to a quarter of scores, the latest of each week counted back from the date, oldest first."""
    cursor.execute(
        """
        select distinct on (customer_id, (%(as_of_date)s - as_of_date) / 7) customer_id, as_of_date, probability
        from ml.score
        where customer_id = any(%(customers)s) and definition = %(definition)s
          and as_of_date between %(as_of_date)s - %(days)s and %(as_of_date)s
        order by customer_id, (%(as_of_date)s - as_of_date) / 7 desc, as_of_date desc
        """,
        {
            "as_of_date": as_of_date,
            "definition": definition,
            "customers": list(customers),
            "days": HISTORY_WEEKS * 7 - 1,
        },
    )
    histories: dict[str, list[Past]] = {}
    for customer_id, day, probability in cursor.fetchall():
        histories.setdefault(customer_id, []).append(Past(as_of_date=day, probability=probability))
    return histories
