"""The models' SQL goes to another engine: nothing in it is one engine's own but what stands in a dispatched macro."""

from __future__ import annotations

import re
import sys
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
import sqlglot

sys.path.insert(0, str(Path(__file__).parent))

from rendering import DBT, Engine

MODELS = sorted((DBT / "models").rglob("*.sql")) + [
    file for layer in ("intermediate", "marts") for file in sorted((DBT / "tests" / layer).glob("*.sql"))
]
OF_ONE_ENGINE = {
    r"::": "cast(… as …)",
    r"\bdistinct on\b": "row_number()",
    r"\bgenerate_series\b": "time_spine, or digits",
    r"(?<![<>!=])~\*?(?= ')": "a dispatched macro",
    r"\bto_char\b": "a dispatched macro",
    r"->": "a dispatched macro",
    r"\bat time zone\b": "utc_day, midnight",
    r"\bextract\(epoch\b": "days_between",
    r"\bextract\((?:dow|isodow)\b": "a dispatched macro",
    r"\binterval\b": "plus_days, minus_days",
    r"\b(?:now|clock_timestamp)\(": "run_as_of_date",
    r"\bcurrent_(?:date|timestamp|time)\b": "run_as_of_date",
    r"\blateral\b": "for_each_date",
    r"\bstring_agg\b|\barray_agg\b": "a dispatched macro",
    r"\bdouble precision\b": "type_double",
    r"\bas (?:text|numeric|timestamptz)\b": "type_text, canonical_type",
    r"\brecursive\b": "a spine",
}
# What may not be left in SQL for Spark, wherever it came from.
NOT_SPARK = r"::|\bat time zone\b|\bdouble precision\b|\blateral \(|\bas text\b|\bas numeric\b|\btimestamptz\b"
JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|--[^\n]*", re.DOTALL)
EDGES = [
    (date(2024, 1, 31), date(2024, 2, 29)),
    (date(2023, 1, 31), date(2023, 2, 28)),
    (date(2023, 11, 30), date(2024, 2, 29)),
    (date(2024, 1, 15), date(2024, 4, 15)),
    (date(2024, 1, 15), date(2024, 4, 14)),
    (date(2024, 2, 29), date(2025, 2, 28)),
    (date(2024, 12, 31), date(2025, 1, 1)),
    (date(2024, 3, 30), date(2024, 4, 1)),
    (date(1999, 12, 31), date(2024, 6, 30)),
]
FULL_MONTHS = [1, 1, 3, 3, 2, 12, 0, 0, 294]


def _name(file: Path) -> str:
    return file.stem


@pytest.fixture(scope="module", params=["postgres", "spark"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return Engine(str(request.param))


def test_there_are_models() -> None:
    assert len(MODELS) > 50


@pytest.mark.parametrize("file", MODELS, ids=_name)
def test_a_model_is_written_in_no_engines_own_words(file: Path) -> None:
    written = JINJA.sub(" ", file.read_text("utf-8"))
    found = {word: instead for word, instead in OF_ONE_ENGINE.items() if re.search(word, written, re.IGNORECASE)}
    assert found == {}, f"{file.name}: write this instead"


@pytest.mark.parametrize("file", MODELS, ids=_name)
def test_a_model_is_sql_for_both_engines(file: Path, engine: Engine) -> None:
    rendered = engine.model(file)
    dialect = "spark" if engine.prefix == "spark" else "postgres"
    sqlglot.parse_one(rendered, dialect=dialect, error_level=sqlglot.ErrorLevel.RAISE)
    if engine.prefix == "spark":
        left = re.findall(NOT_SPARK, re.sub(r"--[^\n]*", "", rendered), re.IGNORECASE)
        assert left == [], file.name


def test_every_macro_that_is_postgresqls_own_has_a_variant_for_spark() -> None:
    text = "".join(file.read_text("utf-8") for file in sorted((DBT / "macros").glob("*.sql")))
    own = {name for name in re.findall(r"macro default__(\w+)", text) if name != "snapshot_get_time"}
    assert own == set(re.findall(r"macro spark__(\w+)", text))
    assert len(own) >= 9


def _value(engine: Engine, expression: str) -> object:
    """The value of an expression without tables, computed by DuckDB after sqlglot has translated it."""
    dialect = "spark" if engine.prefix == "spark" else "postgres"
    (statement,) = sqlglot.transpile(f"select {expression} as value", read=dialect, write="duckdb")
    (row,) = duckdb.sql(statement).fetchall()
    return row[0].date() if hasattr(row[0], "date") else row[0]


@pytest.mark.parametrize(("pair", "months"), list(zip(EDGES, FULL_MONTHS, strict=True)))
def test_the_calendar_is_the_same_on_both_engines(pair: tuple[date, date], months: int, engine: Engine) -> None:
    earlier, later = (f"cast('{day}' as date)" for day in pair)
    days = (pair[1] - pair[0]).days
    assert _value(engine, engine.macro("days_between")(earlier, later)) == days
    assert _value(engine, engine.macro("plus_days")(earlier, days)) == pair[1]
    assert _value(engine, engine.macro("minus_days")(later, days)) == pair[0]
    assert _value(engine, engine.macro("full_months_between")(earlier, later)) == months
    first = pair[0].replace(day=1)
    assert _value(engine, engine.macro("first_of_month")(earlier)) == first
    following = (first + timedelta(days=31)).replace(day=1)
    assert _value(engine, engine.macro("next_month")(f"cast('{first}' as date)")) == following
