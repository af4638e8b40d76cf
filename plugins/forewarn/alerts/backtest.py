"""Back-tests: rules replayed on the as-of dates that the warehouse holds, and kept with the rule that they judge."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from psycopg2 import extensions
from psycopg2.extras import Json, execute_values

from forewarn.alerts.metrics import declared
from forewarn.alerts.replay import Example, Firing, Leaving, Replayed, replay, spaced
from forewarn.alerts.rule_query import replay_query
from forewarn.alerts.rules import Rule
from forewarn.config.project import Churn

LEAST_DAYS = 7
NOBODY = "nobody"
UNKNOWN = (NOBODY, "")

_DATES = "select as_of_date from marts.feature_dates where as_of_date <= %(as_of_date)s and as_of_date > %(after)s"
_LABELS = """
select l.customer_id, l.as_of_date, l.churned from marts.churn_labels as l
where l.as_of_date = any(%(dates)s) and l.definition = %(definition)s and l.horizon_days = %(horizon)s
    and l.eligible and l.churned is not null and l.label_matures_on <= %(as_of_date)s
"""
# Gone is who has been silent for as long as the horizon, or whose last term has ended.
_GONE = {
    "non_contractual": """
        select l.customer_id, l.as_of_date,
            l.as_of_date + greatest(%(horizon)s - coalesce(f.days_since_last_order, 0), 0)::integer
        from ({labels}) as l
        join marts.churn_features as f on f.customer_id = l.customer_id and f.as_of_date = l.as_of_date
        where l.churned
        """,
    "contractual": """
        select l.customer_id, l.as_of_date, coalesce(max(s.ended_on), l.as_of_date + %(horizon)s)
        from ({labels}) as l
        left join intermediate.int_subscriptions as s
            on s.customer_id = l.customer_id and s.started_on < l.as_of_date + %(horizon)s
            and s.ended_on >= l.as_of_date
        where l.churned
        group by l.customer_id, l.as_of_date
        """,
}


def backtest(
    cursor: extensions.cursor, rules: Sequence[Rule], churn: Churn, *, as_of_date: date, days: int = 730
) -> list[Replayed]:
    """Replay rules on the dates of the last `days` days, and judge each by the labels that are known by `as_of_date`.

    Returns
    -------
    list of Replayed
        One a rule, in their order; nothing is written.
    """
    if not rules:
        return []
    bounds = {"as_of_date": as_of_date, "after": as_of_date - timedelta(days=days)}
    cursor.execute(_DATES, bounds)
    dates = spaced((day for (day,) in cursor.fetchall()), least_days=LEAST_DAYS)
    values: dict[str, Any] = bounds | {
        "dates": dates,
        "definition": churn.definition,
        "horizon": churn.horizon_days,
    }
    cursor.execute(_LABELS, values)
    labels = {(customer, day): churned for customer, day, churned in cursor.fetchall()}
    cursor.execute(_GONE[churn.definition].format(labels=_LABELS), values)
    leavings = [Leaving(*row) for row in cursor.fetchall()]
    cursor.execute("select customer_id, owner_name, name from marts.dim_customers")
    known = {customer: (manager or NOBODY, name or "") for customer, manager, name in cursor.fetchall()}
    cursor.execute(replay_query(rules, declared()), values)
    firings: dict[int, list[Firing]] = defaultdict(list)
    for customer, day, fired in cursor.fetchall():
        one = Firing(customer, day, known.get(customer, UNKNOWN)[0], labels.get((customer, day)))
        for position in fired:
            firings[position].append(one)
    found = [replay(dates, firings[position], leavings) for position in range(len(rules))]
    return [
        dataclasses.replace(one, examples=_named(one.examples, known), missed=_named(one.missed, known))
        for one in found
    ]


def _named(examples: Sequence[Example], known: Mapping[str, tuple[str, str]]) -> tuple[Example, ...]:
    return tuple(dataclasses.replace(one, name=known.get(one.customer_id, UNKNOWN)[1]) for one in examples)


def keep(
    cursor: extensions.cursor,
    judged: Sequence[tuple[Rule, Replayed]],
    churn: Churn,
    *,
    as_of_date: date,
    by: str,
    now: datetime,
) -> None:
    """Keep back-tests beside the rules; the caller commits."""
    execute_values(
        cursor,
        "insert into alerts.backtest (rule_id, digest, as_of_date, definition, horizon_days, figures, ran_at, ran_by)"
        " values %s",
        [
            (rule.name, rule.digest, as_of_date, churn.definition, churn.horizon_days, Json(found.as_json()), now, by)
            for rule, found in judged
        ],
    )


def tested(cursor: extensions.cursor, rules: Sequence[Rule]) -> set[str]:
    """Return the names of those rules that have a back-test as they stand."""
    cursor.execute(
        "select distinct rule_id, digest from alerts.backtest where rule_id = any(%s)", [[one.name for one in rules]]
    )
    known = set(cursor.fetchall())
    return {one.name for one in rules if (one.name, one.digest) in known}
