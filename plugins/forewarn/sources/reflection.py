"""What columns a table of a database has, and as what they land, also where its driver does not tell."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy
from sqlalchemy import exc, types

_TYPES: list[tuple[type[types.TypeEngine[Any]], str]] = [
    (types.Boolean, "boolean"),
    (types.Integer, "bigint"),
    (types.Float, "double precision"),
    (types.Numeric, "numeric"),
    (types.DateTime, "timestamptz"),
    (types.Date, "date"),
    (types.JSON, "jsonb"),
]
# As standard SQL calls types.
_CALLED = {
    "boolean": r"bool(ean)?",
    "bigint": r"(tiny|small|big)?int(eger|\d)?|u(tiny|small)?int(eger)?",
    "double precision": r"double( precision)?|float\d?|real",
    "numeric": r"(decimal|numeric)(\(.*\))?|u?hugeint|ubigint",
    "timestamptz": r"timestamp.*|datetime",
    "date": r"date",
    "jsonb": r"json",
}


def described(connection: sqlalchemy.Connection, name: str, schema: str | None) -> dict[str, str]:
    """Return a table's columns with the types they land as.

    A driver that is made for an older SQLAlchemy may not find out; then standard SQL is asked, `information_schema`.

    Raises
    ------
    sqlalchemy.exc.NoSuchTableError
        There is no such table.
    """
    try:
        found = sqlalchemy.inspect(connection).get_columns(name, schema=schema)
    except exc.DBAPIError:
        connection.rollback()
        told = _standard(connection, name, schema)
        if not told:
            raise
        return told
    return {str(column["name"]): land_type(column["type"]) for column in found}


def primary_key(connection: sqlalchemy.Connection, name: str, schema: str | None) -> list[str]:
    """Return the columns of a table's primary key; none where it has none, or the driver does not tell."""
    try:
        found = sqlalchemy.inspect(connection).get_pk_constraint(name, schema=schema).get("constrained_columns")
    except exc.DBAPIError:
        connection.rollback()
        return []
    return [str(column) for column in found or []]


def land_type(kind: types.TypeEngine[Any]) -> str:
    """Return the PostgreSQL type that a database's type lands as."""
    return next((name for base, name in _TYPES if isinstance(kind, base)), "text")


def _standard(connection: sqlalchemy.Connection, name: str, schema: str | None) -> dict[str, str]:
    known = sqlalchemy.table("columns", schema="information_schema")
    told: list[sqlalchemy.ColumnClause[str]] = [sqlalchemy.column("column_name"), sqlalchemy.column("data_type")]
    asked = sqlalchemy.select(*told).select_from(known).where(sqlalchemy.column("table_name") == name)
    asked = asked.order_by(sqlalchemy.column("ordinal_position"))
    # Another schema may have a table of the same name.
    within = schema or connection.dialect.default_schema_name
    if within is not None:
        asked = asked.where(sqlalchemy.column("table_schema") == within.rpartition(".")[2])
    try:
        rows = connection.execute(asked).all()
    except exc.DBAPIError:
        connection.rollback()
        return {}
    return {str(row[0]): _called(str(row[1])) for row in rows}


def _called(kind: str) -> str:
    return next((name for name, said in _CALLED.items() if re.fullmatch(said, kind.lower())), "text")
