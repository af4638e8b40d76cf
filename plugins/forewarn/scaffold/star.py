"""Days that rows have only as a number, and a table of days in words, as in a star schema: what a look-up may bring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from forewarn.scaffold import names
from forewarn.scaffold.looking_up import Lookup, free_name, leads
from forewarn.scaffold.matching import Reader
from forewarn.scaffold.reading import named
from forewarn.scaffold.table import Column

_DAYS = ("date", "calendar", "day", "datum", "kalender", "fecha", "calendrier", "calendario", "日期")
_ALL = 0.9


def with_days(readers: Sequence[Reader]) -> list[Reader]:
    """Return the readers; those of tables that name a day by its number have it as a column more."""
    tables = [(reader, day) for reader in readers if (day := _day(reader)) is not None]
    return [_with_days(reader, [one for one in tables if one[0] is not reader]) for reader in readers]


def _day(reader: Reader) -> Column | None:
    """Return the column of the days, where the rows of a table are days."""
    if len(reader.key) != 1 or not {*names.told(reader.called), *_first(reader)} & set(_DAYS):
        return None
    times = [column for column in reader.usable if column.shape.kind == "time" and [column.name] != reader.key]
    return next((column for column in times if column.is_unique), None)


def _first(reader: Reader) -> list[str]:
    return names.parts(reader.key[0].removeprefix(reader.shared))[:1]


def _with_days(reader: Reader, tables: Sequence[tuple[Reader, Column]]) -> Reader:
    taken = {column.name for column in reader.table.columns}
    columns: list[Column] = []
    lookups: list[Lookup] = []
    for column in reader.usable:
        for other, day in tables:
            key = other.table.column(other.key[0])
            if column.shape.kind == "time" or not column.distinct or not leads(column, reader, other, key):
                continue
            if len(column.distinct & key.distinct) < _ALL * len(column.distinct):
                continue
            said = names.parts(column.name.removeprefix(reader.shared))
            said = said[:-1] if names.is_number(said[-1]) else said
            name = free_name(f"{reader.shared}{'_'.join(said)}_day", taken)
            taken.add(name)
            of = dict(zip(key.values, day.values, strict=True))
            columns.append(Column(name, day.declared, [of.get(value) for value in column.values]))
            lookups.append(Lookup(name, other, named(column.name), named(day.name)))
            break
    if not columns:
        return reader
    table = replace(reader.table, columns=[*reader.table.columns, *columns])
    return replace(reader, table=table, lookups=tuple(lookups))
