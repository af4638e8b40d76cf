"""What is proposed for tables as companies really have them."""

from __future__ import annotations

import gzip
import json
import sqlite3
from datetime import date
from pathlib import Path

import pytest
from workbooks import write_workbook

from forewarn.errors import SourceRejected
from forewarn.scaffold import Proposal, look_at_api, look_at_database, look_at_folder, propose, source_text
from forewarn.scaffold.proposal import StreamProposal
from forewarn.sources.loader import load_source

TODAY = date(2026, 3, 2)


def _stream(proposal: Proposal, name: str) -> StreamProposal:
    return next(stream for stream in proposal.streams if stream.name == name)


def _columns(proposal: Proposal, name: str, entity: str) -> dict[str, str]:
    return next(feed.columns for feed in _stream(proposal, name).feeds if feed.entity == entity)


@pytest.mark.capability("C51")
def test_german_exports_with_odd_encoding_dates_and_decimals(tmp_path: Path) -> None:
    customers = (
        "Kundennummer;Firma;E-Mail;Ort;Land\nK0001;Müller & Söhne;a@x.example;Köln;DE\nK0002;Groß;b@x.example;Ulm;DE\n"
    )
    (tmp_path / "Kunden.csv").write_bytes(customers.encode("cp1252"))
    for month in ("01", "02"):
        lines = "".join(f"A{month}{n};K000{n};{n + 12}.{month}.2026;1.23{n},50 €\n" for n in (1, 2))
        text = "Bestellnummer;Kundennummer;Bestelldatum;Nettobetrag\n" + lines
        (tmp_path / f"Bestellungen_2026-{month}.csv.gz").write_bytes(gzip.compress(text.encode()))
    tables, problems = look_at_folder(tmp_path)
    assert problems == []
    proposal = propose(tables, TODAY)
    assert [stream.name for stream in proposal.streams] == ["bestellungen", "kunden"]
    assert _stream(proposal, "kunden").table.place == {
        "path": "Kunden.csv", "format": "csv", "encoding": "cp1252", "delimiter": ";",
    }  # fmt: skip
    assert _stream(proposal, "kunden").key == ["Kundennummer"]
    assert _stream(proposal, "kunden").personal == ["Firma", "E-Mail"]
    assert _columns(proposal, "kunden", "account") == {
        "account_id": "Kundennummer", "name": "Firma", "email": '"E-Mail"', "country": "Land", "city": "Ort",
    }  # fmt: skip
    orders = _stream(proposal, "bestellungen")
    assert orders.table.place["path"] == "Bestellungen_*-*.csv.gz"
    assert orders.date_order == "dmy"
    assert _columns(proposal, "bestellungen", "order") == {
        "order_id": "Bestellnummer",
        "account_id": "Kundennummer",
        "ordered_at": "Bestelldatum",
        "amount": "number(Nettobetrag, ',')",
    }
    assert proposal.newest == date(2026, 2, 14)


SHOP = """
create table customers (customer_id integer primary key, first_name text, email text, city text, created_at timestamp);
create table orders (order_id integer primary key, customer_id integer, order_date timestamp, status text,
                     total_cents integer, updated_at timestamp, is_deleted boolean);
create table order_items (order_id integer, line_no integer, product_id integer, quantity integer, unit_price numeric,
                          primary key (order_id, line_no));
create table products (product_id integer primary key, name text, category text);
create table payments (payment_id integer primary key, order_id integer, amount numeric);
create table audit_log (id integer primary key, message text);
insert into customers values (1, 'Ann', 'a@x.example', 'Ulm', '2025-01-01 10:00:00');
insert into orders values (7, 1, '2026-01-05 10:00:00', 'paid', 1999, '2026-01-06 10:00:00', false);
insert into order_items values (7, 1, 3, 2, 9.5);
insert into products values (3, 'Pen', 'Office');
insert into payments values (5, 7, 19.0);
"""


