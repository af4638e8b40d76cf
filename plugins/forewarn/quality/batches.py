"""From a gate's checks to batches: a table, the SQL of the rows to look at, and the expectations to hold them to."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import ceil
from pathlib import Path
from typing import Any

from psycopg2 import extensions

from forewarn.config.entities import keys
from forewarn.config.yaml import did_you_mean
from forewarn.quality.contracts import contract
from forewarn.quality.feeds import Feed, united
from forewarn.quality.streams import Stream
from forewarn.quality.suites import OF_ENTITY, Check, Expectation, Gate, Severity, Suite
from forewarn.warehouse.late import late_features

FEATURES = ("marts.churn_features", "marts.customer_360")
SHARE_OF_BEFORE = "share_of_before"
# What landed before is looked at to know what is usual: a sample is enough, and keeps the cost from growing.
SAMPLE_ROWS = 20_000
SAMPLE_BATCHES = 30
ENDS = ("ended_at", "closed_at", "delivered_at", "filled_at", "converted_at", "due_at")
AMOUNTS = ("amount", "mrr")
_PLACEHOLDER = re.compile(r"\{([a-z_.]+)\}")


@dataclass(frozen=True)
class Bound:
    """One expectation as it applies to a batch: `rows` is SQL without placeholders, `kwargs` are for `type`."""

    name: str
    expectation: Expectation
    suite: Suite
    kwargs: dict[str, Any] = field(default_factory=dict)
    rows: str = ""

    @property
    def place(self) -> tuple[str | int, ...]:
        """Return the path of the expectation in its file."""
        names = [expectation.name for expectation in self.suite.expectations]
        return ("expectations", names.index(self.expectation.name))


@dataclass(frozen=True)
class Batch:
    """Rows of one table, and what is expected of them.

    Attributes
    ----------
    table
        What results are recorded under.
    rows
        SQL of the rows; None when there is no such table.
    anything
        SQL that must give a row, or nothing can be proved; None where another batch of the table asks already.
    when_empty, owner
        Severity of that, and who is to act.
    expectations
        Those that apply here.
    """

    table: str
    rows: str | None
    anything: str | None
    when_empty: Severity
    owner: str
    expectations: tuple[Bound, ...]


@dataclass(frozen=True)
class _Day:
    """What all batches of one run of a gate share."""

    gate: Gate
    cursor: extensions.cursor
    streams: Sequence[Stream]
    feeds: Sequence[Feed]
    as_of_date: date
    run_id: str
    late: Collection[str]
    troubled: Collection[tuple[str, str]]
    contracts: Path

    @property
    def sql_day(self) -> str:
        """Return the as-of date as SQL."""
        return f"date '{self.as_of_date.isoformat()}'"


def batches(
    gate: Gate,
    cursor: extensions.cursor,
    *,
    streams: Sequence[Stream],
    feeds: Sequence[Feed],
    contracts: Path,
    as_of_date: date,
    run_id: str,
) -> Iterator[Batch]:
    """Yield the batches of a gate, in the order of its file.

    Parameters
    ----------
    feeds
        How streams become entities.
    contracts
        Folder of dbt's models: `{contract}` is read there.
    """
    day = _Day(
        gate,
        cursor,
        streams,
        [feed for feed in feeds if _exists(cursor, f"raw_{feed.source}.{feed.stream}")],
        as_of_date,
        run_id,
        late_features(cursor, [as_of_date]),
        _troubled(cursor, as_of_date, run_id),
        contracts,
    )
    of_table = {f"raw_{stream.source}.{stream.name}": stream for stream in streams}
    for check, suites in gate.checks:
        if "{stream}" in check.table:
            for table, stream in of_table.items():
                yield from _of_stream(day, check, suites, table, stream)
        elif check.table in of_table:
            yield from _of_stream(day, check, suites, check.table, of_table[check.table], own=True)
        else:
            yield _of_table(day, check, suites)


def _of_table(day: _Day, check: Check, suites: Sequence[Suite]) -> Batch:
    rows = _rows(day, check) if _exists(day.cursor, check.table) else None
    known: dict[str, Any] = {"streams": len(day.streams)} | _before(day, check)
    words = {"key": ", ".join(check.key), "table": check.table}
    late = day.late if check.table in FEATURES else ()
    bound = [one for suite in suites for one in _bind(day, suite, rows or "", known, words, key=check.key, late=late)]
    anything = None if check.allow_empty and rows is not None else rows
    return Batch(check.table, rows, anything, "critical", suites[-1].expectations[0].owner, tuple(bound))


def _of_stream(
    day: _Day, check: Check, suites: Sequence[Suite], table: str, stream: Stream, *, own: bool = False
) -> Iterator[Batch]:
    """Yield a stream's batch, and one for each entity that it feeds; `own` is the company's own suite of it."""
    exists = _exists(day.cursor, table)
    new, before = _landings(day, stream) if exists else ("", "")
    anything = f"select * from {_quoted(table)}" if exists else None
    if suites:
        # Operations know of a stream that failed or is late; that nothing is there is then no news.
        known = stream.allow_empty or (stream.source, stream.name) in day.troubled
        when_empty: Severity = "critical" if stream.entities & set(check.required) else "info" if known else "warning"
        rows = f"{anything} where {new}" if new else anything
        words = _words(table, stream.key, f"{anything} where {before}" if before else "")
        bound = [one for suite in suites if new for one in _bind(day, suite, str(rows), {}, words, key=stream.key)]
        owner = suites[-1].expectations[0].owner
        if not own:
            yield Batch(table, rows, anything, when_empty, owner, tuple(bound))
        elif bound:
            yield Batch(f"{table} (own)", rows, None, when_empty, owner, tuple(bound))
    for feed in day.feeds if new and OF_ENTITY in check.suites else ():
        found = day.gate.of_entity[feed.entity]
        if (feed.source, feed.stream) == (stream.source, stream.name) and found:
            rows = feed.query(new)
            words = _words(table, feed.key, feed.query(before) if before else "") | _columns(feed) | _others(day, feed)
            bound = [one for suite in found for one in _bind(day, suite, rows, {}, words, key=feed.key, feed=feed)]
            yield Batch(f"{table} as {feed.entity}", rows, None, "info", "", tuple(bound))


def _words(table: str, key: Sequence[str], before: str) -> dict[str, str]:
    return {"table": table, "key": ", ".join(key), "before": f"{before} limit {SAMPLE_ROWS}" if before else ""}


def _columns(feed: Feed) -> dict[str, str]:
    """Return the columns that play a part of every entity which has it: moment, end, amount and account."""
    spec, mapped = feed.spec, feed.columns
    moments = [name for name, column in spec.columns.items() if column.type == "timestamptz"]
    of = {
        "moment": [name for name in moments if spec.columns[name].required],
        "end": [name for name in moments if name in ENDS],
        "amount": [name for name in AMOUNTS if name in spec.columns],
        "account": ["account_id"] if spec.refers else [],
    }
    return {part: next((name for name in names if name in mapped), "") for part, names in of.items()}


def _others(day: _Day, feed: Feed) -> dict[str, str]:
    """Return the rows of what a feed's records belong to, the column of their numbers, and that of vain lookups."""
    troubled = {name for source, name in day.troubled if source == feed.source}
    missed = any(one["table"] not in troubled for one in feed.lookups)
    found = {"parents": "", "parent_key": "", "missed_lookup": "missed_lookup" if missed else ""}
    parent = next(iter(feed.belongs_to), "")
    if not parent or any(parent in one.entities and (one.source, one.name) in day.troubled for one in day.streams):
        return found
    return found | {"parents": united(day.feeds, parent), "parent_key": ", ".join(keys(parent))}


