"""What the language accepts, what it says, and what it refuses with which words."""

import pickle

import pytest

from forewarn.errors import Permanent
from forewarn.expressions import ExpressionError, names, parse, render, written

COLUMNS = {
    "amount": "numeric",
    "quantity": "integer",
    "orders_90d": "double precision",
    "status": "text",
    "active": "boolean",
    "placed_at": "timestamptz",
    "due_on": "date",
    "raw": None,
    "Invoice No": "varchar(20)",
    "InvoiceNo": "text",
}


@pytest.mark.parametrize(
    ("text", "sql", "kind"),
    [
        ("status", '"status"', "text"),
        ("STATUS", '"status"', "text"),
        ("InvoiceNo", '"InvoiceNo"', "text"),
        ('"Invoice No" || status', '"Invoice No" || "status"', "text"),
        ("amount > 10 and not active", '"amount" > 10 AND NOT "active"', "boolean"),
        ("quantity * amount", '"quantity" * "amount"', "numeric"),
        ("amount / orders_90d", '"amount" / NULLIF("orders_90d", 0)', "numeric"),
        ("quantity / quantity", 'CAST("quantity" AS DECIMAL) / NULLIF("quantity", 0)', "numeric"),
        ("orders_90d % 7", 'CAST("orders_90d" AS DECIMAL) % NULLIF(7, 0)', "numeric"),
        ("round(orders_90d, 1)", 'ROUND(CAST("orders_90d" AS DECIMAL), 1)', "numeric"),
        ("status in ('open', 'late')", "\"status\" IN ('open', 'late')", "boolean"),
        ("status not like 'x%'", "NOT \"status\" LIKE 'x%'", "boolean"),
        ("active is not true", 'NOT "active" IS TRUE', "boolean"),
        ("status is not null", 'NOT "status" IS NULL', "boolean"),
        ("placed_at > '2026-01-31'", "\"placed_at\" > '2026-01-31'", "boolean"),
        ("due_on - due_on > 3", '"due_on" - "due_on" > 3', "boolean"),
        ("placed_at + interval '36 hours'", "\"placed_at\" + INTERVAL '36 HOURS'", "timestamptz"),
        (
            "raw::timestamp at time zone 'Europe/Berlin'",
            "CAST(\"raw\" AS TIMESTAMP) AT TIME ZONE 'Europe/Berlin'",
            "timestamptz",
        ),
        ("to_timestamp(raw, 'DD.MM.YYYY HH24:MI')", "TO_TIMESTAMP(\"raw\", 'DD.MM.YYYY HH24:MI')", "timestamptz"),
        ("coalesce(amount, 0)", 'COALESCE("amount", 0)', "numeric"),
        ("case when amount > 0 then 'sale' end", "CASE WHEN \"amount\" > 0 THEN 'sale' END", "text"),
        ("status = 'it''s \\ here'", "\"status\" = 'it''s \\ here'", "boolean"),
        ("null", "NULL", "unknown"),
    ],
)  # fmt: skip
def test_accepted(text: str, sql: str, kind: str) -> None:
    expression = parse(text, COLUMNS)
    assert (written(expression), expression.type) == (sql, kind)
    assert parse(written(expression), COLUMNS) == expression, "printed and read again, it is the same expression"


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        ("", "empty", "column"),
        ("  \n ", "empty", "column"),
        ("amout > 1", "unknown column `amout`", "did you mean `amount`"),
        ("invoiceno", "unknown column", 'write "InvoiceNo"'),
        ("lowr(status)", "unknown function `lowr`", "did you mean `lower`"),
        ("amount = '5'", "a number cannot be compared with a quoted text", "without quotes"),
        ("status = 5", "a text cannot be compared with a number", "cast"),
        ("status * 2", "`*` does not go with a text and a number", "cast"),
        ("active + 1", "`+` does not go with a boolean", ""),
        ("placed_at > 'yesterday'", "'yesterday' is not a date", "2026-01-31"),
        ("amount and active", "what `and` joins must be boolean", ""),
        ("not amount", "what follows `not` must be boolean", ""),
        ("coalesce(amount, 'none')", "a number and a quoted text at once", "one type"),
        ("lower(amount)", "must be text", "cast(… as text)"),
        ("amount::money", "no cast to `money`", "known: boolean, date"),
        ("amount::date", "a number cannot become date", "text first"),
        ("'31.01.2026'::date", "'31.01.2026' is no date", "mend"),
        ("amount < quantity < 3", "a comparison is used as a value", "`and`"),
        ("amount is 5", "null, true or false", "`=`"),
        ("amount is status", "null, true or false", "`=`"),
        ("status in ()", "the list after `in` is empty", "at least one"),
        ("placed_at + interval 'soon'", "an interval is a whole number and a unit", "3 days"),
        ("placed_at at time zone 'Europe/Berln'", "unknown time zone", "Europe/Berlin"),
        ("to_date(placed_at, 'YYYY-MM-DD')", "read as a time is a timestamptz already", "leave the function out"),
        ("to_timestamp(raw, '%Y-%m')", "time format is not known", "YYYY-MM-DD"),
        ("date_trunc('fortnight', placed_at)", "date_trunc knows no unit", "month"),
        ("extract(mnth from placed_at)", "unknown part of a time `mnth`", "did you mean `month`"),
        ("split_part(status, '-', 0)", "number from 1", "split_part"),
        ("substring(status, 1, -1)", "length of a substring is negative", "from 0"),
        ("status like '50\\'", "ends with its escape character", ""),
        ("1e400", "is not a number", "12"),
        ("amount >", "cannot be read", "check"),
        ("(amount", "cannot be read", "check"),
        ("'open", "cannot be read", "check"),
        ("amount status", "cannot be read near `status`", "check"),
        ('""', "double quotes is empty", "name"),
        ("status = '\ud800'", "U+D800", "remove"),
        ("status = 'a\u202eb'", "U+202E", "remove"),
    ],
)
def test_refused_with_a_hint(text: str, problem: str, hint: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text, COLUMNS)
    assert problem in caught.value.problem
    assert hint in caught.value.hint


