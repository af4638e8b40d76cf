"""All live rules as one query: one pass over the features of a date."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2 import sql

from forewarn.alerts.metrics import Metrics
from forewarn.alerts.rules import Rule
from forewarn.expressions import render


def fired_query(rules: Sequence[Rule], metrics: Metrics) -> sql.Composed:
    """Return the query of the customers for whom at least one rule is true at the parameter `as_of_date`.

    Its columns: `customer_id`, `fired` (positions in `rules`), then every metric that the rules read or show, by name.
    A condition that is NULL is unknown and does not fire.
    """
    read = sorted(frozenset().union(*(rule.metrics for rule in rules)))
    columns = [
        sql.SQL("{}.{}").format(sql.SQL("d" if name in metrics.attributes else "f"), sql.Identifier(name))
        for name in read
    ]
    conditions = [
        # psycopg2 reads a bare % as the start of a parameter.
        sql.SQL("case when {} then {} end").format(
            sql.SQL(render(rule.condition, dialect="postgres", table="m").replace("%", "%%")), sql.Literal(position)
        )
        for position, rule in enumerate(rules)
    ]
    return sql.SQL(
        """
        with metrics as (
            select {columns}
            from marts.churn_features as f
            left join marts.dim_customers as d on d.customer_id = f.customer_id
            where f.as_of_date = %(as_of_date)s
        ), judged as (
            select m.customer_id, array_remove(array[{conditions}], null) as fired, {values}
            from metrics as m
        )
        select * from judged where cardinality(fired) > 0 order by customer_id
        """
    ).format(
        columns=sql.SQL(", ").join([sql.SQL("f.customer_id"), *columns]),
        conditions=sql.SQL(", ").join(conditions),
        values=sql.SQL(", ").join(sql.SQL("m.{}").format(sql.Identifier(name)) for name in read),
    )
