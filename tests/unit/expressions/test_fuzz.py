"""Whatever the text: an allowed tree or an ExpressionError, and what is printed reads back as the same tree."""

import string

import pytest
from expression_soup import COLUMNS, PIECES, soups
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from forewarn.expressions import ExpressionError, parse, render, written

FORBIDDEN = (
    exp.Query,
    exp.Window,
    exp.AggFunc,
    exp.Anonymous,
    exp.Command,
    exp.Parameter,
    exp.Placeholder,
    exp.Star,
    exp.DDL,
)
MANY = settings(max_examples=1200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _holds(text: str) -> None:
    try:
        expression = parse(text, COLUMNS)
    except ExpressionError as error:
        if not (error.problem and 1 <= error.line <= text.count("\n") + 1 and 1 <= error.column <= len(text) + 1):
            pytest.fail(f"{error} has no place in {text!r}")
        return
    assert not any(isinstance(node, FORBIDDEN) for node in expression.tree.walk())
    assert {column.name for column in expression.tree.find_all(exp.Column)} <= COLUMNS.keys()
    assert all(identifier.quoted for identifier in expression.tree.find_all(exp.Identifier))
    render(expression)
    assert parse(written(expression), COLUMNS) == expression


@MANY
@given(st.text(max_size=80))
def test_any_text(text: str) -> None:
    _holds(text)


@MANY
@given(st.text(alphabet=string.printable, max_size=60))
def test_any_keyboard_text(text: str) -> None:
    _holds(text)


@MANY
@given(soups())
@example("a in (1) is null")
@example("not - a between 1 and 2")
@example("'a' 'b' || t")
@example("interval '3' day * 2 + ts")
def test_any_order_of_words(text: str) -> None:
    _holds(text)


@MANY
@given(
    st.sampled_from([
        "case when a > 5 and t = 'x' then coalesce(b, 0) / nullif(a, 0) else -1 end > 3",
        "ts + interval '3 days' < '2026-01-31' or t not in ('a', 'b')",
        "split_part(lower(trim(t)), '-', 1) like 'x%' and f is not true",
        "to_timestamp(t, 'YYYY-MM-DD') at time zone 'UTC' is distinct from ts",
    ]),
    st.data(),
)  # fmt: skip
def test_any_mutation_of_an_allowed_text(text: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 6)))
        text = text[:start] + data.draw(st.sampled_from([*PIECES, "", *string.punctuation])) + text[end:]
    _holds(text)


def test_the_soup_holds_allowed_expressions() -> None:
    """The properties above would hold of an empty language too."""
    allowed = 0

    @settings(max_examples=400, deadline=None, database=None, derandomize=True)
    @given(soups())
    def count(text: str) -> None:
        nonlocal allowed
        try:
            parse(text, COLUMNS)
        except ExpressionError:
            return
        allowed += 1

    count()
    if allowed < 80:
        pytest.fail(f"only {allowed} of 400 generated texts were allowed")
