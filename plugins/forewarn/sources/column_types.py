"""The types of a stream's columns, as far as its configuration tells them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sqlglot import exp

from forewarn.config.entities import entities, keys
from forewarn.expressions import Expression, names, parse
from forewarn.expressions.conversions import ExcelDate
from forewarn.sources.model import FileStream, Source, Stream

_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.Abs, exp.Round, exp.Floor, exp.Ceil)
_COMPARISON = (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.EQ, exp.NEQ, exp.Between, exp.In, exp.Greatest, exp.Least)


class Columns(Mapping[str, "str | None"]):
    """Columns of a source that has not been asked yet: every name may exist.

    A name without double quotes keeps its capitals: the header of a CSV file is not folded as a database's names are.
    """

    def __init__(self, types: Mapping[str, str | None], text: str) -> None:
        self._types, self._text = types, text

    def __getitem__(self, name: str) -> str | None:
        return self._types.get(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", self._text) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._types)

    def __len__(self) -> int:
        return len(self._types)


def expressions(stream: Stream) -> Iterator[tuple[str, str | None, Expression]]:
    """Yield entity, entity column (None for a condition) and expression of everything that a stream maps."""
    if marked := stream.deletes.marked_by:
        yield "", None, parse(marked, Columns({}, marked))
    for condition in stream.quarantine.values():
        yield "", None, parse(condition, Columns({}, condition))
    for entity, mapping in stream.entities.items():
        texts: list[tuple[str | None, str]] = list(mapping.columns.items())
        # The number of what a row belongs to says whose it is.
        texts += [("account_id", text) for text in mapping.belongs_to.values()]
        if mapping.where is not None:
            texts.append((None, mapping.where))
        for column, text in texts:
            yield entity, column, parse(text, Columns({}, text))


def mapped_columns(stream: Stream) -> set[str]:
    """Return the columns that some mapping reads."""
    return {*_lookup_columns(stream), *(name for *_, text in expressions(stream) for name in _own(stream, text))}


def personal_columns(stream: Stream) -> set[str]:
    """Return the columns that hold a person's words or address, for this stream or for one that looks them up."""
    found = {*stream.personal, *_lent_columns(stream, personal=True)}
    for entity, column, expression in expressions(stream):
        if column is not None and entities()[entity].columns[column].personal:
            found |= _own(stream, expression)
    return found


def plain_columns(stream: Stream) -> set[str]:
    """Return the columns that something other than a person's words or address is read from."""
    found = {*stream.key, *([stream.cursor] if stream.cursor else [])}
    found |= _lookup_columns(stream) | _lent_columns(stream, personal=False)
    for entity, column, expression in expressions(stream):
        if column is None or not entities()[entity].columns[column].personal:
            found |= _own(stream, expression)
    return found


def identifying_columns(stream: Stream) -> set[str]:
    """Return the columns that tell records apart, say whose they are, or decide whether they count."""
    found = {*stream.key, *([stream.cursor] if stream.cursor else []), *_lookup_columns(stream)}
    for entity, column, expression in expressions(stream):
        if column is None or column in (*keys(entity), "account_id"):
            found |= _own(stream, expression)
    return found


def _own(stream: Stream, expression: Expression) -> frozenset[str]:
    """Return the columns of the stream itself that an expression reads, not those that it looks up."""
    return names(expression) - stream.lookup.keys()


def _lookup_columns(stream: Stream) -> set[str]:
    """Return the columns with the numbers by which a stream looks up."""
    texts = [text for one in stream.lookup.values() for text in one.by]
    return {name for text in texts for name in _own(stream, parse(text, Columns({}, text)))}


def _lent_columns(stream: Stream, *, personal: bool) -> set[str]:
    """Return the columns that other streams look up in this one."""
    texts = [one.take for one in stream.lent if one.personal == personal]
    return {name for text in texts for name in _own(stream, parse(text, Columns({}, text)))}


