"""From a gate's checks to batches: a table, the SQL of the rows to look at, and the expectations to hold them to."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from math import ceil
from typing import Any

from psycopg2 import extensions

from forewarn.quality.streams import Stream
from forewarn.quality.suites import Check, Expectation, Gate, Severity, Suite
from forewarn.warehouse.late import late_features

NOT_EMPTY = "not_empty"
FEATURES = "marts.churn_features"
SHARE_OF_BEFORE = "share_of_before"


@dataclass(frozen=True)
class Batch:
    """Rows of one table, and what is expected of them.

    Attributes
    ----------
    query
        SQL of the rows; None when there is no such table.
    when_empty
        Severity of the expectation that there is at least one row; every batch has it.
    expectations
        Those that apply here, with their final names and arguments.
    """

    table: str
    query: str | None
    when_empty: Severity
    suite: Suite
    expectations: tuple[tuple[str, Expectation, dict[str, Any]], ...]


def batches(
    gate: Gate, cursor: extensions.cursor, *, streams: list[Stream], as_of_date: date, run_id: str
) -> Iterator[Batch]:
    """Yield the batches of a gate, in the order of its file."""
    fed = frozenset[str]().union(*(stream.entities for stream in streams))
    late = late_features(cursor, [as_of_date])
    for check, suite in gate.checks:
        of_check: list[Stream | None] = [*streams] if "{stream}" in check.table else [None]
        for stream in of_check:
            table = check.table
            when_empty: Severity = "critical"
            if stream is not None:
                table = table.replace("{source}", stream.source).replace("{stream}", stream.name)
                required: Severity = "critical" if stream.entities & set(check.required) else "warning"
                when_empty = "info" if stream.allow_empty else required
            known = {"streams": len(streams)} | _before(cursor, check, table, as_of_date)
            yield Batch(
                table=table,
                query=_query(cursor, check, table, stream=stream, as_of_date=as_of_date, run_id=run_id)
                if _exists(cursor, table)
                else None,
                when_empty=when_empty,
                suite=suite,
                expectations=tuple(_applicable(suite, stream, fed, known, late if table == FEATURES else ())),
            )


def _applicable(
    suite: Suite, stream: Stream | None, fed: frozenset[str], known: dict[str, int], late: Collection[str]
) -> Iterator[tuple[str, Expectation, dict[str, Any]]]:
    for expectation in suite.expectations:
        if expectation.when and not fed & set(expectation.when):
            continue
        if expectation.kwargs.get("column") in late:
            # Unknown on this day, since a stream is late; operations have been told.
            continue
        kwargs = {name: _filled(value, known) for name, value in expectation.kwargs.items()}
        if None in kwargs.values():
            continue
        of_key = [name for name, value in kwargs.items() if value == "{key}"]
        if not of_key:
            yield expectation.name, expectation, kwargs
            continue
        for column in stream.key if stream else ():
            yield f"{expectation.name}:{column}", expectation, kwargs | dict.fromkeys(of_key, column)


def _filled(value: Any, known: dict[str, int]) -> Any:
    """Return an argument with its placeholder filled; None where there is nothing to compare with."""
    if value == "{streams}":
        return known["streams"]
    if isinstance(value, dict) and SHARE_OF_BEFORE in value:
        return ceil(value[SHARE_OF_BEFORE] * known["before"]) if "before" in known else None
    # Great Expectations gives the batch an alias, or none where the query holds a join; so a query could not name it.
    return value.replace("{batch}", "(select * from {batch})") if isinstance(value, str) else value


def _before(cursor: extensions.cursor, check: Check, table: str, as_of_date: date) -> dict[str, int]:
    """Return how many rows the date before has, where an expectation may compare with it."""
    if check.batch != "as_of_date" or not _exists(cursor, table):
        return {}
    rows = f"select count(*) from {_quoted(table)} where as_of_date ="
    cursor.execute(f"{rows} (select max(as_of_date) from {_quoted(table)} where as_of_date < %s)", [as_of_date])
    before = int((cursor.fetchone() or [0])[0])
    return {"before": before} if before else {}


def _query(
    cursor: extensions.cursor, check: Check, table: str, *, stream: Stream | None, as_of_date: date, run_id: str
) -> str:
    rows = f"select * from {_quoted(table)}"
    if check.batch == "as_of_date":
        return f"{rows} where as_of_date = date '{as_of_date.isoformat()}'"
    if check.batch == "run":
        # A stream that was tried again has several batches in one run; the last one counts.
        cursor.execute(
            "select distinct on (source, stream) batch_id from ops.batch where run_id = %s"
            " order by source, stream, batch_id desc",
            [run_id],
        )
        return f"{rows} where {_one_of('batch_id', cursor)}"
    if check.batch == "newest" and stream:
        cursor.execute(
            "select batch_id from ops.batch where source = %s and stream = %s and status = 'landed' and rows_loaded > 0"
            " order by batch_id desc limit 1",
            [stream.source, stream.name],
        )
        return f"{rows} where {_one_of('_batch_id', cursor)}"
    return rows


def _one_of(column: str, cursor: extensions.cursor) -> str:
    numbers = ", ".join(str(int(row[0])) for row in cursor.fetchall())
    return f"{column} in ({numbers})" if numbers else "false"


def _exists(cursor: extensions.cursor, table: str) -> bool:
    cursor.execute("select to_regclass(%s) is not null", [_quoted(table)])
    return bool((cursor.fetchone() or [False])[0])


def _quoted(table: str) -> str:
    schema, name = table.split(".", 1)
    return ".".join('"' + part.replace('"', '""') + '"' for part in (schema, name))
