"""Expectations in SQL: each selects the rows that should not be there; one statement asks all of a batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psycopg2
from psycopg2 import extensions

from forewarn.quality.batches import Batch, Bound
from forewarn.quality.outcome import Outcome, could_not

NOT_EMPTY = "not_empty"
_EMPTY_SAYS = "There is at least one row."
_EMPTY_REASON = "Nearly every expectation holds of no rows at all, so a batch without rows proves nothing."
_EMPTY_REMEDY = "see whether the step before this gate ran for this date, and look for its error in its log"
_PLACES = 5


def check_rows(cursor: extensions.cursor, batch: Batch) -> Iterator[Outcome]:
    """Yield what came of the batch having rows at all, and of each of its expectations in SQL."""
    if batch.rows is None:
        yield _empty(batch, "there is no such table")
        return
    wanted = [bound for bound in batch.expectations if bound.expectation.rows is not None]
    asked = ([batch.anything] if batch.anything else []) + [bound.rows for bound in wanted]
    answers = _ask(cursor, asked)
    if batch.anything:
        there = answers.pop(0)
        yield _empty(batch, "as expected" if there is True else _failed(there) or "no row", passed=there is True)
    for bound, found in zip(wanted, answers, strict=True):
        if problem := _failed(found):
            yield Outcome.of(batch.table, bound, observed=could_not(problem), severity="critical")
        elif found:
            yield Outcome.of(batch.table, bound, observed=_counted(cursor, bound))
        else:
            yield Outcome.of(batch.table, bound, observed="as expected", passed=True)


def _ask(cursor: extensions.cursor, queries: Sequence[str]) -> list[bool | psycopg2.Error]:
    """Return for each query whether it gives a row: one statement for all, and one each where that fails."""
    if not queries:
        return []
    cursor.execute("savepoint asked")
    try:
        cursor.execute("select " + ", ".join(f"exists ({query})" for query in queries))
        return list(cursor.fetchone() or ())
    except psycopg2.Error as error:
        cursor.execute("rollback to savepoint asked")
        if len(queries) == 1:
            return [error]
        return [answer for query in queries for answer in _ask(cursor, [query])]


def _counted(cursor: extensions.cursor, bound: Bound) -> str:
    """Return how many rows are wrong, and where, as far as their columns may be shown."""
    names = bound.expectation.names
    cursor.execute(f"select count(*) from ({bound.rows}) as wrong")
    (number,) = cursor.fetchone() or (0,)
    observed = f"{number:,} {'row is' if number == 1 else 'rows are'} not so"
    if not names:
        return observed
    shown = " || ' ' || ".join(f"coalesce({name}::text, 'none')" for name in names)
    cursor.execute(f"select distinct {shown} from ({bound.rows}) as wrong order by 1 limit {_PLACES + 1}")
    places = [str(row[0]) for row in cursor.fetchall()]
    return f"{observed}: {', '.join(places[:_PLACES])}" + (", …" if len(places) > _PLACES else "")


def _failed(answer: object) -> str:
    """Return the name of an error, and never its text: a database's message may quote a value of a row."""
    return f"psycopg2.errors.{type(answer).__name__}" if isinstance(answer, psycopg2.Error) else ""


def _empty(batch: Batch, observed: str, *, passed: bool = False) -> Outcome:
    return Outcome(
        table=batch.table,
        name=NOT_EMPTY,
        severity=batch.when_empty,
        owner=batch.owner,
        passed=passed,
        observed=observed,
        rule=_EMPTY_SAYS,
        reason=_EMPTY_REASON,
        remedy=_EMPTY_REMEDY,
    )