def _bind(
    day: _Day,
    suite: Suite,
    rows: str,
    known: Mapping[str, Any],
    words: Mapping[str, str],
    *,
    key: Sequence[str],
    feed: Feed | None = None,
    late: Collection[str] = (),
) -> Iterator[Bound]:
    """Yield a suite's expectations with final names and arguments, without those that do not apply here."""
    required = feed.owed if feed else []
    for number, expectation in enumerate(suite.expectations):
        if not all(_fed(day, name, feed) for name in expectation.when):
            continue
        if expectation.rows is not None and any(_waits(day, name, feed) for name in expectation.when):
            continue
        if expectation.rows is not None:
            filled = _filled(day, suite, number, expectation.rows, {**words, "batch": rows})
            if filled is not None:
                yield Bound(expectation.name, expectation, suite, rows=filled)
            continue
        kwargs = {name: _argument(value, known) for name, value in expectation.kwargs.items()}
        if None in kwargs.values() or kwargs.get("column") in late:
            # Nothing to compare with; or unknown on this day, since a stream is late, and operations have been told.
            continue
        columns = {"{key}": key, "{required}": required}.get(str(kwargs.get("column")))
        if columns is None:
            named = [str(value) for name, value in kwargs.items() if name.lower().startswith("column")]
            if feed is None or set(named) <= set(feed.columns):
                yield Bound(expectation.name, expectation, suite, kwargs)
            continue
        for column in columns:
            yield Bound(f"{expectation.name}:{column}", expectation, suite, kwargs | {"column": column})


def _fed(day: _Day, name: str, feed: Feed | None) -> bool:
    """Return whether an entity, or a column of it, is fed: by this feed where it is of that entity, else by any."""
    entity, _, column = name.partition(".")
    if feed is not None and feed.entity == entity:
        return not column or column in feed.columns
    if not column:
        return any(entity in stream.entities for stream in day.streams)
    return any(one.entity == entity and column in one.columns for one in day.feeds)


def _waits(day: _Day, name: str, feed: Feed | None) -> bool:
    """Return whether another entity that is compared with did not come whole: that is known, and proves nothing."""
    entity = name.partition(".")[0]
    if feed is not None and feed.entity == entity:
        return False
    return any(entity in one.entities and (one.source, one.name) in day.troubled for one in day.streams)