INJECTIONS = [
    "amount; drop table ops.batch",
    "amount -- and so on",
    "amount /* hidden */",
    "(select password from users)",
    "amount in (select 1)",
    "exists (select 1)",
    "amount = any (array[1])",
    "amount = any (select 1)",
    "pg_sleep(10)",
    "pg_read_file('/etc/passwd')",
    "query_to_xml('select 1', true, true, '')",
    "set_config('role', 'owner', false)",
    "lo_import('/etc/passwd')",
    "current_user",
    "session_user = 'x'",
    "current_setting('x')",
    "now()",
    "current_date",
    "localtimestamp",
    "count(*)",
    "sum(amount) over ()",
    "row_number() over (order by amount)",
    "array_agg(amount)",
    "amount union select 1",
    "select 1",
    "insert into t values (1)",
    "copy t from program 'id'",
    "do $$ begin end $$",
    "$$text$$",
    "$1",
    ":name",
    "%(name)s",
    "%s",
    "?",
    "@variable",
    "*",
    "ops.batch.rows_in",
    "t.amount",
    "amount as x",
    "amount::regclass",
    "amount::numeric(10,2)",
    "cast(status as xml)",
    "status::text[]",
    "status ~ '(a+)+$'",
    "status similar to 'x'",
    "regexp_replace(status, 'a', 'b')",
    "raw ->> 'key'",
    "raw[1]",
    "array[1, 2]",
    "row(1, 2)",
    "(amount, quantity)",
    "e'\\x41'",
    "U&'d\\0061t'",
    "b'1'",
    "x'1f'",
    'status collate "C"',
    "amount operator(pg_catalog.+) 1",
    "status like any (array['a'])",
    "status like 'a' escape '!'",
    "random() < 0.5",
    "nextval('s')",
    "generate_series(1, 10)",
    "repeat('x', 1000000000)",
    "lpad('x', 1000000000)",
    "amount ^ 9999999",
    "case when active then (select 1) end",
    "coalesce(amount, (select 1))",
    "{{ var('x') }}",
    "amount in unnest(raw)",
    "amount between symmetric 2 and 1",
    "xmlparse(document 'x')",
    "lateral foo",
    "decode(status, 'a', 'b')",
    "if(active, 1, 2)",
    "status\x00",
    "try_cast(status as numeric)",
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_what_is_not_in_the_language_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError, match=r"expression \d+:\d+: "):
        parse(text, COLUMNS)


