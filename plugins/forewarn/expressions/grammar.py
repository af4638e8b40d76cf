"""The list of what may be in an expression. What is not in it, is not in the language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from forewarn.expressions.kinds import BOOLEAN, DATE, INTEGER, LITERAL, NUMERIC, TEXT, TIMESTAMP, UNKNOWN

SAME, COMMON = "same", "common"


@dataclass(frozen=True)
class Function:
    """One function.

    Attributes
    ----------
    arguments
        Name of each argument in the tree with the type it wants; `expressions` is a list.
    result
        A type, `same` for the first argument's, or `common` for what all arguments have in common.
    optional
        Arguments that may be left out.
    flags
        Further settings of the node with the values that they may have.
    """

    arguments: Mapping[str, str]
    result: str
    optional: frozenset[str] = frozenset()
    flags: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)


FUNCTIONS: dict[type[exp.Expr], Function] = {
    exp.Lower: Function({"this": TEXT}, TEXT),
    exp.Upper: Function({"this": TEXT}, TEXT),
    exp.Length: Function({"this": TEXT}, INTEGER),
    exp.Trim: Function(
        {"this": TEXT, "expression": TEXT},
        TEXT,
        optional=frozenset({"expression"}),
        flags={"position": ("LEADING", "TRAILING", "BOTH")},
    ),
    exp.Replace: Function({"this": TEXT, "expression": TEXT, "replacement": TEXT}, TEXT),
    exp.Substring: Function({"this": TEXT, "start": INTEGER, "length": INTEGER}, TEXT, optional=frozenset({"length"})),
    exp.SplitPart: Function({"this": TEXT, "delimiter": TEXT, "part_index": INTEGER}, TEXT),
    exp.Left: Function({"this": TEXT, "expression": INTEGER}, TEXT),
    exp.Right: Function({"this": TEXT, "expression": INTEGER}, TEXT),
    exp.StrPosition: Function({"this": TEXT, "substr": TEXT}, INTEGER),
    exp.Concat: Function({"expressions": UNKNOWN}, TEXT, flags={"safe": (True, False), "coalesce": (True, False)}),
    exp.Abs: Function({"this": NUMERIC}, SAME),
    exp.Floor: Function({"this": NUMERIC}, SAME),
    exp.Ceil: Function({"this": NUMERIC}, SAME),
    exp.Round: Function({"this": NUMERIC, "decimals": INTEGER}, NUMERIC, optional=frozenset({"decimals"})),
    exp.Coalesce: Function({"this": UNKNOWN, "expressions": UNKNOWN}, COMMON),
    exp.Greatest: Function({"this": UNKNOWN, "expressions": UNKNOWN}, COMMON, flags={"ignore_nulls": (True,)}),
    exp.Least: Function({"this": UNKNOWN, "expressions": UNKNOWN}, COMMON, flags={"ignore_nulls": (True,)}),
    exp.StrToTime: Function({"this": TEXT, "format": LITERAL}, TIMESTAMP),
    exp.StrToDate: Function({"this": TEXT, "format": LITERAL}, DATE),
    exp.UnixToTime: Function({"this": NUMERIC}, TIMESTAMP),
    exp.Pad: Function({"this": TEXT, "expression": INTEGER, "fill_pattern": TEXT}, TEXT, flags={"is_left": (True,)}),
}
"""Functions whose arguments need no rule of their own."""

FUNCTION_NAMES = (
    "abs", "btrim", "cast", "ceil", "char_length", "coalesce", "concat", "date_trunc", "excel_date", "extract",
    "floor", "greatest", "hash_of", "least", "left", "length", "lower", "lpad", "ltrim", "nullif", "number",
    "position", "replace", "right", "round", "rtrim", "split_part", "strpos", "substr", "substring", "to_date",
    "to_timestamp", "trim", "truth", "upper",
)  # fmt: skip

COMPARISONS: tuple[type[exp.Expr], ...] = (
    exp.EQ,
    exp.NEQ,
    exp.GT,
    exp.GTE,
    exp.LT,
    exp.LTE,
    exp.NullSafeEQ,
    exp.NullSafeNEQ,
)
ARITHMETIC: tuple[type[exp.Expr], ...] = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod)
PATTERNS: tuple[type[exp.Expr], ...] = (exp.Like, exp.ILike)

PREDICATES: tuple[type[exp.Expr], ...] = (
    *COMPARISONS,
    *PATTERNS,
    exp.Is,
    exp.In,
    exp.Between,
    exp.Not,
    exp.And,
    exp.Or,
)
"""What may not be an operand of an operator without parentheses: engines disagree on how they then bind."""

CASTS: dict[exp.DType, tuple[str, frozenset[str]]] = {
    exp.DType.TEXT: (TEXT, frozenset({TEXT, LITERAL, INTEGER, NUMERIC, BOOLEAN, TIMESTAMP, DATE, "interval"})),
    exp.DType.DECIMAL: (NUMERIC, frozenset({TEXT, LITERAL, INTEGER, NUMERIC})),
    exp.DType.BOOLEAN: (BOOLEAN, frozenset({TEXT, LITERAL, BOOLEAN})),
    exp.DType.DATE: (DATE, frozenset({TEXT, LITERAL, DATE, TIMESTAMP})),
    exp.DType.TIMESTAMP: (TIMESTAMP, frozenset({TEXT, LITERAL, DATE, TIMESTAMP})),
    exp.DType.TIMESTAMPTZ: (TIMESTAMP, frozenset({TEXT, LITERAL, DATE, TIMESTAMP})),
}
"""Target of a cast: the language's type and the types it can come from."""

CAST_NAMES = ("boolean", "date", "numeric", "text", "timestamp", "timestamptz")

INTERVAL_UNITS = frozenset(
    unit + plural for unit in ("SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "YEAR") for plural in ("", "S")
)
TIME_PARTS = frozenset(
    {"SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR", "DOW", "ISODOW", "DOY", "EPOCH"}
)
TRUNCATIONS = frozenset({"MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR"})

REFUSED: tuple[tuple[tuple[type[exp.Expr], ...], str, str], ...] = (
    ((exp.Query, exp.Subquery, exp.Exists), "a query inside an expression", "use declared columns only"),
    ((exp.Window,), "a window function", "declare the metric in the features instead"),
    ((exp.AggFunc,), "an aggregate function", "an expression sees one row; declare the metric in the features instead"),
    (
        (exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime, exp.Localtime, exp.Localtimestamp),
        "the clock",
        "results must not depend on when they are computed; compare with a declared date",
    ),
    ((exp.Parameter, exp.Placeholder), "a parameter", "write the value"),
    ((exp.Star,), "`*` as a column", "name the column"),
    ((exp.Tuple,), "a list in parentheses", "use it after `in` only"),
)