def _filled(day: _Day, suite: Suite, number: int, text: str, words: Mapping[str, str]) -> str | None:
    """Return SQL with its placeholders filled; None where one of them stands for nothing."""
    missing = False

    def fill(match: re.Match[str]) -> str:
        nonlocal missing
        name = match.group(1)
        if name.startswith("entity."):
            sql = united(day.feeds, name.removeprefix("entity."))
        elif name == "as_of_date":
            sql = day.sql_day
        elif name == "contract":
            sql = contract(day.contracts, words["table"])
        elif name in ("batch", "before"):
            sql = f"({words.get(name)})" if words.get(name) else ""
        elif name in words:
            sql = words[name]
        else:
            known = [*words, "before", "as_of_date", "contract", "entity.NAME"]
            place = ("expectations", number, "rows")
            raise suite.document.error(place, f"there is no placeholder `{{{name}}}`", did_you_mean(name, known))
        missing = missing or not sql
        return sql

    filled = _PLACEHOLDER.sub(fill, text)
    return None if missing else filled


def _argument(value: Any, known: Mapping[str, Any]) -> Any:
    """Return an argument with its placeholder filled; None where there is nothing to compare with."""
    if value == "{streams}":
        return known["streams"]
    if isinstance(value, dict) and SHARE_OF_BEFORE in value:
        return ceil(value[SHARE_OF_BEFORE] * known["before"]) if "before" in known else None
    return value


def _before(day: _Day, check: Check) -> dict[str, int]:
    """Return how many rows the date before has, where an expectation may compare with it."""
    if check.batch != "as_of_date" or not _exists(day.cursor, check.table):
        return {}
    rows = f"select count(*) from {_quoted(check.table)} where as_of_date ="
    day.cursor.execute(
        f"{rows} (select max(as_of_date) from {_quoted(check.table)} where as_of_date < %s)", [day.as_of_date]
    )
    before = int((day.cursor.fetchone() or [0])[0])
    return {"before": before} if before else {}


def _rows(day: _Day, check: Check) -> str:
    rows = f"select * from {_quoted(check.table)}"
    if check.batch == "as_of_date":
        return f"{rows} where as_of_date = date '{day.as_of_date.isoformat()}'"
    if check.batch == "run":
        # A stream that was tried again has several batches in one run; the last one counts.
        day.cursor.execute(
            "select distinct on (source, stream) batch_id from ops.batch where run_id = %s"
            " order by source, stream, batch_id desc",
            [day.run_id],
        )
        return f"{rows} where {_one_of('batch_id', [row[0] for row in day.cursor.fetchall()]) or 'false'}"
    if check.where:
        return f"{rows} where {check.where.replace('{as_of_date}', day.sql_day)}"
    return rows


def _landings(day: _Day, stream: Stream) -> tuple[str, str]:
    """Return conditions on `_batch_id`: of what landed since the gate last let another run pass, and of what before.

    What was let pass is not judged again. What was not is, until a run passes, however often it is tried.
    """
    day.cursor.execute(
        """
        select batch_id, started_at > coalesce(
            (
                select max(checked_at) from (
                    select max(checked_at) as checked_at from ops.gate_result
                    where gate = %s and run_id <> %s
                    group by as_of_date, run_id having bool_and(passed or severity <> 'critical')
                ) as let_pass
            ), '-infinity'
        )
        from ops.batch
        where source = %s and stream = %s and status = 'landed' and rows_loaded > 0
        order by batch_id desc
        """,
        [day.gate.name, day.run_id, stream.source, stream.name],
    )
    found = day.cursor.fetchall()
    new = [batch_id for batch_id, is_new in found if is_new]
    before = [batch_id for batch_id, is_new in found if not is_new][:SAMPLE_BATCHES]
    return _one_of("_batch_id", new), _one_of("_batch_id", before)


def _troubled(cursor: extensions.cursor, as_of_date: date, run_id: str) -> set[tuple[str, str]]:
    """Return the streams that failed in the run or were late on the day: operations know of both already."""
    cursor.execute(
        "select source, stream from ops.late_stream where as_of_date = %s"
        " union select source, stream from ops.batch where run_id = %s and status = 'failed'",
        [as_of_date, run_id],
    )
    return {(source, stream) for source, stream in cursor.fetchall()}


def _one_of(column: str, numbers: Sequence[int]) -> str:
    return f"{column} in ({', '.join(str(int(number)) for number in numbers)})" if numbers else ""


def _exists(cursor: extensions.cursor, table: str) -> bool:
    cursor.execute("select to_regclass(%s) is not null", [_quoted(table)])
    return bool((cursor.fetchone() or [False])[0])


def _quoted(table: str) -> str:
    schema, name = table.split(".", 1)
    return ".".join('"' + part.replace('"', '""') + '"' for part in (schema, name))