def test_the_place_is_that_of_the_wrong_name() -> None:
    with pytest.raises(ExpressionError, match=r"^expression 2:8: unknown column `amout`") as caught:
        parse("active\n   and amout > 1", COLUMNS)
    assert (caught.value.line, caught.value.column) == (2, 8)


def test_the_place_is_where_reading_stopped() -> None:
    with pytest.raises(ExpressionError, match=r"^expression 2:12: cannot be read near `active`"):
        parse("active\nand status active", COLUMNS)


@pytest.mark.parametrize(
    ("text", "expect"),
    [("amount", "boolean"), ("active", "numeric"), ("status", "timestamptz"), ("amount > 1", "text")],
)
def test_a_result_of_another_type_is_refused(text: str, expect: str) -> None:
    with pytest.raises(ExpressionError, match=f"the result must be {expect}"):
        parse(text, COLUMNS, expect=expect)


@pytest.mark.parametrize(
    ("text", "expect"), [("quantity", "numeric"), ("raw", "boolean"), ("'x'", "text"), ("null", "date")]
)
def test_a_result_that_fits_is_accepted(text: str, expect: str) -> None:
    assert parse(text, COLUMNS, expect=expect).text == text


def test_names_are_those_of_the_declaration() -> None:
    assert names(parse("AMOUNT > 1 or InvoiceNo = status", COLUMNS)) == {"amount", "InvoiceNo", "status"}


def test_a_table_is_put_before_every_column_and_nothing_else_changes() -> None:
    expression = parse("amount > 1 and status = 'amount'", COLUMNS)
    assert render(expression, table='f"x') == '"f""x"."amount" > 1 AND "f""x"."status" = \'amount\''
    assert render(expression) == '"amount" > 1 AND "status" = \'amount\'', "the expression itself stays as it was"


def test_another_engine_gets_its_own_words() -> None:
    expression = parse("placed_at::date > '2026-01-31' and quantity / 2 > 1", COLUMNS)
    assert render(expression, dialect="spark") == (
        "CAST(`placed_at` AS DATE) > '2026-01-31' AND CAST(`quantity` AS DECIMAL) / NULLIF(2, 0) > 1"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a" * 2001, "2001 characters"),
        (" or ".join(["active"] * 200), "more than 300 parts"),
        ("(" * 500 + "amount" + ")" * 500, "deep"),
        ("- " * 500 + "amount", "deep"),
        ("not " * 400 + "active", "deep"),
        ("coalesce(" * 60 + "amount" + ")" * 60, "deep"),
    ],
)
def test_size_is_bounded(text: str, problem: str) -> None:
    with pytest.raises(ExpressionError, match=problem):
        parse(text, COLUMNS)


def test_a_long_list_of_conditions_is_not_deep() -> None:
    text = " or ".join(["active"] * 100)
    assert render(parse(text, COLUMNS)).count(" OR ") == 99


def test_the_error_can_cross_processes() -> None:
    with pytest.raises(ExpressionError, match="unknown column") as caught:
        parse("amout", COLUMNS)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(copy, Permanent)
    assert (str(copy), copy.line, copy.hint) == (str(caught.value), 1, "did you mean `amount`?")