@pytest.mark.capability("C51")
def test_database_with_keys_cursor_cents_and_soft_deletes(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    with sqlite3.connect(file) as connection:
        connection.executescript(SHOP)
    tables, problems = look_at_database(f"sqlite:///{file}", "shop")
    assert problems == []
    proposal = propose(tables, TODAY)
    orders = _stream(proposal, "orders")
    assert (orders.key, orders.cursor, orders.marked_by) == (["order_id"], "updated_at", "truth(is_deleted)")
    assert _columns(proposal, "orders", "order") == {
        "order_id": "cast(order_id as text)",
        "account_id": "cast(customer_id as text)",
        "ordered_at": "order_date",
        "status": "status",
        "amount": "total_cents / 100",
    }
    assert _columns(proposal, "order_items", "order_line") == {
        "order_line_id": "cast(order_id as text) || '-' || cast(line_no as text)",
        "order_id": "cast(order_id as text)",
        "product_id": "cast(product_id as text)",
        "quantity": "quantity",
        "amount": "quantity * unit_price",
    }
    (payment,) = _stream(proposal, "payments").feeds
    assert payment.belongs_to == {"order": "cast(order_id as text)"}
    assert payment.columns == {"payment_id": "cast(payment_id as text)", "amount": "amount"}
    text = source_text(proposal, kind="sql", connection="shop", description="x")
    assert "#   audit_log: looks like usage_event, which needs account_id and occurred_at" in text
    assert "# amount: unit_price, if that is the price of the whole line" in text
    (tmp_path / "shop.yml").write_text(text)
    source = load_source(tmp_path / "shop.yml")
    assert source.streams["payments"].entities.keys() == {"payment"}
    assert [name for name, stream in source.streams.items() if stream.allow_empty] == ["audit_log"]
    assert proposal.missing() == ["no stream feeds owner: every message goes to `alerts.fallback_recipient`"]


def test_row_a_customer_without_dates_is_account_and_contract_and_its_outcome_is_not_read(tmp_path: Path) -> None:
    head = ["customerID", "tenure", "Contract", "Monthly Charges", "Churn", "Churn Score"]
    rows = [["A-1", 3, "Month-to-month", 29.85, "Yes", 91], ["A-2", 34, "One year", 56.95, "No", 12]]
    write_workbook(tmp_path / "telco.xlsx", {"Data": [head, *rows]})
    proposal = propose(look_at_folder(tmp_path)[0], TODAY)
    assert _columns(proposal, "telco", "subscription") == {
        "subscription_id": "customerID",
        "account_id": "customerID",
        "started_at": "date '2026-03-02' - tenure * interval '1 month'",
        "plan": "Contract",
        "mrr": '"Monthly Charges"',
        "ended_at": "case when truth(Churn) then date '2026-01-31' end",
    }
    assert "not mapped, since it tells the outcome: Churn Score" in _stream(proposal, "telco").doubts


@pytest.mark.parametrize("name", ["sales", "sales_details", "orders", "data"])
def test_lines_alone_give_order_line_order_and_customer(tmp_path: Path, name: str) -> None:
    lines = "".join(f"{536365 + n // 2},{22633 + n},2010-12-01 08:26:00,6,2.55,1785{n // 4},France\n" for n in range(8))
    head = "InvoiceNo,StockCode,InvoiceDate,Quantity,Price,CustomerID,Country\n"
    (tmp_path / f"{name}.csv").write_text(head + lines)
    feeds = {feed.entity: feed for feed in propose(look_at_folder(tmp_path)[0], TODAY).streams[0].feeds}
    assert feeds.keys() == {"account", "order_line", "order"}
    assert feeds["account"].distinct
    assert feeds["account"].columns == {"account_id": "CustomerID", "country": "Country"}
    assert feeds["order"].distinct
    # The sum of its lines is the order's amount, not what stands on one of them.
    assert feeds["order"].columns == {"order_id": "InvoiceNo", "account_id": "CustomerID", "ordered_at": "InvoiceDate"}
    assert feeds["order_line"].columns["amount"] == "Quantity * Price"


def test_customer_without_a_telling_name_is_found_by_its_values(tmp_path: Path) -> None:
    (tmp_path / "clients.csv").write_text("id,name\n" + "".join(f"C-{n:04d},Firm {n}\n" for n in range(20)))
    visits = "".join(f"{n},C-{n % 9:04d},2026-01-{n + 1:02d}\n" for n in range(20))
    (tmp_path / "visits.csv").write_text("id,ref,visit_date\n" + visits)
    proposal = propose(look_at_folder(tmp_path)[0], TODAY)
    assert _columns(proposal, "visits", "interaction") == {
        "interaction_id": "id", "account_id": "ref", "occurred_at": "visit_date",
    }  # fmt: skip
    (feed,) = _stream(proposal, "visits").feeds
    assert "account_id: by its values, which another table has as customers: ref" in feed.doubts


def test_what_cannot_be_read_is_told_and_nothing_else_is_lost(tmp_path: Path) -> None:
    (tmp_path / "notes.docx").write_bytes(b"PK")
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "cut.xlsx").write_bytes(b"PK\x03\x04")
    (tmp_path / "products.csv").write_text("product_id,name\n1,Pen\n")
    (tmp_path / ".hidden.csv").write_text("a\n1\n")
    tables, problems = look_at_folder(tmp_path)
    assert [table.name for table in tables] == ["products"]
    assert [problem.split(":")[0] for problem in problems] == ["cut.xlsx", "empty.csv", "notes.docx"]
    with pytest.raises(SourceRejected, match="expected a folder of files, got none"):
        look_at_folder(tmp_path / "nowhere")


