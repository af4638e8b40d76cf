"""Source files: every mistake is reported with its place and a hint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from forewarn.config.project import load_project
from forewarn.errors import ConfigError, SourceRejected
from forewarn.sources import canonical_mappings, dbt_sources, load_sources, resolve
from forewarn.sources.checks import checks_of_values
from forewarn.sources.column_types import (
    guessed_types,
    identifying_columns,
    personal_columns,
    required_columns,
    wanted_columns,
)
from forewarn.sources.connections import without_secrets
from forewarn.sources.model import SqlSource

PROJECT = Path(__file__).resolve().parents[3]
GOOD = """kind: files
connection: drops
streams:
  invoices:
    path: "*.csv"
    format: csv
    key: [Invoice No]
    freshness: {warn_after: 36 hours, error_after: 3 days}
    personal: [customer]
    entities:
      invoice:
        where: "state <> 'draft' and qty > 0"
        account_source: erp
        columns:
          invoice_id: '"Invoice No"'
          account_id: customer
          issued_at: issued
          due_at: issued + interval '30 days'
          amount: qty * price
"""


@pytest.fixture
def load(tmp_path):
    (tmp_path / "forewarn.yml").write_text(
        "company: X\nchurn: {definition: contractual, horizon_days: 1, eligible_days: 1}\n"
        "alerts: {fallback_recipient: a@example.org}\n"
    )
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "erp.yml").write_text("kind: sql\nconnection: erp\nstreams: {}\n")

    def run(text, name="finance"):
        (tmp_path / "sources" / f"{name}.yml").write_text(text)
        return load_sources(load_project(tmp_path))

    return run


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        ("format: csv", "format: csv\n    each: {list: lines, of: order}", "7:5", "`each` is of JSON, and this is csv"),
        ("connection: drops", "conection: drops", "2:1", "unknown key `conection`.*did you mean `connection`"),
        ("kind: files", "kind: file", "1:1", "unknown kind `file`.*known: sql, rest, files"),
        ("format: csv", "format: xls", "6:5", "'csv', 'parquet', 'json' or 'excel'"),
        ("format: csv", "format: csv\n    delimter: x", "7:5", "unknown key `delimter`.*did you mean `delimiter`"),
        ("account_source: erp", "belongs_to: {order: ref}", "13:22", "no stream of source finance feeds order"),
        ("account_source: erp", "belongs_to: {invoice: ref}", "13:22", "cannot belong to `invoice`"),
        ("account_source: erp", "belongs_to: {ordr: ref}", "13:22", "cannot belong to `ordr`.*did you mean `order`"),
        ("account_source: erp", "belongs_to: {order: a, ticket: b}", "13:", "at most 1"),
        ("      invoice:", "      invoise:", "11:7", "unknown entity `invoise`.*did you mean `invoice`"),
        ("          due_at:", "          due_on:", "18:11", "no column `due_on`.*did you mean `due_at`"),
        ("          amount: qty * price\n", "", "14:9", "entity invoice needs `amount`"),
        ("qty * price", "qty * sqrt(price)", "19:25", "sqrt"),
        ("qty * price", "sum(qty)", "19:19", "an aggregate function"),
        ("and qty > 0", "and qty >", "12:", "cannot be read"),
        ("account_source: erp", "account_source: epr", "13:9", "unknown source `epr`.*did you mean `erp`"),
        ("36 hours", "36 hours, newest_within: 3 days", "8:", "`newest_within` needs a cursor"),
        (
            "freshness: {warn_after: 36 hours,",
            "columns: {qty: bigint}\n    cursor: qty\n    freshness: {newest_within: 3 days, warn_after: 36 hours,",
            "10:",
            "needs a cursor of moments or days, and `qty` is bigint",
        ),
        ("36 hours", "36 hrs", "8:17", "expected a duration such as `2 hours`"),
        ("key: [Invoice No]", "mode: merge", "7:5", "mode merge needs a key"),
        ("format: csv", "format: csv\n    encoding: utf-99", "7:5", "unknown encoding `utf-99`"),
        ("streams:", "time_zone: Mars\nstreams:", "3:1", "unknown time zone `Mars`"),
        ("  invoices:", "  Invoices!:", "4:3", "cannot name a table"),
        ("qty * price", "|\n            qty *\n            sqrt(price)", "21:13", "sqrt"),
    ],
)
def test_mistake_is_reported_with_place_and_hint(load, old, new, place, message):
    assert GOOD.count(old) == 1
    with pytest.raises(ConfigError, match=rf"(?s)finance\.yml:{place}.*{message}"):
        load(GOOD.replace(old, new))


def test_required_types_are_checked_through_the_expression(load):
    typed = GOOD.replace("    personal:", "    columns: {qty: text}\n    personal:")
    with pytest.raises(ConfigError, match=r"finance\.yml:\d+:\d+: .*text"):
        load(typed)


def test_every_stream_of_the_project_promises_something_or_says_why_not():
    sources = load_sources(load_project(PROJECT / "config"))
    silent = [
        f"{name}.{stream}"
        for name, source in sources.items()
        for stream, spec in source.streams.items()
        if spec.freshness.warn_after is None
        and "# No promise: " not in source.file.read_text().partition(f"\n  {stream}:\n")[2].partition("entities:")[0]
    ]
    assert silent == []
    assert sum(len(source.streams) for source in sources.values()) == 29


@pytest.mark.capability("C1")
def test_mappings_are_cast_and_quoted_and_json(load):
    (mapping,) = json.loads(json.dumps(canonical_mappings(load(GOOD))))["invoice"]
    assert mapping == {
        "source": "finance",
        "schema": "raw_finance",
        "table": "invoices",
        "account_source": "erp",
        "where": '"state" <> \'draft\' AND "qty" > 0',
        "distinct": False,
        "partial": False,
        "belongs_to": {},
        "columns": {
            "invoice_id": 'cast("Invoice No" as text)',
            "account_id": 'cast("customer" as text)',
            "issued_at": 'cast("issued" as timestamptz)',
            "due_at": "cast(\"issued\" + INTERVAL '30 DAYS' as timestamptz)",
            "amount": 'cast("qty" * "price" as numeric)',
        },
        "lookups": [],
    }


@pytest.mark.capability("C4")
def test_dbt_sources_carry_freshness_and_what_is_personal(load):
    finance = dbt_sources(load(GOOD))["sources"][1]
    assert finance["schema"] == "raw_finance"
    (table,) = finance["tables"]
    assert table["name"] == "invoices"
    assert table["config"] == {
        "loaded_at_field": "_loaded_at",
        "freshness": {"warn_after": {"count": 36, "period": "hour"}, "error_after": {"count": 3, "period": "day"}},
    }
    # A database may answer every night and have nothing new: dbt asks how long ago something new came.
    kept = {"warn_after": "36 hours", "error_after": "3 days", "newest_within": "4 days"}
    stream = {"table": "orders", "cursor": "changed", "freshness": kept}
    source = SqlSource.model_validate({"kind": "sql", "connection": "erp", "streams": {"orders": stream}})
    (orders,) = dbt_sources({"erp": source})["sources"][0]["tables"]
    assert orders["config"]["freshness"] == {"warn_after": {"count": 4, "period": "day"}}
    assert table["columns"] == [{"name": "customer", "config": {"meta": {"personal": True}}}]


def test_the_projects_own_sources_are_valid():
    assert {"crm", "erp", "helpdesk", "finance", "usage"} <= set(load_sources(load_project(PROJECT / "config")))


def test_connection_comes_from_the_environment_then_from_the_home(settings_of, monkeypatch):
    (settings_of.home).mkdir()
    (settings_of.home / "connections.yml").write_text("erp: postgresql://home/x\ncrm: postgresql://home/y\n")
    assert resolve("erp", settings_of) == "postgresql://home/x"
    monkeypatch.setenv("FOREWARN_CONN_ERP", "postgresql://environment/x")
    assert resolve("erp", settings_of) == "postgresql://environment/x"
    secret = settings_of.home / "secret"
    secret.write_text("postgresql://file/y\n")
    monkeypatch.setenv("FOREWARN_CONN_CRM_FILE", str(secret))
    assert resolve("crm", settings_of) == "postgresql://file/y"
    with pytest.raises(SourceRejected, match=r"connection erpp: .*FOREWARN_CONN_ERPP.*did you mean `erp`"):
        resolve("erpp", settings_of)


@pytest.fixture
def settings_of(tmp_path):
    from forewarn.config.settings import Settings

    return Settings(PROJECT, PROJECT / "config", tmp_path / "home", "postgresql://none", "sqlite://")


def test_secrets_are_masked_in_every_form():
    url = "https://reader:p%40ss@host/path?key=abc123"
    masked = without_secrets(f"GET {url} failed for p@ss and abc123", url)
    assert "p%40ss" not in masked
    assert "p@ss" not in masked
    assert "abc123" not in masked
    assert without_secrets("Bearer tok123 refused", "https://tok123@host") == "Bearer *** refused"


BELONGING = """kind: files
connection: drops
streams:
  orders:
    path: "o*.csv"
    format: csv
    key: [id]
    entities:
      order:
        columns: {order_id: id, account_id: customer, ordered_at: day, amount: amount}
  payments:
    path: "p*.csv"
    format: csv
    entities:
      payment:
        belongs_to: {order: order}
        columns: {payment_id: id, amount: amount}
