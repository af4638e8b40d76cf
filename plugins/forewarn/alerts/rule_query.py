"""All rules as one query: one pass over the features of a date, or of many."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2 import sql

from forewarn.alerts.metrics import Metrics
from forewarn.alerts.rules import Rule
from forewarn.expressions import Expression, render

OF_DATE = sql.SQL("f.as_of_date = %(as_of_date)s")
OF_DATES = sql.SQL("f.as_of_date = any(%(dates)s)")


def unknown_query(rules: Sequence[Rule], metrics: Metrics) -> sql.Composed:
    """Return the query of the customers with an open case, or a held alert, whom rules cannot judge at `as_of_date`.

    Its columns: `customer_id`, and `unknown`, the positions in `rules` whose condition is NULL. What is known may
    decide a condition all the same: `false and unknown` is false.
    """
    return sql.SQL(
        """
        select customer_id, unknown from (
            select m.customer_id, array_remove(array[{conditions}], null) as unknown
            from ({metrics}) as m
            where m.customer_id in (select customer_id from alerts."case" where state <> 'closed')
                or m.customer_id in (select customer_id from alerts.hold where ended_as_of is null)
        ) as judged
        where cardinality(unknown) > 0
        """
    ).format(
        conditions=_positions(rules, "case when ({}) is null then {} end"),
        metrics=_metrics(metrics_read(rules), metrics, OF_DATE),
    )


def fired_query(rules: Sequence[Rule], metrics: Metrics) -> sql.Composed:
    """Return the query of the customers for whom at least one rule is true at the parameter `as_of_date`.

    Its columns: `customer_id`, `fired` (positions in `rules`), then every metric that the rules read or show, by name.
    A condition that is NULL is unknown and does not fire.
    """
    read = metrics_read(rules)
    return sql.SQL(
        """
        with judged as (
            select m.customer_id, array_remove(array[{conditions}], null) as fired, {values}
            from ({metrics}) as m
        )
        select * from judged where cardinality(fired) > 0 order by customer_id
        """
    ).format(
        metrics=_metrics(read, metrics, OF_DATE),
        conditions=_positions(rules, "case when {} then {} end"),
        values=sql.SQL(", ").join(sql.SQL("m.{}").format(sql.Identifier(name)) for name in read),
    )


def replay_query(rules: Sequence[Rule], metrics: Metrics) -> sql.Composed:
    """Return the query of the customers and dates among the parameter `dates` for which at least one rule is true.

    Its columns: `customer_id`, `as_of_date`, `fired` (positions in `rules`).
    """
    return sql.SQL(
        """
        select customer_id, as_of_date, fired from (
            select m.customer_id, m.as_of_date, array_remove(array[{conditions}], null) as fired from ({metrics}) as m
        ) as judged
        where cardinality(fired) > 0
        """
    ).format(
        metrics=_metrics(metrics_read(rules), metrics, OF_DATES),
        conditions=_positions(rules, "case when {} then {} end"),
    )


def looking_back_query(rules: Sequence[Rule], metrics: Metrics) -> sql.Composed:
    """Return the query of what rules say of the parameter `customers` on each of the parameter `dates`.

    Its columns: `customer_id`, `as_of_date`, `fired` and `unknown` (positions in `rules`: true, and NULL).
    """
    return sql.SQL(
        """
        select m.customer_id, m.as_of_date, array_remove(array[{true}], null), array_remove(array[{unknown}], null)
        from ({metrics}) as m where m.customer_id = any(%(customers)s)
        """
    ).format(
        metrics=_metrics(metrics_read(rules), metrics, OF_DATES),
        true=_positions(rules, "case when {} then {} end"),
        unknown=_positions(rules, "case when ({}) is null then {} end"),
    )


def condition(expression: Expression, table: str) -> sql.SQL:
    """Return an expression as SQL for a statement with parameters, its columns prefixed with a table's name."""
    # psycopg2 reads a bare % as the start of a parameter.
    return sql.SQL(render(expression, dialect="postgres", table=table).replace("%", "%%"))


def metrics_read(rules: Sequence[Rule]) -> list[str]:
    """Return the metrics that rules read or show, by name: the order of the last columns of `fired_query`."""
    return sorted(frozenset().union(*(rule.metrics for rule in rules)))


def _metrics(read: Sequence[str], metrics: Metrics, where: sql.SQL) -> sql.Composed:
    columns = [
        sql.SQL("{}.{}").format(sql.SQL("d" if name in metrics.attributes else "f"), sql.Identifier(name))
        for name in read
    ]
    return sql.SQL(
        "select {} from marts.churn_features as f left join marts.dim_customers as d on d.customer_id = f.customer_id"
        " where {}"
    ).format(sql.SQL(", ").join([sql.SQL("f.customer_id, f.as_of_date"), *columns]), where)


def _positions(rules: Sequence[Rule], case: str) -> sql.Composed:
    """Return a case expression for each rule: its condition, and its position."""
    return sql.SQL(", ").join(
        sql.SQL(case).format(
            condition(rule.condition, "m"),
            sql.Literal(position),
        )
        for position, rule in enumerate(rules)
    )
