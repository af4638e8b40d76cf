"""Arithmetic: which types go together, and division that neither cuts fractions nor fails."""

from __future__ import annotations

from sqlglot import exp

from forewarn.expressions import kinds as types
from forewarn.expressions.kinds import (
    BOOLEAN,
    DATE,
    INTEGER,
    INTERVAL,
    LITERAL,
    NULL,
    NUMERIC,
    TEXT,
    TIMESTAMP,
    UNKNOWN,
)

_TIMES: dict[tuple[type[exp.Expr], str, str], str] = {
    (exp.Add, DATE, INTEGER): DATE,
    (exp.Sub, DATE, INTEGER): DATE,
    (exp.Sub, DATE, DATE): INTEGER,
    (exp.Sub, TIMESTAMP, TIMESTAMP): INTERVAL,
    (exp.Sub, TIMESTAMP, DATE): INTERVAL,
    (exp.Sub, DATE, TIMESTAMP): INTERVAL,
    **{(exp.Mul, INTERVAL, number): INTERVAL for number in (INTEGER, NUMERIC)},
    **{(exp.Mul, number, INTERVAL): INTERVAL for number in (INTEGER, NUMERIC)},
    **{(sign, left, INTERVAL): TIMESTAMP for sign in (exp.Add, exp.Sub) for left in (TIMESTAMP, DATE)},
    **{(sign, INTERVAL, INTERVAL): INTERVAL for sign in (exp.Add, exp.Sub)},
}


def result(kind: type[exp.Expr], left: str, right: str) -> str | None:
    """Return the type of an operation on two types, or None when they do not go together."""
    pair = {left, right}
    if pair <= types.NUMBERS:
        return INTEGER if pair == {INTEGER} and kind is not exp.Div else NUMERIC
    if UNKNOWN in pair and not {TEXT, LITERAL, NULL, BOOLEAN} & pair:
        return NUMERIC if kind in (exp.Div, exp.Mod) else UNKNOWN
    return _TIMES.get((kind, left, right))


def divide(kind: type[exp.Expr], left: tuple[exp.Expr, str], right: tuple[exp.Expr, str]) -> exp.Expr:
    """Return a division that keeps fractions and gives NULL for a divisor of zero."""
    dividend, divisor = left[0], right[0]
    if kind is exp.Mod:
        # PostgreSQL has no remainder of a double precision.
        dividend = dividend if left[1] == INTEGER else as_numeric(dividend)
        divisor = divisor if right[1] == INTEGER else as_numeric(divisor)
    elif NUMERIC not in (left[1], right[1]):
        dividend = as_numeric(dividend)
    if not (isinstance(divisor, exp.Nullif) and constant(divisor.expression) == "0"):
        divisor = exp.Nullif(this=divisor, expression=exp.Literal.number(0))
    settings = {"typed": True, "safe": False} if kind is exp.Div else {}
    return kind(this=dividend, expression=divisor, **settings)


def as_numeric(node: exp.Expr) -> exp.Expr:
    """Return a node cast to numeric, once."""
    if isinstance(node, exp.Cast) and node.to.this == exp.DType.DECIMAL:
        return node
    if isinstance(node, exp.Nullif) and constant(node.expression) == "0":
        return exp.Nullif(this=as_numeric(node.this), expression=node.expression)
    return exp.Cast(this=node, to=exp.DataType(this=exp.DType.DECIMAL, nested=False))


def constant(node: exp.Expr) -> str:
    """Return what a literal says, or nothing for any other node."""
    while isinstance(node, exp.Paren):
        node = node.this
    return str(node.this) if isinstance(node, exp.Literal) else ""