@pytest.mark.capability("C51")
def test_openapi_document_names_lists_keys_and_pages(httpserver: object) -> None:
    document = {
        "openapi": "3.1.0",
        "servers": [{"url": "/api/v2"}],
        "paths": {
            "/tickets": {
                "get": {
                    "parameters": [{"name": "page", "in": "query"}, {"name": "per_page", "in": "query"}],
                    "responses": {
                        "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Page"}}}}
                    },
                },
                "post": {},
            },
            "/tickets/{id}/comments": {
                "get": {
                    "responses": {
                        "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Page"}}}}
                    }
                }
            },
        },
        "components": {
            "schemas": {
                "Page": {
                    "type": "object",
                    "properties": {"data": {"type": "array", "items": {"$ref": "#/components/schemas/Ticket"}}},
                },
                "Ticket": {
                    "type": "object",
                    "properties": {
                        "id": {"type": "integer"},
                        "customer_id": {"type": "string"},
                        "created_at": {"type": "string", "format": "date-time"},
                        "priority": {"type": ["string", "null"]},
                        "requester": {"type": "object", "properties": {"email": {"type": "string"}}},
                    },
                },
            }
        },
    }
    httpserver.expect_request("/openapi.json").respond_with_json(document)  # type: ignore[attr-defined]
    address = httpserver.url_for("/openapi.json")  # type: ignore[attr-defined]
    tables, problems, base = look_at_api([address], "desk")
    assert base == address.removesuffix("/openapi.json")
    assert problems == ["GET /tickets/{id}/comments: one list for each value of its path; a stream has one address"]
    proposal = propose(tables, TODAY)
    stream = _stream(proposal, "tickets")
    assert stream.table.place["endpoint"] == {
        "path": "/api/v2/tickets",
        "records": "data",
        "paginator": {"kind": "page_number", "param": "page", "size_param": "per_page", "size": 100},
    }
    assert stream.key == ["id"]
    assert _columns(proposal, "tickets", "ticket") == {
        "ticket_id": "cast(id as text)", "account_id": "customer_id", "opened_at": "created_at", "priority": "priority",
    }  # fmt: skip


def test_openapi_document_names_the_token_of_the_next_page(httpserver: object) -> None:
    items = {"type": "array", "items": {"type": "object", "properties": {"id": {"type": "integer"}}}}
    schema = {"type": "object", "properties": {"tickets": items, "nextPageToken": {"type": "string"}}}
    answer = {"200": {"content": {"application/json": {"schema": schema}}}}
    operation = {"parameters": [{"name": "pageToken", "in": "query"}], "responses": answer}
    document = {"openapi": "3.1.0", "paths": {"/tickets": {"get": operation}}}
    httpserver.expect_request("/openapi.json").respond_with_json(document)  # type: ignore[attr-defined]
    ((tickets,), _, _) = look_at_api([httpserver.url_for("/openapi.json")], "desk")  # type: ignore[attr-defined]
    paginator = {"kind": "token", "field": "nextPageToken", "param": "pageToken"}
    assert tickets.place["endpoint"]["paginator"] == paginator


def test_plain_answer_shows_where_its_list_and_its_next_page_are(httpserver: object) -> None:
    answer = {
        "result": {"orders": [{"id": n, "customer_id": "C1", "order_date": "2026-01-05", "total": 5} for n in (1, 2)]},
        "next_cursor": "x",
    }
    httpserver.expect_request("/v1/orders").respond_with_json(answer)  # type: ignore[attr-defined]
    tables, _, _ = look_at_api([httpserver.url_for("/v1/orders?status=any")], "shop")  # type: ignore[attr-defined]
    assert tables[0].place["endpoint"] == {
        "path": "/v1/orders",
        "params": {"status": "any"},
        "records": "result.orders",
        "paginator": {"kind": "token", "field": "next_cursor", "param": "cursor"},
    }
    assert tables[0].key == ["id"]
    assert [feed.entity for feed in propose(tables, TODAY).streams[0].feeds][-1] == "order"
    httpserver.expect_request("/none").respond_with_json({"status": "ok"})  # type: ignore[attr-defined]
    with pytest.raises(
        SourceRejected, match="expected a list of objects, or an OpenAPI document, got JSON without one"
    ):
        look_at_api([httpserver.url_for("/none")], "shop")  # type: ignore[attr-defined]


