"""The types of the language, and which of them go together.

They are coarser than PostgreSQL's: enough to refuse what an engine would refuse, not a second type system. `LITERAL`
is a quoted text whose type its surroundings decide, as in SQL: a date beside a date, a text beside a text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

TEXT, INTEGER, NUMERIC, BOOLEAN = "text", "integer", "numeric", "boolean"
TIMESTAMP, DATE, INTERVAL = "timestamptz", "date", "interval"
LITERAL, NULL, UNKNOWN = "literal", "null", "unknown"

_OPEN = frozenset({NULL, UNKNOWN})

NUMBERS = frozenset({INTEGER, NUMERIC})
TIMES = frozenset({TIMESTAMP, DATE})

_DECLARED = {
    TEXT: ("text", "varchar", "character varying", "char", "character", "bpchar", "citext", "name", "uuid"),
    INTEGER: ("smallint", "integer", "int", "bigint", "int2", "int4", "int8", "serial", "bigserial"),
    NUMERIC: ("numeric", "decimal", "real", "double precision", "double", "float", "float4", "float8"),
    BOOLEAN: ("boolean", "bool"),
    TIMESTAMP: (
        "timestamptz",
        "timestamp",
        "timestamp with time zone",
        "timestamp without time zone",
    ),
    DATE: ("date",),
    INTERVAL: ("interval",),
}
_KINDS = {name: kind for kind, declared in _DECLARED.items() for name in declared}


def declared(name: str | None) -> str:
    """Return the language's type of a PostgreSQL type name; `unknown` when it has none of its own."""
    return _KINDS.get(re.sub(r"\s*\([^)]*\)", "", name).strip().lower(), UNKNOWN) if name else UNKNOWN


def fits(kind: str, wanted: str) -> bool:
    """Whether a value of a type may stand where another type is wanted."""
    if kind in _OPEN or wanted in (UNKNOWN, kind):
        return True
    if wanted == TEXT:
        return kind == LITERAL
    return kind == INTEGER and wanted == NUMERIC


def comparable(left: str, right: str) -> bool:
    """Whether PostgreSQL compares two types without a cast."""
    if _OPEN & {left, right} or left == right:
        return True
    pair = {left, right}
    if pair <= NUMBERS or pair <= TIMES:
        return True
    return LITERAL in pair and bool(pair & (TIMES | {TEXT}))


def common(kinds: Sequence[str]) -> str | None:
    """Return the type of a value that comes from one of several, or None when they do not go together."""
    known = set(kinds) - _OPEN
    if not known:
        return UNKNOWN if UNKNOWN in kinds else NULL
    if not all(comparable(left, right) for left in known for right in known):
        return None
    if UNKNOWN in kinds:
        return UNKNOWN
    for wider, narrower in ((TEXT, {LITERAL}), (NUMERIC, NUMBERS), (TIMESTAMP, TIMES | {LITERAL}), (DATE, {LITERAL})):
        if wider in known and known <= narrower | {wider}:
            return wider
    return known.pop()


def is_moment(text: str) -> bool:
    """Whether a quoted text is an ISO date or time."""
    try:
        datetime.fromisoformat(text.strip())
    except ValueError:
        return False
    return True
