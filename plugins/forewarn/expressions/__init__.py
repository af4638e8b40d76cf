"""The one small language of source mappings and rules: a closed part of SQL's expressions.

A text is parsed to a tree, checked against a list of what may be in it, typed where the columns' types are known, and
printed again from the tree. The text itself never reaches a database. docs/reference/expressions.md is its manual.
"""

from forewarn.expressions.errors import ExpressionError
from forewarn.expressions.expression import (
    Expression,
    as_type,
    conversions,
    names,
    parse,
    parts,
    renamed,
    render,
    written,
)

__all__ = [
    "Expression",
    "ExpressionError",
    "as_type",
    "conversions",
    "names",
    "parse",
    "parts",
    "renamed",
    "render",
    "written",
]