@pytest.mark.capability("C51")
def test_an_answer_that_was_saved_gives_orders_their_lines_and_what_was_paid_back(tmp_path: Path) -> None:
    orders = [
        {
            "id": 900 + n,
            "created_at": f"2026-01-0{n}T10:00:00Z",
            "total_price": "20.00",
            "customer": {"id": 7 + n % 2, "email": "a@x.example"},
            "line_items": [{"id": 90 + n, "product_id": 3, "title": "Pen", "quantity": 2, "price": "10.00"}],
            "refunds": [{"id": n, "created_at": "2026-01-09T10:00:00Z", "note": "broken"}] if n == 2 else [],
        }
        for n in range(1, 4)
    ]
    (tmp_path / "orders.json").write_text(json.dumps({"orders": orders}))
    proposal = propose(look_at_folder(tmp_path)[0], TODAY)
    assert [(stream.name, stream.table.place) for stream in proposal.streams] == [
        ("orders", {"path": "orders.json", "format": "json", "records": "orders"}),
        (
            "order_line_items",
            {
                "path": "orders.json",
                "format": "json",
                "records": "orders",
                "each": {"list": "line_items", "of": "order"},
            },
        ),
        (
            "order_refunds",
            {"path": "orders.json", "format": "json", "records": "orders", "each": {"list": "refunds", "of": "order"}},
        ),
    ]
    assert _columns(proposal, "orders", "order")["account_id"] == "customer__id"
    lines = _columns(proposal, "order_line_items", "order_line")
    assert (lines["order_line_id"], lines["order_id"], lines["product_id"]) == ("id", "order__id", "product_id")
    assert lines["amount"] == "quantity * price"
    assert _columns(proposal, "order_refunds", "return")["account_id"] == "order__customer__id"
    (tmp_path / "shop.yml").write_text(source_text(proposal, kind="files", connection="shop", description="x"))
    assert load_source(tmp_path / "shop.yml").streams.keys() == {"orders", "order_line_items", "order_refunds"}


def test_a_log_of_events_has_orders_where_a_row_has_an_order_number(tmp_path: Path) -> None:
    told = [(n, *(("transaction", n) if n % 4 == 0 else ("view", ""))) for n in range(40)]
    rows = "".join(f"{1767225600000 + n * 60000},{n % 5 + 1},{event},{300 + n},{number}\n" for n, event, number in told)
    (tmp_path / "events.csv").write_text("timestamp,visitorid,event,itemid,transactionid\n" + rows)
    feeds = {feed.entity: feed for feed in propose(look_at_folder(tmp_path)[0], TODAY).streams[0].feeds}
    assert feeds.keys() == {"account", "usage_event", "order", "order_line"}
    assert {feeds[name].where for name in ("order", "order_line")} == {"transactionid is not null"}
    assert feeds["order"].distinct
    assert feeds["order"].columns == {
        "order_id": "transactionid",
        "account_id": "visitorid",
        "ordered_at": "to_timestamp(number(timestamp) / 1000)",
    }


def test_days_that_a_till_counts_are_dates_from_one_to_be_written(tmp_path: Path) -> None:
    rows = "".join(f"{n % 7 + 1},{9000 + n // 2},{n + 1},{80 + n},1,2.5\n" for n in range(40))
    (tmp_path / "transactions.csv").write_text("household_key,BASKET_ID,DAY,PRODUCT_ID,QUANTITY,SALES_VALUE\n" + rows)
    order = next(
        feed for feed in propose(look_at_folder(tmp_path)[0], TODAY).streams[0].feeds if feed.entity == "order"
    )
    assert order.columns["ordered_at"] == "date '2000-01-01' + DAY * interval '1 day'"
    assert "ordered_at: DAY counts days; write the date of its day 0 for 2000-01-01" in order.doubts


def test_what_an_export_writes_for_nothing_is_nothing(tmp_path: Path) -> None:
    rows = "".join(f"{n},C{n},0{n + 1}/02/2026,{'NULL' if n % 3 else '07/02/2026'},NULL,5\n" for n in range(9))
    head = "OrderID,CustomerID,OrderDate,ShippedDate,RequiredDate,Amount\n"
    (tmp_path / "orders.csv").write_text(head + rows.replace(",NULL,5", ",09/02/2026,5"))
    feeds = {feed.entity: feed for feed in propose(look_at_folder(tmp_path)[0], TODAY).streams[0].feeds}
    assert feeds["shipment"].columns["shipped_at"] == "to_date(nullif(ShippedDate, 'NULL'), 'DD/MM/YYYY')"
    assert feeds["shipment"].where == "to_date(nullif(ShippedDate, 'NULL'), 'DD/MM/YYYY') is not null"
    assert feeds["order"].columns["ordered_at"] == "OrderDate"
