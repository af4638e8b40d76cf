"""Expressions in YAML files, and where in the file each of their characters stands, whatever the scalar's style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from forewarn.config.yaml import Document
from forewarn.errors import ConfigError
from forewarn.expressions import Expression, ExpressionError, parse


def read_expression(
    document: Document, path: Sequence[str | int], text: str, columns: Mapping[str, str | None]
) -> Expression:
    """Parse the expression that stands at a path of a file.

    Raises
    ------
    ConfigError
        With the place inside the expression, and a hint.
    """
    try:
        return parse(text, columns)
    except ExpressionError as error:
        line, column = place_inside(document, path, text, error.line, error.column)
        raise ConfigError(document.file, line, column, f"`{path[-1]}`: {error.problem}", error.hint) from error


def place_inside(document: Document, path: Sequence[str | int], text: str, line: int, column: int) -> tuple[int, int]:
    """Return the file's line and column of a place inside a scalar value; all are counted from 1.

    YAML folds and indents a scalar, yet never changes the order of the characters that are not white space (escapes in
    double quotes aside): the n-th of them in the text is the n-th in the file.
    """
    lines = text.splitlines() or [""]
    before = [*lines[: line - 1], lines[min(line, len(lines)) - 1][: column - 1]]
    wanted = sum(not char.isspace() for part in before for char in part)
    node: Any = document.content
    for part in path[:-1]:
        node = node[part]
    first, start = node.lc.value(path[-1])
    source = document.file.read_text(encoding="utf-8").splitlines()
    if source[first][start : start + 1] in {"|", ">"}:
        first, start = first + 1, 0
    elif source[first][start : start + 1] in {"'", '"'}:
        start += 1
    places = (
        (number + 1, at + 1)
        for number, content in enumerate(source[first:], start=first)
        for at, char in enumerate(content)
        if not char.isspace() and (number > first or at >= start)
    )
    return next(islice(places, wanted, None), document.place(path))
