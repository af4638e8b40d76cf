"""Which expectations of Great Expectations hold beyond doubt, found by one statement that reads a batch once.

Of most nights' rows nothing is wrong, and to be told so by Great Expectations costs more than to count: it asks for the
columns, plans and asks again. Only where not one row breaks an expectation is it held to be met here. Everything else,
a `mostly` above all, is for Great Expectations to judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import psycopg2
from psycopg2 import extensions, sql

from forewarn.quality.batches import Batch, Bound

_BOUNDS = ("min_value", "max_value", "strict_min", "strict_max")


def beyond_doubt(cursor: extensions.cursor, batch: Batch) -> set[str]:
    """Return the names of the batch's expectations that no row breaks.

    None where the statement fails, as over a column that is missing or of another type: whoever is asked next says why.
    """
    asked = {
        bound.name: condition
        for bound in batch.expectations
        if bound.expectation.type is not None and (condition := _condition(bound)) is not None
    }
    if not asked or batch.rows is None:
        return set()
    cursor.execute("savepoint first_pass")
    try:
        cursor.execute(
            sql.SQL("select {} from ({}) as batch").format(sql.SQL(", ").join(asked.values()), sql.SQL(batch.rows))
        )
        answers = cursor.fetchone() or ()
    except psycopg2.Error:
        cursor.execute("rollback to savepoint first_pass")
        return set()
    return {name for name, answer in zip(asked, answers, strict=True) if answer is True}


def _condition(bound: Bound) -> sql.Composable | None:
    """Return an aggregate that is true where no row breaks the expectation; None where that cannot be said here."""
    known = _CONDITIONS.get(str(bound.expectation.type))
    if known is None:
        return None
    allowed, condition = known
    return condition(bound.kwargs) if set(bound.kwargs) <= {*allowed} else None


def _within(value: sql.Composable, kwargs: Mapping[str, Any]) -> sql.Composable:
    parts = [
        sql.SQL("{} {} {}").format(value, sql.SQL(than if kwargs.get(strict) else f"{than}="), sql.Literal(kwargs[at]))
        for at, strict, than in (("min_value", "strict_min", ">"), ("max_value", "strict_max", "<"))
        if kwargs.get(at) is not None
    ]
    return sql.SQL(" and ").join(parts) if parts else sql.SQL("true")


def _never(wrong: sql.Composable) -> sql.Composable:
    # What a comparison with null gives is not true, so a null is not counted: neither does Great Expectations.
    return sql.SQL("count(*) filter (where {}) = 0").format(wrong)


def _column(kwargs: Mapping[str, Any]) -> sql.Composable:
    return sql.Identifier(str(kwargs["column"]))


def _range(kwargs: Mapping[str, Any]) -> sql.Composable:
    return _never(sql.SQL("not ({})").format(_within(_column(kwargs), kwargs)))


def _set(kwargs: Mapping[str, Any]) -> sql.Composable:
    values = sql.SQL(", ").join(map(sql.Literal, kwargs["value_set"]))
    return _never(sql.SQL("{} not in ({})").format(_column(kwargs), values))


def _present(kwargs: Mapping[str, Any]) -> sql.Composable:
    return _never(sql.SQL("{} is null").format(_column(kwargs)))


def _highest(kwargs: Mapping[str, Any]) -> sql.Composable:
    return _within(sql.SQL("max({})").format(_column(kwargs)), kwargs)


def _rows(kwargs: Mapping[str, Any]) -> sql.Composable:
    return _within(sql.SQL("count(*)"), kwargs)


_Condition = Callable[[Mapping[str, Any]], sql.Composable]
# Type → arguments that are understood here, and the condition.
_CONDITIONS: dict[str, tuple[tuple[str, ...], _Condition]] = {
    "expect_column_values_to_be_between": (("column", "mostly", *_BOUNDS), _range),
    "expect_column_values_to_be_in_set": (("column", "mostly", "value_set"), _set),
    "expect_column_values_to_not_be_null": (("column", "mostly"), _present),
    "expect_column_max_to_be_between": (("column", *_BOUNDS), _highest),
    "expect_table_row_count_to_be_between": (("min_value", "max_value"), _rows),
}
