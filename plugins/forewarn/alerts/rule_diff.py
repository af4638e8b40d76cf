"""What a rule would change: customers that it adds to those of the live version, and those that it drops."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from psycopg2 import extensions

from forewarn.alerts.metrics import declared
from forewarn.alerts.rule_ledger import rules_in
from forewarn.alerts.rule_query import replay_query
from forewarn.alerts.rules import Rule


@dataclass(frozen=True)
class Difference:
    """Customers, by id and name, for whom one version is true on a date and the other is not.

    `live` is the number of the live version, None where there is none; `both` counts those for whom both are true.
    """

    live: int | None
    adds: tuple[tuple[str, str], ...]
    drops: tuple[tuple[str, str], ...]
    both: int


@dataclass(frozen=True)
class ShadowDay:
    """One date of a rule in shadow: for how many it was true, and how many of them no live rule had found."""

    rule_id: str
    version: int
    day: date
    customers: int
    unseen: int


def newest_day(cursor: extensions.cursor) -> date | None:
    """Return the newest date that has features."""
    cursor.execute("select max(as_of_date) from marts.feature_dates")
    found: tuple[date | None] | None = cursor.fetchone()
    return found[0] if found else None


def difference(cursor: extensions.cursor, rule: Rule, *, as_of_date: date) -> Difference:
    """Compare a rule with its live version on a date; nothing is written or sent."""
    live = next((one for one in rules_in(cursor, "live") if one.name == rule.name), None)
    cursor.execute(replay_query([rule, live] if live else [rule], declared()), {"dates": [as_of_date]})
    found = {customer: set(fired) for customer, _, fired in cursor.fetchall()}
    cursor.execute("select customer_id, name from marts.dim_customers where customer_id = any(%s)", [list(found)])
    names = dict(cursor.fetchall())

    def those(wanted: set[int]) -> tuple[tuple[str, str], ...]:
        return tuple((one, names.get(one) or "") for one in sorted(found) if found[one] == wanted)

    both = sum(len(fired) == 2 for fired in found.values())
    return Difference(live.content.version if live else None, those({0}), those({1}), both)


def shadow_days(cursor: extensions.cursor, *, dates: int = 14) -> list[ShadowDay]:
    """Return what rules in shadow found on the newest dates, newest first."""
    cursor.execute(
        """
        select s.rule_id, s.version, s.as_of_date, count(*),
            count(*) filter (where not exists (
                select from alerts.signal as f
                where f.customer_id = s.customer_id and f.as_of_date = s.as_of_date and f.kind = 'rule'
            ))
        from alerts.shadow_signal as s
        where s.as_of_date in (
            select distinct as_of_date from alerts.shadow_signal order by as_of_date desc limit %s
        )
        group by s.rule_id, s.version, s.as_of_date
        order by s.as_of_date desc, s.rule_id
        """,
        [dates],
    )
    return [ShadowDay(*row) for row in cursor.fetchall()]