"""


@pytest.mark.capability("C51")
def test_a_record_that_names_an_order_needs_neither_customer_nor_moment(load):
    source = load(BELONGING)["finance"]
    (mapping,) = canonical_mappings({"finance": source})["payment"]
    assert mapping["belongs_to"] == {"order": 'cast("order" as text)'}
    assert mapping["columns"].keys() == {"payment_id", "amount"}
    # Without the order's number a row is nobody's, and set aside when it lands.
    assert required_columns(source.streams["payments"]) == {
        "id": "payment.payment_id", "order": "payment.account_id", "amount": "payment.amount",
    }  # fmt: skip


def test_the_number_of_what_a_record_belongs_to_is_that_column_of_it(load):
    both = BELONGING.replace("payment:", "return:").replace("payment_id: id", "return_id: id")
    (mapping,) = canonical_mappings(load(both))["return"]
    assert mapping["columns"]["order_id"] == 'cast("order" as text)'


def test_records_cannot_belong_to_each_other(load):
    circle = BELONGING.replace("      order:\n", "      order:\n        belongs_to: {payment: paid_by}\n")
    with pytest.raises(ConfigError, match="payment and order belong to each other"):
        load(circle)


LOOKUPS = """kind: files
streams:
  customers:
    path: customers.csv
    format: csv
    key: [id]
    lookup:
      city_id: {stream: addresses, by: address, take: city_no}
      town: {stream: cities, by: city_id, take: name}
      phone: {stream: addresses, by: address, take: phone}
      level: {stream: levels, by: [kind, "'x'"], take: points}
    entities:
      account:
        where: level > 2
        columns: {account_id: id, city: town, phone: phone}
  addresses: {path: a.csv, format: csv, key: [no]}
  cities: {path: c.csv, format: csv, key: [id], deletes: {marked_by: gone = 'yes'}}
  levels: {path: l.csv, format: csv, key: [kind, list], columns: {points: numeric}}
  notes: {path: n.csv, format: csv}
