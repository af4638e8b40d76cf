"""What a price is of: a seat, a month, a plan; and whether it is written in cents."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from proposed import accepted, feeds, table

from forewarn.scaffold import look_at_api, propose
from forewarn.scaffold.reading import counted_days, reads, replaced
from forewarn.scaffold.table import Column

TODAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("header", "row", "mrr"),
    [
        (
            "unit_price quantity interval",
            "20.5 3 {}",
            "quantity * unit_price / case interval when 'year' then 12 else 1 end",
        ),
        ("amount quantity interval", "20.5 3 {}", "amount / case interval when 'year' then 12 else 1 end"),
        ("mrr_amount seats billing_interval", "20.5 3 {}", "mrr_amount"),
        ("amount interval", "20.5 {}'ly", "amount / case interval when 'year''ly' then 12 else 1 end"),
    ],
)
def test_a_price_is_of_a_seat_and_of_a_term_where_its_names_say_so(header: str, row: str, mrr: str) -> None:
    lines = "\n".join(f"S{n} C{n} 2025-01-0{n + 1} {row.format(('month', 'year')[n % 2])}" for n in range(4))
    proposal = propose([table("subscriptions", f"id customer_id started_at {header}\n{lines}")], TODAY)
    assert feeds(proposal, "subscriptions")["subscription"].columns["mrr"] == mrr


@pytest.mark.parametrize(("taken", "price"), [("notes", "plan_price"), ("plan_price", "plan_price_2")])
def test_the_price_of_a_plan_is_looked_up(tmp_path: Path, taken: str, price: str) -> None:
    lines = "\n".join(f"S{n} C{n} 2025-01-0{n + 1} {'MY'[n % 2]} 3 -" for n in range(4))
    contracts = table("subscriptions", f"id customer_id started_at plan_code seats {taken}\n{lines}")
    plans = table("plans", "code label price period\nM Small 49 month\nY Large 1200 year")
    proposal = propose([contracts, plans], TODAY)
    accepted(proposal, tmp_path)
    contract = feeds(proposal, "subscriptions")["subscription"]
    assert contract.columns["mrr"] == f"seats * {price} / case plan_period when 'year' then 12 else 1 end"
    looked_up = {(one.name, one.by, one.take) for stream in proposal.streams for one in stream.lookups}
    assert {(price, "plan_code", "number(price)"), ("plan_period", "plan_code", "period")} <= looked_up


def test_whole_amounts_of_a_server_that_names_a_currency_are_cents_and_those_of_a_file_are_doubted(
    httpserver: object,
) -> None:
    rows = [{"id": f"in_{n}", "customer": f"c{n}", "created": 1735700000 + n, "due_date": 1738000000, "total": 2900 + n,
             "currency": "usd"} for n in range(5)]  # fmt: skip
    httpserver.expect_request("/invoices").respond_with_json({"data": rows})  # type: ignore[attr-defined]
    tables, _, _ = look_at_api([httpserver.url_for("/invoices")], "billing")  # type: ignore[attr-defined]
    assert feeds(propose(tables, TODAY), "invoices")["invoice"].columns["amount"] == "number(total) / 100"
    lines = "\n".join(f"in_{n} c{n} 2025-01-02 2025-02-01 {2900 + n} usd" for n in range(5))
    file = table("invoices", f"id customer issued_at due_at total currency\n{lines}")
    invoice = feeds(propose([file], TODAY), "invoices")["invoice"]
    assert invoice.columns["amount"] == "total"
    assert "amount: total / 100, if its whole numbers are cents" in invoice.doubts


@pytest.mark.parametrize(
    ("entity", "text", "amount", "doubted"),
    [
        ("invoice", "invoices customer due_at total eur", "number(total) / 100", False),
        ("invoice", "invoices customer due_at total jpy", "total", False),
        ("invoice", "invoices customer due_at total eur jpy", "total", True),
        ("opportunity", "deals org_id expected_close_date value eur", "value", True),
    ],
)
def test_what_a_deal_is_worth_and_currencies_without_cents_are_whole(
    entity: str, text: str, amount: str, doubted: bool
) -> None:
    name, customer, due, value, *currencies = text.split()
    lines = "\n".join(f"{n} c{n} 2025-01-02 2025-02-01 {2900 + n} {currencies[-n % len(currencies)]}" for n in range(5))
    rows = table(name, f"id {customer} created_at {due} {value} currency\n{lines}")
    feed = feeds(propose([replace(rows, place={"endpoint": {"path": "/x"}})], TODAY), name)[entity]
    assert feed.columns["amount"] == amount
    assert (f"amount: {value} / 100, if its whole numbers are cents" in feed.doubts) == doubted


def test_a_word_among_whole_amounts_is_read_and_a_quoted_name_is_no_part_of_another() -> None:
    lines = "\n".join(f"in_{n} c{n} 2025-01-02 2025-02-01 {'TBD' if n == 3 else 2900 + n} usd" for n in range(5_000))
    file = table("invoices", f"id customer issued_at due_at total currency\n{lines}")
    assert feeds(propose([file], TODAY), "invoices")["invoice"].columns["amount"] == "number(total)"
    days = [Column("day", "bigint", values) for values in (["TBD", "40"], ["TBD"], [None])]
    assert [counted_days([day], "") for day in days] == [days[0], None, None]
    text = """total * (1 - total_discount) - "total" + "grand total" || 'total'"""
    assert replaced(text, "total", "(x)") == """(x) * (1 - total_discount) - (x) + "grand total" || 'total'"""
    assert not reads('"grand total"', "total")
