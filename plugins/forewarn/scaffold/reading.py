"""How a mapping names a column, and the expression that reads it as a type of the canonical entities."""

from __future__ import annotations

import re
from collections.abc import Sequence

from forewarn.expressions import ExpressionError, parse
from forewarn.scaffold import names
from forewarn.scaffold.shapes import SINCE_1970, Shape, as_time, number_of
from forewarn.scaffold.table import Column

_MAX_NAME = 63
_LOCAL = ("dmy", "mdy", "either")
# A till that counts days does not count centuries.
_MOST_DAYS, _DAYS_OF_A_MONTH = 20_000, 31
# A text between its quotes, a name between its own, a word or a number.
_WORD = re.compile(r"""'[^']*'|"[^"]*"|\w+""")


def can_be_named(name: str) -> bool:
    """Whether an expression can name a column, and the warehouse keep it."""
    if not name or name != name.strip() or '"' in name or len(name.encode()) > _MAX_NAME or not name.isprintable():
        return False
    return name not in ("_loaded_at", "_batch_id", "_row_hash") and not any(
        "\ud800" <= sign <= "\udfff" for sign in name
    )


def named(name: str) -> str:
    """Return a column's name as an expression: in double quotes where it is not a plain word."""
    if name.isascii() and name.replace("_", "a").isalnum() and not name[0].isdigit():
        try:
            expression = parse(name, {name: None})
            if expression.tree.key == "column" and expression.tree.name == name:
                return name
        except ExpressionError:
            pass
    return f'"{name}"'


def expression_of(column: Column, kind: str) -> str:
    """Return the expression that reads a column as a type of the canonical entities."""
    name = named(column.name)
    for word in column.nothing:
        name = f"nullif({name}, '{word}')"
    shape = timed(column) if kind == "timestamptz" else column.shape
    if kind == "timestamptz":
        return _moment_of(column, name, shape)
    if kind == "numeric":
        ways = {"point": f"number({name})", "comma": f"number({name}, ',')"}
        text = ways.get(shape.how, name)
        is_minor = names.parts(column.name)[-1:] and names.parts(column.name)[-1] in names.MONEY_PARTS
        return divided(column, text, 100) if is_minor else text
    if kind == "boolean":
        return f"truth({name})"
    return name if column.declared in (None, "text") else f"cast({name} as text)"


def _moment_of(column: Column, name: str, shape: Shape) -> str:
    if (parts := SINCE_1970.get(shape.how)) is not None:
        return f"to_timestamp({name if parts == 1 else divided(column, name, parts)})"
    if column.nothing and shape.how in _LOCAL:
        # A text that is not only a day lands as text, to which the stream's date_order does not apply.
        return f"to_date({name}, '{_pattern(column.present[0], shape.how)}')"
    if "YY" in shape.how:
        return f"to_timestamp({name}, '{shape.how}')"
    return f"excel_date({name})" if shape.how == "excel" else name


def _pattern(value: str, order: str) -> str:
    """Return how a day in a local order is written: DD/MM/YYYY."""
    first, second = ("MM", "DD") if order == "mdy" else ("DD", "MM")
    signs = [sign for sign in value if not sign.isdecimal()]
    year = "YYYY" if re.search(r"\d{4}", value) else "YY"
    return f"{first}{signs[0]}{second}{signs[1]}{year}"


def divided(column: Column, text: str, by: int) -> str:
    """Return a column's expression divided by a number; what is text must be read as a number first."""
    bare = text == named(column.name) and column.declared in (None, "text")
    return f"number({text}) / {by}" if bare else f"{text} / {by}"


def timed(column: Column) -> Shape:
    """Return what a column's values look like where its name says that they are times."""
    found = as_time(column.shape, column.present)
    # Of a time of day, what a spreadsheet counts as days are seconds.
    of_day = found.how == "excel" and "time" in names.folded(column.name) and "date" not in names.folded(column.name)
    return column.shape if of_day else found


def fits(column: Column, kind: str) -> bool:
    """Whether a column's values can be read as a type of the canonical entities."""
    shape = column.shape
    if kind == "timestamptz":
        return shape.kind == "time" or (_speaks_of_time(column.name) and timed(column).kind == "time")
    if kind == "numeric":
        return shape.kind == "number"
    if kind == "boolean":
        return shape.kind == "truth" or (shape.kind == "number" and column.distinct <= {"0", "1"})
    return shape.kind in ("text", "number", "email", "phone", "truth") or (
        shape.kind == "empty" and column.declared == "text"
    )


def _speaks_of_time(name: str) -> bool:
    said = ("date", "time", "datum", "fecha", "data", "dt", "at", "on", "ts", "day", "日期", "时间")
    if names.parts(name)[-1:] and names.parts(name)[-1] in ("unix", "epoch", "utc"):
        return True
    return any(
        text.startswith(said[:6]) or text.endswith(said) or "date" in text or "time" in text
        for text in names.spellings(name)
    )


def counted_days(columns: Sequence[Column], shared: str) -> Column | None:
    """Return the column that counts days from a day that nothing tells, as tills do."""
    return next(
        (
            column
            for column in columns
            if column.shape.whole and names.is_one_of(column.name, "day_numbers", shared) and _are_days(column)
        ),
        None,
    )


def _are_days(column: Column) -> bool:
    numbers = [number for value in column.distinct if (number := number_of(value)) is not None]
    return bool(numbers) and min(numbers) >= 0 and _DAYS_OF_A_MONTH < max(numbers) <= _MOST_DAYS


def reads(text: str, name: str) -> bool:
    """Whether an expression reads a column."""
    return not {name, f'"{name}"'}.isdisjoint(_WORD.findall(text))


def replaced(text: str, name: str, by: str) -> str:
    """Return an expression with another in the place of a column."""
    return _WORD.sub(lambda word: by if word[0] in (name, f'"{name}"') else word[0], text)