"""


@pytest.mark.capability("C51")
def test_lookups_are_joined_in_steps_and_what_is_personal_there_is_known(load):
    source = load(LOOKUPS)["finance"]
    (mapping,) = json.loads(json.dumps(canonical_mappings({"finance": source})))["account"]
    assert mapping["columns"] == {
        "account_id": 'cast("id" as text)',
        "city": 'cast("lookup.town" as text)',
        "phone": 'cast("lookup.phone" as text)',
    }
    assert mapping["where"] == '"lookup.level" > 2'
    assert [one["join"] for one in mapping["lookups"]] == [
        'left join (select cast("no" as text) as _key_1_1, "city_no" as "lookup.city_id", "phone" as "lookup.phone",'
        ' _batch_id as _batch_id_1 from {relation}) as looked_up_1 on cast("address" as text) = _key_1_1',
        'left join (select cast("id" as text) as _key_2_1, "name" as "lookup.town", _batch_id as _batch_id_2'
        " from {relation} where (\"gone\" = 'yes') is not true) as looked_up_2"
        ' on cast("lookup.city_id" as text) = _key_2_1',
        'left join (select cast("kind" as text) as _key_3_1, cast("list" as text) as _key_3_2,'
        ' "points" as "lookup.level", _batch_id as _batch_id_3 from {relation}) as looked_up_3'
        " on cast(\"kind\" as text) = _key_3_1 and cast('x' as text) = _key_3_2",
    ]
    assert [one["is_direct"] for one in mapping["lookups"]] == [True, False, True]
    customers, addresses = source.streams["customers"], source.streams["addresses"]
    assert wanted_columns(customers) == ["id", "address", "kind"]
    assert wanted_columns(addresses) == ["no", "city_no", "phone"]
    assert personal_columns(addresses) == {"phone"}
    assert identifying_columns(customers) == {"id", "address", "kind"}


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        ("addresses, by: address, take: city", "adresses, by: address, take: city", "8:17", "mean `addresses`"),
        ("stream: levels, by: [kind, \"'x'\"]", "stream: levels, by: kind", "11:31", "kind, list, and `by` names 1"),
        ("stream: levels, by: [kind, \"'x'\"]", "stream: notes, by: kind", "11:15", "notes has no key.*add `key: "),
        ("by: address, take: phone", "by: level, take: phone", "10:34", "`level` is looked up after `phone`"),
        ("take: phone", "take: sqrt(phone)", "10:", "sqrt"),
        ("columns: {account_id: id,", "columns: {account_id: town,", "15:", "`town` is looked up, and so cannot be"),
        ("      town: {", "      Town: {", "9:", "`Town` cannot name a column"),
    ],
)
def test_a_lookup_that_cannot_be_followed_is_reported_with_its_place(load, old, new, place, message):
    assert LOOKUPS.count(old) == 1
    with pytest.raises(ConfigError, match=rf"(?s)finance\.yml:{place}.*{message}"):
        load(LOOKUPS.replace(old, new))


def test_what_is_divided_is_a_number(load) -> None:
    text = GOOD.replace("amount: qty * price", "amount: total / 100 * (items / case when half = 'y' then 2 else 1 end)")
    types = guessed_types(load(text)["finance"].streams["invoices"])
    assert (types["total"], types["items"], types.get("half", "text")) == ("numeric", "numeric", "text")


@pytest.mark.parametrize("customer", ["org", "cast(org as text)", "lower(org)"])
def test_row_that_belongs_to_another_record_may_name_no_customer(load, customer) -> None:
    text = f"""kind: files
connection: drops
streams:
  tickets:
    path: "*.csv"
    format: csv
    key: [id]
    entities:
      contact:
        columns: {{contact_id: id, account_id: org}}
      ticket:
        belongs_to: {{contact: person}}
        columns: {{ticket_id: id, account_id: {customer}, opened_at: opened}}
"""
    (tickets,) = load(text)["finance"].streams.values()
    alone = tickets.model_copy(update={"entities": {"ticket": tickets.entities["ticket"]}})
    columns = {"id": "text", "org": "text", "person": "text", "opened": "timestamptz"}
    assert "org" not in [check.column for check in checks_of_values(alone, columns, trusted=True)]
    with_people = [check.column for check in checks_of_values(tickets, columns, trusted=True)]
    assert with_people.count("org") == 1