def required_columns(stream: Stream) -> dict[str, str]:
    """Return the columns without which a row is no record of an entity → that entity's column, `ticket.account_id`.

    Only columns that are mapped as they stand: an expression may give a value for nothing, and `where` may leave such
    rows out.
    """
    found: dict[str, str] = {}
    for entity, column, expression in expressions(stream):
        if column is None or stream.entities[entity].where is not None:
            continue
        if stream.entities[entity].partial and column not in keys(entity):
            continue
        if (
            column == "account_id"
            and stream.entities[entity].belongs_to
            and "account_id" in stream.entities[entity].columns
        ):
            # Either of the two will do.
            continue
        if not _own(stream, expression):
            # What is looked up may come later.
            continue
        if entities()[entity].columns[column].required and isinstance(expression.tree, exp.Column):
            found.setdefault(expression.tree.name, f"{entity}.{column}")
    return found


def wanted_columns(stream: Stream) -> list[str]:
    """Return the columns that a stream must have: its key, its cursor, what is declared and what is mapped."""
    wanted = [*stream.key, *([stream.cursor] if stream.cursor else []), *stream.columns]
    for _, _, expression in expressions(stream):
        wanted += sorted(_own(stream, expression))
    wanted += sorted(_lookup_columns(stream))
    wanted += sorted(_lent_columns(stream, personal=False) | _lent_columns(stream, personal=True))
    # What counts the rows that agree is counted when they are read.
    own = stream.repeats if isinstance(stream, FileStream) else None
    return [name for name in dict.fromkeys(wanted) if name != own]


def column_types(source: Source, stream: Stream) -> dict[str, str | None]:
    """Return the type of each wanted column; None where only the source itself can tell.

    Declared types win. A column that is mapped as it stands has the entity column's type; one that is used in
    arithmetic or compared with a number is numeric; what remains is text, except in a database, which has types of
    its own.
    """
    types: dict[str, str | None] = dict.fromkeys(wanted_columns(stream), None if source.kind == "sql" else "text")
    if source.kind != "sql":
        types |= guessed_types(stream)
    # A time without a zone is landed as a moment, in the source's zone.
    return types | {name: "timestamptz" if kind == "timestamp" else kind for name, kind in stream.columns.items()}


def readable_types(source: Source, stream: Stream) -> dict[str, str | None]:
    """Return the types of all that a stream's mappings may read: its columns, and what it looks up."""
    types = column_types(source, stream)
    for name, one in stream.lookup.items():
        if (other := source.streams.get(one.stream)) is not None:
            kind = parse(one.take, Columns(column_types(source, other), one.take)).type
            types[name] = None if kind == "unknown" else kind
    return types


def guessed_types(stream: Stream) -> dict[str, str]:
    """Return the types that the mappings imply, for columns about which they agree."""
    guesses: dict[str, set[str]] = {name: {"text"} for name in _lookup_columns(stream)}
    for entity, column, expression in expressions(stream):
        tree = expression.tree
        if isinstance(tree, exp.Column):
            kind = entities()[entity].columns[column].type if column else "boolean"
            guesses.setdefault(tree.name, set()).add(kind)
        else:
            for node in tree.find_all(exp.Column):
                if kind_of_use := _use(node):
                    guesses.setdefault(node.name, set()).add(kind_of_use)
    return {name: kinds.pop() for name, kinds in guesses.items() if len(kinds) == 1 and name not in stream.lookup}


def _is_of_division(node: exp.Expr) -> bool:
    """Whether a node is the cast by which a division keeps the fractions of whole numbers, and nobody's own."""
    return type(node) is exp.Cast and node.is_type(exp.DType.DECIMAL)


def _use(column: exp.Expr) -> str | None:
    node, parent = column, column.parent
    around = (exp.Paren, exp.Coalesce, exp.Nullif)
    while parent is not None and (isinstance(parent, around) or _is_of_division(parent)):
        node, parent = parent, parent.parent
    if isinstance(parent, exp.UnixToTime | ExcelDate):
        return "numeric"
    if isinstance(parent, exp.Mul | exp.Div):
        return "numeric"
    if isinstance(parent, _ARITHMETIC):
        return "timestamptz" if parent.find(exp.Interval) else "numeric"
    if isinstance(parent, _COMPARISON):
        others = [other for other in parent.iter_expressions() if other is not node]
        if any(isinstance(other, exp.Literal) and not other.is_string for other in others):
            return "numeric"
    return None
