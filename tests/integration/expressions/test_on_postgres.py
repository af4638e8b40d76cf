"""What the checker allows, PostgreSQL computes, and as the manual says."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import psycopg2
import pytest
from expression_soup import COLUMNS, soups
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forewarn.expressions import ExpressionError, parse, render
from forewarn.warehouse.engine import dsn

MOMENT = datetime(2026, 1, 31, tzinfo=UTC)


@pytest.fixture(scope="module")
def database(postgres: Any) -> Iterator[Any]:
    connection = psycopg2.connect(dsn(postgres.ensure_database("expressions")))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("set timezone to 'UTC'")
        cursor.execute(
            "create temporary table one (" + ", ".join(f'"{name}" {kind}' for name, kind in COLUMNS.items()) + ")"
        )
    yield connection
    connection.close()


def _value(database: Any, text: str, row: dict[str, Any]) -> Any:
    expression = parse(text, COLUMNS)
    with database.cursor() as cursor:
        cursor.execute("truncate one")
        names = ", ".join(f'"{name}"' for name in row)
        values = ", ".join(["%s"] * len(row))
        cursor.execute(
            f"insert into one ({names}) values ({values})" if row else "insert into one default values", [*row.values()]
        )
        cursor.execute(f"select {render(expression, table='one')} from one")
        return cursor.fetchone()[0]


@pytest.mark.parametrize(
    ("text", "row", "value"),
    [
        # Division keeps fractions and gives NULL for a divisor of zero.
        ("b / 2", {"b": 3}, Decimal("1.5")),
        ("a / b", {"a": 1, "b": 0}, None),
        ("g / g > 1", {"g": 0}, None),
        ("b % 0", {"b": 3}, None),
        ("g % 2", {"g": 7.5}, Decimal("1.5")),
        ("round(g / 3, 2)", {"g": 10.0}, Decimal("3.33")),
        # Three-valued logic: unknown is neither true nor false.
        ("a > 1", {}, None),
        ("not a > 1", {}, None),
        ("a > 1 or true", {}, True),
        ("a > 1 and false", {}, False),
        ("a > 1 is not true", {}, True),
        ("a = null", {"a": 1}, None),
        ("a is null", {}, True),
        ("a is distinct from 1", {}, True),
        ("a in (1, null)", {"a": 2}, None),
        ("a not in (1, null)", {"a": 1}, False),
        ("a between 1 and null", {"a": 0}, False),
        ("case when a > 1 then 'high' else 'low' end", {}, "low"),
        ("coalesce(a, 0) = 0", {}, True),
        ("greatest(a, b)", {"a": 1}, Decimal(1)),
        ("t || 'x'", {}, None),
        ("concat(t, 'x')", {}, "x"),
        # Precedence.
        ("1 + 2 * 3 - 4 / 2", {}, Decimal(5)),
        ("true or false and false", {}, True),
        ("not false and false", {}, False),
        ("- 2 * 3", {}, -6),
        ("10 - 2 - 3", {}, 5),
        ("8 / 4 / 2", {}, Decimal(1)),
        ("'a' || 1 + 2", {}, "a3"),
        # Texts.
        ("split_part(lower(trim(t)), '-', 2)", {"t": " AB-CD "}, "cd"),
        ("t like '50\\%'", {"t": "50%"}, True),
        ("t like 'a_c'", {"t": "abc"}, True),
        ("substring(t, 2, 2) || left(t, 1) || right(t, 1)", {"t": "abcd"}, "bcad"),
        ("position('c' in t) + length(t)", {"t": "abc"}, 6),
        ("t = 'it''s \\ {{ x }} %s'", {"t": "it's \\ {{ x }} %s"}, True),
        ("\"Big Name\" = '中文'", {"Big Name": "中文"}, True),
        # Times.
        ("d - date '2026-01-01'", {"d": date(2026, 1, 31)}, 30),
        ("ts + interval '36 hours'", {"ts": datetime(2026, 1, 1, tzinfo=UTC)}, datetime(2026, 1, 2, 12, tzinfo=UTC)),
        ("d < '2026-02-01' and ts >= '2026-01-01'", {"d": date(2026, 1, 31), "ts": MOMENT}, True),
        ("'2026-07-01 12:00'::timestamp at time zone 'Europe/Berlin'", {}, datetime(2026, 7, 1, 10, tzinfo=UTC)),
        ("to_timestamp(t, 'DD.MM.YYYY HH24:MI')", {"t": "31.01.2026 00:00"}, MOMENT),
        ("to_timestamp(b)", {"b": 86400}, datetime(1970, 1, 2, tzinfo=UTC)),
        ("to_date(t, 'YYYYMMDD')", {"t": "20260201"}, date(2026, 2, 1)),
        # What people write: what cannot be read is null.
        ("number(t)", {"t": " $1,234.50 "}, Decimal("1234.50")),
        ("number(t, ',')", {"t": "1.234,50 €"}, Decimal("1234.50")),
        ("number(t, ',')", {"t": "EUR -12,5"}, Decimal("-12.5")),
        ("number(t, ',')", {"t": "1 234 567"}, Decimal(1234567)),
        ("number(t)", {"t": "(1,000)"}, Decimal(-1000)),
        ("number(t)", {"t": "12.50-"}, Decimal("-12.50")),
        ("number(t) / 100", {"t": "7.5 %"}, Decimal("0.075")),
        ("number(t)", {"t": "12,50"}, None),
        ("number(t, ',')", {"t": "1.5"}, None),
        ("number(t)", {"t": "1.2.3"}, None),
        ("number(t)", {"t": "-5-"}, None),
        ("number(t)", {"t": "n/a"}, None),
        ("number(t)", {"t": "K0001"}, None),
        ("number(t)", {"t": "12.50 kr"}, Decimal("12.50")),
        ("number(t)", {"t": "."}, None),
        ("number(t)", {"t": "1,234.50元"}, Decimal("1234.50")),
        ("number(t)", {"t": "1.2万元"}, Decimal(12000)),
        ("number(b)", {"b": 7}, Decimal(7)),
        ("number(t)", {"t": "-3亿"}, Decimal(-300_000_000)),
        ("number(t)", {"t": "万"}, None),
        ("to_timestamp(t, 'YYYY\"年\"MM\"月\"DD\"日\" HH24:MI')", {"t": "2026年1月31日 0:00"}, MOMENT),
        ("to_date(t, 'YYMMDD')", {"t": "930105"}, date(1993, 1, 5)),
        ("truth(t)", {"t": " Ja "}, True),
        ("truth(t)", {"t": "否"}, False),
        ("truth(t)", {"t": "maybe"}, None),
        ("truth(b)", {"b": 1}, True),
        ("excel_date(a)", {"a": 46053.5}, datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("excel_date(a)", {"a": 1e9}, None),
        ("cast(t as numeric)", {"t": "x"}, None),
        ("cast(t as date)", {"t": "2026-02-30"}, None),
        ("cast(t as boolean)", {"t": "t"}, True),
        ("to_date(t, 'YYYYMMDD')", {"t": "32154"}, None),
        ("to_date(t, 'DD.MM.YY')", {"t": "1.2.26"}, date(2026, 2, 1)),
        ("to_date(t, 'DD.MM.YYYY')", {"t": "31.02.2026"}, None),
        ("to_date(t, 'YYYY-MM-DD')", {"t": "now"}, None),
        ("to_timestamp(t, 'MM/DD/YYYY HH12:MI AM')", {"t": "1/31/2026 12:00 AM"}, MOMENT),
        ("to_timestamp(t, 'DD Mon YYYY')", {"t": "31 Jan 2026"}, MOMENT),
        ("to_timestamp(t, 'YYYY-MM-DD\"T\"HH24:MI:SS')", {"t": "2026-01-31T00:00:00"}, MOMENT),
        ("to_timestamp(a)", {"a": 1e300}, None),
        ("to_timestamp(a / 1000)", {"a": 86400000}, datetime(1970, 1, 2, tzinfo=UTC)),
        ("cast(d - a * interval '1 month' as date)", {"d": date(2026, 3, 31), "a": 2}, date(2026, 1, 31)),
        ("hash_of(t, null) = hash_of(t, '')", {"t": "x"}, False),
        ("hash_of(t, b) = hash_of(t, b)", {"t": "x"}, True),
        ("lpad(t, 5, '0')", {"t": "42"}, "00042"),
        ("date_trunc('month', ts)", {"ts": datetime(2026, 3, 9, tzinfo=UTC)}, datetime(2026, 3, 1, tzinfo=UTC)),
        ("extract(epoch from ts - ts) / 3600", {"ts": datetime(2026, 3, 9, tzinfo=UTC)}, Decimal(0)),
    ],
)  # fmt: skip
def test_values(database: Any, text: str, row: dict[str, Any], value: Any) -> None:
    assert _value(database, text, row) == value


@settings(
    max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(text=soups(), number=st.integers(-3, 3))
def test_what_is_allowed_runs(database: Any, text: str, number: int) -> None:
    """Every allowed expression over typed columns is one that PostgreSQL can plan and compute.

    Errors of a value (class 22: a text that is no number, an overflow) belong to the data; class 42 would be ours.
    """
    try:
        parse(text, COLUMNS)
    except ExpressionError:
        return
    row = {"a": number, "b": number, "g": float(number), "t": "2026-01-31", "f": number > 0, "ts": MOMENT}
    with contextlib.suppress(psycopg2.errors.DataError):
        _value(database, text, row)
