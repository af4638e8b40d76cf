"""What a value must be to land, as SQL; rows that do not fit move to `quarantine.row` with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg2 import extensions, sql

from forewarn.config.entities import entities, keys
from forewarn.errors import SourceRejected
from forewarn.expressions import Expression, ExpressionError, as_type, conversions, names, parse, render
from forewarn.sources.batch import Batch
from forewarn.sources.column_types import Columns, guessed_types, required_columns, wanted_columns
from forewarn.sources.lookups import looked_up
from forewarn.sources.model import Stream

MAX_VALUE_BYTES = 1_000_000
MAX_CONTENT = 20_000
_SHOWN = 80
_NUMBERS, _TIMES = ("numeric", "double precision"), ("date", "timestamptz")


@dataclass(frozen=True)
class Check:
    """One way in which a row may not fit: `fails` is a condition, `reason` a text, both SQL."""

    column: str
    fails: sql.Composable
    reason: sql.Composable


def checks_of_values(stream: Stream, columns: Mapping[str, str], *, trusted: bool) -> list[Check]:
    """Return the checks of typed rows: missing keys and values, odd numbers and dates, oversized texts."""
    mapped = set(wanted_columns(stream))
    implied = guessed_types(stream) | dict(stream.columns)
    found = [
        Check(
            name,
            sql.SQL("{} is null").format(sql.Identifier(name)),
            sql.Literal(f"{name}: expected a key, got nothing"),
        )
        for name in stream.key
    ]
    for name, entity in required_columns(stream).items():
        if name in columns and name not in stream.key:
            missing = sql.SQL("{} is null").format(sql.Identifier(name))
            if (marked := deletion_mark(stream, columns)) is not None:
                # The mark of a deleted record often has nothing but its key.
                missing = sql.SQL("({} and ({}) is not true)").format(missing, marked)
            found.append(
                Check(name, missing, sql.Literal(f"{name}: expected a value, which {entity} needs, got nothing"))
            )
    found += [*_checks_of_conditions(stream, columns), *_checks_of_mappings(stream, columns)]
    for name, kind in columns.items():
        column, wanted = sql.Identifier(name), implied.get(name, "text")
        if name in mapped and kind in _NUMBERS:
            # Not a number is above infinity.
            odd = sql.SQL("not ({0} > '-Infinity' and {0} < 'Infinity')").format(column)
            found.append(Check(name, odd, _got(name, "a finite number")))
        elif name in mapped and kind in _TIMES:
            odd = sql.SQL("({0} < '1900-01-01' or {0} >= '10000-01-01')").format(column)
            found.append(Check(name, odd, _got(name, "a date from 1900 to 9999")))
        elif kind == "text":
            if wanted not in ("text", "jsonb"):
                found.append(_valid(name, wanted))
            if not trusted:
                long = sql.SQL("octet_length({}) > {}").format(column, sql.Literal(MAX_VALUE_BYTES))
                found.append(
                    Check(name, long, sql.Literal(f"{name}: expected at most {MAX_VALUE_BYTES} bytes, got more"))
                )
    return found


def _checks_of_conditions(stream: Stream, columns: Mapping[str, str]) -> Iterator[Check]:
    for reason, condition in stream.quarantine.items():
        holds = render(_parsed(condition, columns, f"quarantine: {reason}"))
        yield Check("", sql.SQL(f"({holds}) is true"), sql.Literal(reason))


def _checks_of_mappings(stream: Stream, columns: Mapping[str, str]) -> Iterator[Check]:
    """Yield the checks of what the mappings make of a row: a value that cannot be read, a record that lacks its key."""
    plain = required_columns(stream)
    for entity, mapping in stream.entities.items():
        counts = "true"
        if mapping.where is not None:
            if looked_up(mapping.where, stream):
                # Which rows count is not known before what it looks up has landed.
                continue
            counts = f"({render(_parsed(mapping.where, columns, f'{entity}: where'))}) is true"
        if (marked := stream.deletes.marked_by) is not None:
            counts += f" and ({render(_parsed(marked, columns, 'deletes: marked_by'))}) is not true"
        for column, text in mapping.columns.items():
            target = f"{entity}.{column}"
            spec = entities()[entity].columns[column]
            expression = as_type(_parsed(text, columns, target), spec.type)
            read_from = names(expression)
            if not read_from <= columns.keys():
                # A JSON record may leave out what is empty.
                continue
            shown = ", ".join(sorted(read_from)) or column
            for read, made, wanted in conversions(expression):
                there = f"btrim(cast({read} as text)) not in ('', '0000-00-00', '0000-00-00 00:00:00')"
                yield Check(
                    shown,
                    sql.SQL(f"{counts} and {there} and ({made}) is null"),
                    sql.SQL("{} || left(cast({} as text), {}) || {}").format(
                        sql.Literal(f"{shown}: expected {wanted} for {target}, got '"),
                        sql.SQL(read),
                        sql.Literal(_SHOWN),
                        sql.Literal("'"),
                    ),
                )
            if mapping.partial and column not in keys(entity):
                continue
            if column == "account_id" and mapping.belongs_to:
                # Either of the two will do.
                continue
            if spec.required and (shown not in plain or text.strip('" ') != shown):
                reason = sql.Literal(f"{shown}: expected a value for {target}, got nothing")
                yield Check(shown, sql.SQL(f"{counts} and ({render(expression)}) is null"), reason)


def _parsed(text: str, columns: Mapping[str, str], place: str) -> Expression:
    """Return an expression over the types that the columns landed as, which only the source could tell."""
    try:
        return parse(text, Columns(dict(columns), text))
    except ExpressionError as error:
        raise SourceRejected(
            place, expected="an expression that fits the columns", got=error.problem, next_step=error.hint
        ) from error


def deletion_mark(stream: Stream, columns: Mapping[str, str], table: str | None = None) -> sql.Composable | None:
    """Return the condition by which a row says that its record was deleted, as SQL; None where no row says so."""
    if (marked := stream.deletes.marked_by) is None:
        return None
    return sql.SQL(render(parse(marked, Columns(dict(columns), marked)), table=table))


def checks_of_text(columns: Mapping[str, str]) -> list[Check]:
    """Return the checks of rows that are still text: what cannot be split, then each value against its type."""
    broken = Check("", sql.SQL("_reason is not null"), sql.SQL("_reason"))
    return [broken, *(_valid(name, kind) for name, kind in columns.items() if kind != "text")]


def any_fails(checks: Sequence[Check]) -> sql.Composable:
    """Return the condition that a row fails one of the checks."""
    return sql.SQL(" or ").join(check.fails for check in checks)


def quarantine(
    cursor: extensions.cursor,
    table: sql.Composable,
    columns: Sequence[str],
    checks: Sequence[Check],
    *,
    batch: Batch,
    now: datetime,
    as_text: bool = False,
) -> int:
    """Move the rows of a table that fail a check to `quarantine.row`, each with its first reason; returns how many."""
    if not checks:
        return 0
    cases = sql.SQL(" ").join(
        sql.SQL("when {} then {}").format(check.fails, sql.Literal(check.column or None)) for check in checks
    )
    reasons = sql.SQL(" ").join(sql.SQL("when {} then {}").format(check.fails, check.reason) for check in checks)
    pairs = [sql.SQL("{}, {}").format(sql.Literal(name), sql.Identifier(name)) for name in columns]
    # A function takes at most a hundred arguments; wide tables are put together from pieces.
    pieces = [
        sql.SQL("jsonb_build_object({})").format(sql.SQL(", ").join(pairs[start : start + 50]))
        for start in range(0, len(pairs), 50)
    ]
    whole = sql.SQL(" || ").join(pieces)
    content = sql.SQL("({})::text").format(whole)
    if as_text:
        content = sql.SQL("coalesce(_content, (jsonb_build_object('_place', _place) || {})::text)").format(whole)
    cursor.execute(
        sql.SQL(
            "with bad as (delete from {table} where {fails} returning *)"
            " insert into quarantine.row (batch_id, source, stream, column_name, reason, content, quarantined_at)"
            " select {batch}, {source}, {stream}, case {cases} end, case {reasons} end, left({content}, {most}), {now}"
            " from bad"
        ).format(
            table=table,
            fails=any_fails(checks),
            batch=sql.Literal(batch.batch_id),
            source=sql.Literal(batch.source),
            stream=sql.Literal(batch.stream),
            cases=cases,
            reasons=reasons,
            content=content,
            most=sql.Literal(MAX_CONTENT),
            now=sql.Literal(now),
        )
    )
    return int(cursor.rowcount)


def _valid(name: str, kind: str) -> Check:
    value = without_no_day(name, kind)
    return Check(name, sql.SQL("pg_input_is_valid({}, {}) is false").format(value, sql.Literal(kind)), _got(name, kind))


def without_no_day(name: str, kind: str) -> sql.Composable:
    """Return a column of text, of which what MySQL has where there is no day, 0000-00-00, is nothing."""
    column = sql.Identifier(name)
    return sql.SQL("case when {0} !~ '^0000-00-00' then {0} end").format(column) if kind in _TIMES else column


def _got(name: str, expected: str) -> sql.Composed:
    return sql.SQL("{} || left({}::text, {}) || ''''").format(
        sql.Literal(f"{name}: expected {expected}, got '"), sql.Identifier(name), sql.Literal(_SHOWN)
    )
