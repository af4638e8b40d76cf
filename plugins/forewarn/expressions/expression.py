"""Parse a text to an expression and print an expression for an engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import TokenType

from forewarn.expressions import kinds as types
from forewarn.expressions.check import Checker, place
from forewarn.expressions.conversions import MAX_NESTED, doubtful, is_nested_too_deeply, spelled_out
from forewarn.expressions.errors import ExpressionError
from forewarn.expressions.grammar import CASTS

MAX_CHARACTERS = 2_000
MAX_DEPTH = 40
MAX_NODES = 300

_CHAINS = (exp.And, exp.Or, exp.Add, exp.DPipe)


@dataclass(frozen=True)
class Expression:
    """An allowed expression.

    Attributes
    ----------
    text : str
        As it was written.
    type : str
        text, numeric, boolean, timestamptz, date, interval or unknown.
    tree
        What `render` prints; equal trees are equal expressions.
    """

    text: str = field(compare=False)
    type: str
    tree: exp.Expr

    def __str__(self) -> str:
        return self.text


def parse(text: str, columns: Mapping[str, str | None], *, expect: str | None = None) -> Expression:
    """Return the expression that a text says.

    Parameters
    ----------
    text : str
        At most 2,000 characters.
    columns : mapping
        Each name that may be used with its PostgreSQL type, None where it is not known. A name with capitals or spaces
        is written in double quotes.
    expect : {"text", "numeric", "boolean", "timestamptz", "date"}, optional
        The type that the result must have; a rule's condition is boolean.

    Raises
    ------
    ExpressionError
        With line, column and a hint; never another exception, whatever the text.
    """
    _check_characters(text)
    try:
        _check_tokens(text)
        parsed = sqlglot.parse_one(text, dialect="postgres", into=exp.Condition)
        _check_size(parsed)
        tree, kind = Checker(text, columns).check(parsed)
    except SqlglotError as error:
        raise _unreadable(text, error) from None
    except RecursionError:
        raise ExpressionError(1, 1, "nested too deeply", "split it") from None
    if is_nested_too_deeply(tree):
        raise ExpressionError(1, 1, f"a value is converted more than {MAX_NESTED} times over", "convert it once")
    kind = {types.INTEGER: types.NUMERIC, types.LITERAL: types.TEXT, types.NULL: types.UNKNOWN}.get(kind, kind)
    if expect and not types.fits(kind, expect):
        raise ExpressionError(1, 1, f"the result must be {expect}, and this is {kind}", _conversion(kind, expect))
    return Expression(text=text, type=kind, tree=tree)


def render(expression: Expression, *, dialect: str = "postgres", table: str | None = None) -> str:
    """Return an expression as SQL of an engine, every column quoted and, where asked, prefixed with a table's name.

    A literal may hold `%`: a caller that passes parameters through psycopg2 doubles it.
    """
    return _printed(spelled_out(expression.tree, dialect), dialect, table)


def written(expression: Expression) -> str:
    """Return an expression as a text of the language itself, which `parse` reads as the same expression."""
    return expression.tree.sql(dialect="postgres", identify=True, comments=False)


def parts(expression: Expression) -> tuple[Literal["and", "or"], list[str]]:
    """Return by what a condition joins others, and each as a text of the language; itself if it joins none.

    Names are without quotes, so that only those that need none may be in it.
    """
    tree = expression.tree.copy()
    for name in tree.find_all(exp.Identifier):
        name.set("quoted", False)
    for divisor in list(tree.find_all(exp.Nullif)):
        # `parse` puts it there, and will again.
        if isinstance(divisor.parent, exp.Div) and divisor.expression == exp.Literal.number(0):
            divisor.replace(divisor.this)
    joined = list(tree.flatten(unnest=False)) if isinstance(tree, (exp.And, exp.Or)) else [tree]
    return "or" if isinstance(tree, exp.Or) else "and", [
        part.sql(dialect="postgres", comments=False) for part in joined
    ]


def conversions(expression: Expression, *, dialect: str = "postgres") -> Iterator[tuple[str, str, str]]:
    """Yield, for each conversion that nothing guards: what it reads and what it makes, as SQL, and what it expects.

    The first is a value that is there, and the second null, exactly where the value cannot be read.
    """
    for node, wanted in doubtful(expression.tree):
        read, made = (_printed(spelled_out(part, dialect), dialect, None) for part in (node.this, node))
        yield read, made, wanted


def _printed(tree: exp.Expr, dialect: str, table: str | None) -> str:
    if table is not None:
        for column in list(tree.find_all(exp.Column)):
            column.set("table", exp.to_identifier(table, quoted=True))
    return tree.sql(dialect=dialect, identify=True, comments=False)


def as_type(expression: Expression, wanted: str) -> Expression:
    """Return an expression of which a text result is converted to another type; any other stays as it is."""
    target = next((kind for kind, (name, _) in CASTS.items() if name == wanted), None)
    if expression.type != types.TEXT or target is None or wanted == types.TEXT:
        return expression
    if isinstance(expression.tree, exp.Literal):
        return expression
    if target == exp.DType.TIMESTAMP:
        target = exp.DType.TIMESTAMPTZ
    tree = exp.TryCast(this=expression.tree.copy(), to=exp.DataType(this=target, nested=False))
    return Expression(text=expression.text, type=wanted, tree=tree)


def names(expression: Expression) -> frozenset[str]:
    """Return the columns that an expression reads."""
    return frozenset(column.name for column in expression.tree.find_all(exp.Column))


def renamed(expression: Expression, columns: Mapping[str, str]) -> Expression:
    """Return an expression that reads other columns in place of some: name → name."""
    tree = expression.tree.copy()
    for column in tree.find_all(exp.Column):
        if column.name in columns:
            column.set("this", exp.to_identifier(columns[column.name], quoted=True))
    return Expression(text=expression.text, type=expression.type, tree=tree)


def _check_characters(text: str) -> None:
    if not text.strip():
        raise ExpressionError(1, 1, "the expression is empty", "write a column's name, for example")
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(1, 1, f"{len(text)} characters are more than {MAX_CHARACTERS}", "split it")
    for offset, character in enumerate(text):
        if not (character.isprintable() or character in "\n\t ") or "\ud800" <= character <= "\udfff":
            line, column = place(text, offset)
            raise ExpressionError(line, column, f"the character U+{ord(character):04X} is not allowed", "remove it")


def _check_tokens(text: str) -> None:
    for token in sqlglot.tokenize(text, dialect="postgres"):
        line, column = place(text, token.start)
        if token.comments or token.token_type == TokenType.HINT:
            raise ExpressionError(line, column, "comments are not part of the language", "remove it")
        if token.token_type == TokenType.SEMICOLON:
            raise ExpressionError(line, column, "`;` is not part of the language", "write one expression")
        if token.token_type == TokenType.IDENTIFIER and not token.text:
            raise ExpressionError(line, column, "a name in double quotes is empty", "name the column")


def _check_size(tree: exp.Expr) -> None:
    """Refuse a tree that is too large before anything walks it by recursion."""
    seen, stack = 0, [(tree, 1)]
    while stack:
        node, depth = stack.pop()
        seen += 1
        if seen > MAX_NODES:
            raise ExpressionError(1, 1, f"more than {MAX_NODES} parts", "split it")
        if depth > MAX_DEPTH:
            raise ExpressionError(1, 1, f"nested more than {MAX_DEPTH} deep", "split it")
        for child in node.iter_expressions():
            # `a or b or c` is one list to its reader, though a chain of nodes in the tree.
            same = type(child) is type(node) and isinstance(node, _CHAINS)
            stack.append((child, depth if same else depth + 1))


def _unreadable(text: str, error: SqlglotError) -> ExpressionError:
    details = getattr(error, "errors", None) or [{}]
    near = str(details[0].get("highlight") or "")
    # The parser's own count of lines errs after a dollar quote, so the place never leaves the text.
    lines = text.split("\n")
    line = min(int(details[0].get("line") or 1), len(lines))
    column = min(max(1, int(details[0].get("col") or 1) - len(near) + 1), len(lines[line - 1]) + 1)
    problem = f"cannot be read near `{near[:40]}`" if near else "cannot be read: something is missing or not closed"
    return ExpressionError(line, column, problem, "check quotes, parentheses and operators")


def _conversion(kind: str, expect: str) -> str:
    if expect == types.BOOLEAN:
        return "write a comparison, for example amount > 0"
    return f"use cast(… as {expect})" if kind != types.BOOLEAN else "use case when … then … end"
