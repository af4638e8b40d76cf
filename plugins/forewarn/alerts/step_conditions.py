"""For which customers a playbook's conditions over metrics and attributes hold: one query for all of a date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from psycopg2 import extensions, sql

from forewarn.alerts.metrics import declared
from forewarn.alerts.rule_query import condition
from forewarn.expressions import Expression, names


def true_conditions(
    cursor: extensions.cursor, conditions: Mapping[str, Expression], customers: Sequence[str], as_of_date: date
) -> dict[str, frozenset[str]]:
    """Return, by customer, the names of the conditions that are true on a date; one that is unknown is not."""
    if not conditions or not customers:
        return {}
    read = sorted(frozenset().union(*(names(one) for one in conditions.values())))
    attributes = declared().attributes
    cursor.execute(
        sql.SQL(
            """
            select m.customer_id, array_remove(array[{cases}], null)
            from (
                select {columns} from unnest(%(customers)s::text[]) as k (customer_id)
                left join marts.churn_features as f
                    on f.customer_id = k.customer_id and f.as_of_date = %(as_of_date)s
                left join marts.dim_customers as d on d.customer_id = k.customer_id
            ) as m
            """
        ).format(
            cases=sql.SQL(", ").join(
                sql.SQL("case when {} then {} end").format(condition(one, "m"), sql.Literal(name))
                for name, one in conditions.items()
            ),
            columns=sql.SQL(", ").join(
                [
                    sql.SQL("k.customer_id"),
                    *(sql.Identifier("d" if name in attributes else "f", name) for name in read),
                ]
            ),
        ),
        {"customers": list(customers), "as_of_date": as_of_date},
    )
    return {customer: frozenset(true) for customer, true in cursor.fetchall()}
