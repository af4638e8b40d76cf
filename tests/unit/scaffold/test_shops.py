"""What is proposed for shops, tills, distributors and warehouses of data: shapes of well-known public data."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from proposed import accepted, feeds

from forewarn.scaffold import Proposal, Table, look_at_folder, propose
from forewarn.scaffold.names import apart, entity_of
from forewarn.scaffold.table import columns_of

TODAY = date(2026, 3, 2)


def table(name: str, text: str) -> Table:
    """Return a table of lines of values between blanks; `-` is an empty one, and `_` in a name stands for a blank."""
    header, *lines = [line.split() for line in text.strip().splitlines()]
    rows = [[None if value == "-" else value for value in line] for line in lines]
    names = [name.replace("~", " ") for name in header]
    return Table(name, {"path": f"{name}.csv", "format": "csv"}, columns_of(names, [None] * len(names), rows))


def proposed(folder: Path, *tables: Table) -> Proposal:
    """Return the proposal, whose file passes the check as it is."""
    proposal = propose(tables, TODAY)
    accepted(proposal, folder)
    return proposal


CUSTOMERS = table(
    "Kundenstamm",
    "KdNr Firma Vorname Nachname\n" + "\n".join(f"K100{n} {'-' if n % 2 else 'A'} Ann Ng" for n in range(6)),
)
ORDERS = table(
    "Auftragskopf",
    "Auftragsnr KdNr Auftragsdatum Status Nettobetrag\n"
    + "\n".join(f"A200{n} K100{n} 1{n}.02.2026 {'storniert' if n == 5 else 'offen'} 18,00" for n in range(6)),
)


@pytest.mark.capability("C51")
def test_german_shop_whose_lists_are_called_stamm_and_kopf(tmp_path: Path) -> None:
    lines = "\n".join(f"A200{n} 10 ART-1 2 10,00 10,00 18,00" for n in range(6))
    bills = "\n".join(f"R300{n} A200{n} K100{n} 12.02.2026 12.03.2026 18,00 21,42" for n in range(6))
    paid = "\n".join(f"Z400{n} R300{n} 20.02.2026 18,00" for n in range(6))
    back = "\n".join(f"RT50{n} A200{n} 20.02.2026 ART-1 defekt 9,00" for n in range(5))
    proposal = proposed(
        tmp_path,
        CUSTOMERS,
        ORDERS,
        table("Artikelstamm", "Artikelnr Bezeichnung Warengruppe\nART-1 Schraube Eisen\nART-2 Mutter Eisen"),
        table("Auftragspositionen", f"Auftragsnr Pos Artikelnr Menge Einzelpreis Rabatt~% Gesamtpreis\n{lines}"),
        table(
            "Rechnungen",
            f"Rechnungsnr Auftragsnr KdNr Rechnungsdatum Fälligkeitsdatum Nettobetrag Bruttobetrag\n{bills}",
        ),
        table("Zahlungseingänge", f"Zahlungsnr Rechnungsnr Zahlungsdatum Betrag\n{paid}"),
        table("Retouren", f"Retourennr Auftragsnr Retourendatum Artikelnr Grund Gutschriftsbetrag\n{back}"),
    )
    named = feeds(proposal, "kundenstamm")["account"].columns["name"]
    assert named == "coalesce(Firma, trim(concat(Vorname, ' ', Nachname)))"
    assert feeds(proposal, "artikelstamm")["product"].columns["name"] == "Bezeichnung"
    assert feeds(proposal, "auftragskopf")["order"].columns["amount"] == "number(Nettobetrag, ',')"
    line = feeds(proposal, "auftragspositionen")["order_line"]
    assert line.columns["amount"] == "number(Gesamtpreis, ',')", "the price of the line, and not of a piece"
    assert "discount_amount" not in line.columns, "per cent are no money"
    # What came back is no purchase, and numbers of orders and invoices are no people.
    assert feeds(proposal, "retouren").keys() == {"return"}
    assert feeds(proposal, "retouren")["return"].belongs_to == {"order": "Auftragsnr"}
    assert feeds(proposal, "zahlungseingange")["payment"].belongs_to == {"invoice": "Rechnungsnr"}
    assert feeds(proposal, "rechnungen").keys() == {"invoice"}
    assert feeds(proposal, "rechnungen")["invoice"].columns["amount"] == "number(Bruttobetrag, ',')", "as it is paid"


def test_invoices_are_the_orders_of_a_shop_that_has_no_others_and_their_lines_are_sold_and_not_used(
    tmp_path: Path,
) -> None:
    invoices = "\n".join(f"{n} {n % 3} 2026-01-0{n} AB 1.98" for n in range(1, 7))
    lines = "\n".join(f"{n} {n} {n % 2 + 7} 0.99 2" for n in range(1, 7))
    proposal = proposed(
        tmp_path,
        table("Customer", "CustomerId LastName\n0 Ng\n1 Li\n2 Wu"),
        table("Invoice", f"InvoiceId CustomerId InvoiceDate BillingState Total\n{invoices}"),
        table("InvoiceLine", f"InvoiceLineId InvoiceId TrackId UnitPrice Quantity\n{lines}"),
        table("Track", "TrackId Name\n7 Do\n8 Re"),
    )
    assert feeds(proposal, "invoice")["order"].columns == {
        "order_id": "InvoiceId", "account_id": "CustomerId", "ordered_at": "InvoiceDate", "amount": "Total",
    }, "the state that an invoice goes to is not its status"  # fmt: skip
    assert feeds(proposal, "invoiceline")["order_line"].columns == {
        "order_line_id": "InvoiceLineId", "order_id": "InvoiceId", "product_id": "TrackId", "quantity": "Quantity",
        "amount": "Quantity * UnitPrice",
    }  # fmt: skip
    assert feeds(proposal, "track").keys() == {"product"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("orddt", ["order", "date"]),
        ("qtyoh", ["quantity", "onhand"]),
        ("itemdesc", ["item", "description"]),
        ("custmast", ["customer", "master"]),
        ("product", ["product"]),
        ("invoice", ["invoice"]),
        ("unitprice", ["unitprice"]),
    ],
)
def test_short_words_without_a_sign_between_them_are_read_apart(name: str, said: list[str]) -> None:
    assert apart(name) == said


def test_a_schema_before_a_table_says_nothing_of_its_rows() -> None:
    assert entity_of("Sales.Customer")[0][0] == "account"
    assert entity_of("Person.Person")[0][0] == "contact"


@pytest.mark.capability("C51")
def test_distributor_with_names_of_eight_letters(tmp_path: Path) -> None:
    customers = "\n".join(f"00000{n} ACME{n} MRO S1" for n in range(6))
    orders = "\n".join(f"70000{n} 00000{n} 2026010{n + 1} C" for n in range(6))
    lines = "\n".join(f"70000{n} 1 IT1 5 5 0 2.50 12.50" for n in range(6))
    bills = "\n".join(f"IV{n} 70000{n} 00000{n} 20260110 20260210 12.50 {n % 2 * 20260120}" for n in range(6))
    stock = "\n".join(f"DAY IT{n} 20260131 {n} 50" for n in range(6))
    proposal = proposed(
        tmp_path,
        table("CUSTMAST", f"CUSTNO CUSTNM CUSTTYP SLSMNO\n{customers}"),
        table("ORDHDR", f"ORDNO CUSTNO ORDDT ORDSTAT\n{orders}"),
        table("ORDDTL", f"ORDNO LINENO ITEMNO QTYORD QTYSHP QTYBO UNITPRC EXTPRC\n{lines}"),
        table("ITEMBAL", f"WHSE ITEMNO BALDT QTYOH REORDPT\n{stock}"),
        table("ARINV", f"INVNO ORDNO CUSTNO INVDT DUEDT INVAMT PAIDDT\n{bills}"),
        table("SALESREP", "SLSMNO SLSMNM EMAIL\nS1 ANN a@example.com\nS2 BEA b@example.com"),
    )
    assert feeds(proposal, "custmast")["account"].columns == {
        "account_id": "CUSTNO", "name": "CUSTNM", "segment": "CUSTTYP", "owner_id": "SLSMNO",
    }  # fmt: skip
    assert feeds(proposal, "ordhdr")["order"].columns == {
        "order_id": "ORDNO", "account_id": "CUSTNO", "ordered_at": "ORDDT", "status": "ORDSTAT",
    }  # fmt: skip
    assert feeds(proposal, "orddtl")["order_line"].columns["amount"] == "EXTPRC", "extended is of the whole line"
    assert feeds(proposal, "itembal")["inventory_snapshot"].columns["on_hand"] == "QTYOH"
    assert feeds(proposal, "salesrep")["owner"].columns["name"] == "SLSMNM"
    paid = feeds(proposal, "arinv")["payment"]
    assert (paid.columns["paid_at"], paid.where) == (
        "nullif(PAIDDT, '0')",
        "nullif(PAIDDT, '0') is not null",
    ), "an invoice that was paid on day 0 has not been paid"


@pytest.mark.capability("C51")
def test_star_whose_days_addresses_and_receipts_are_numbers(tmp_path: Path) -> None:
    customers = "\n".join(f"{n} AAAA{n} {n + 50} Ann Ng" for n in range(1, 7))
    addresses = "\n".join(f"{n + 50} BBBB{n} Ulm" for n in range(1, 7))
    days = "\n".join(f"24600{n:02d} 2026-01-{n:02d}" for n in range(1, 20))
    sold = "\n".join(f"24600{n:02d} 4000{n} {n % 2} {n} {n + 50} {n} 2 9.00 18.00" for n in range(1, 7))
    sold += "\n2460001 40001 0 1 51 1 1 5.00 5.00\n2460001 40001 0 2 52 7 1 5.00 5.00"
    proposal = proposed(
        tmp_path,
        table("customer", f"c_customer_sk c_customer_id c_current_addr_sk c_first_name c_last_name\n{customers}"),
        table("customer_address", f"ca_address_sk ca_address_id ca_city\n{addresses}"),
        table("date_dim", f"d_date_sk d_date\n{days}"),
        table(
            "store_sales",
            "ss_sold_date_sk ss_sold_time_sk ss_item_sk ss_customer_sk ss_addr_sk ss_ticket_number ss_quantity"
            f" ss_sales_price ss_net_paid\n{sold}",
        ),
    )
    sales = next(stream for stream in proposal.streams if stream.name == "store_sales")
    assert [(one.name, one.to.table.name, one.by, one.take) for one in sales.lookups] == [
        ("ss_sold_date_day", "date_dim", "ss_sold_date_sk", "d_date")
    ]
    assert feeds(proposal, "store_sales")["order"].columns == {
        "order_id": "ss_ticket_number", "account_id": "ss_customer_sk", "ordered_at": "ss_sold_date_day",
    }  # fmt: skip
    assert feeds(proposal, "store_sales")["order_line"].columns["amount"] == "ss_net_paid"
    # An address is looked up, and is no second customer.
    assert feeds(proposal, "customer_address") == {}
    assert feeds(proposal, "customer")["account"].columns["city"] == "city"
    assert proposal.newest == date(2026, 1, 6), "the last sale, and not the last day of the calendar"


def test_what_only_says_more_of_customers_articles_and_orders_counts_none_of_them_twice(tmp_path: Path) -> None:
    orders = "\n".join(f"{n} {n % 3 + 1} 2026-01-0{n} 10.5 1" for n in range(1, 7))
    lines = "\n".join(f"{n} {n} {n % 2 + 1} 1 10.5" for n in range(1, 7))
    proposal = proposed(
        tmp_path,
        table("customer_entity", "entity_id email group_id\n1 a@x.example 1\n2 b@x.example 2\n3 c@x.example 1"),
        table("customer_address_entity", "entity_id parent_id city\n1 2 Ulm\n2 1 Bonn\n3 3 Kiel"),
        table("newsletter_subscriber", "subscriber_id customer_id letter\n8 1 on\n9 2 off"),
        table("customer_group", "customer_group_id customer_group_code\n1 General\n2 Wholesale"),
        table("product", "product_id name product_category_id\n1 Tee 4\n2 Mug 5"),
        table("product_category", "product_category_id product_category_name\n4 Food\n5 Home"),
        table("sales_order", f"entity_id customer_id created_at subtotal status_id\n{orders}"),
        table("sales_order_item", f"item_id order_id product_id qty_ordered row_total\n{lines}"),
        table("review", "review_id entity_id created_at rating\n7 1 2026-01-05 4\n8 1 2026-01-06 5"),
        table("order_history", "order_history_id order_id date_add\n1 1 2026-01-02\n2 1 2026-01-03\n3 2 2026-01-03"),
    )
    whole = [
        (one.name, feed.entity)
        for one in proposal.streams
        for feed in one.feeds
        if not feed.partial and one.name != "review"
    ]
    assert whole == [
        ("customer_entity", "account"), ("product", "product"), ("sales_order", "order"),
        ("sales_order_item", "order_line"),
    ]  # fmt: skip
    assert feeds(proposal, "sales_order_item")["order_line"].columns["product_id"] == "product_id"
    assert "product_category: product has what others name as product" not in proposal.unplaced, "it is looked up"
    customers = next(stream for stream in proposal.streams if stream.name == "customer_entity")
    assert [(one.name, one.to.table.name, one.by) for one in customers.lookups] == [
        ("segment", "customer_group", "group_id")
    ]
    assert feeds(proposal, "review")["review"].belongs_to == {}, "each table numbers its own rows as entity_id"


@pytest.mark.capability("C51")
def test_till_without_a_number_of_a_receipt_and_with_an_amount_that_counts_units(tmp_path: Path) -> None:
    sold = "\n".join(
        f"1/{n % 28 + 1}/2026 0000{n % 4} P{n % 5} {n % 3 + 1} {(n % 3 + 1) * (10 + n % 5)}" for n in range(40)
    )
    sold += f"\n{sold.splitlines()[0]}"
    proposal = proposed(
        tmp_path, table("all_months", f"TRANSACTION_DT CUSTOMER_ID PRODUCT_ID AMOUNT SALES_PRICE\n{sold}")
    )
    assert (
        "1 of the rows that were looked at agree with another in every column: they count once"
        in proposal.streams[0].doubts
    )
    line = feeds(proposal, "all_months")["order_line"]
    together = "hash_of(CUSTOMER_ID, TRANSACTION_DT)"
    assert {name: line.columns[name] for name in ("order_id", "quantity", "amount")} == {
        "order_id": together, "quantity": "AMOUNT", "amount": "SALES_PRICE",
    }  # fmt: skip
    assert "order_id: nothing has one; what a customer bought at one moment is taken for one" in line.doubts
    order = feeds(proposal, "all_months")["order"]
    assert (order.columns["order_id"], order.distinct) == (together, True)


def test_marketplace_that_knows_buyers_by_an_address_and_prices_of_whole_lines(tmp_path: Path) -> None:
    sold = [f"111-{n:07d}-{n:07d} 2026-01-0{n % 9 + 1} {'Shipped' if n else 'Cancelled'}" for n in range(30)]
    rows = [f"{one} B{n % 5} {n % 3 + 1} {(n % 3 + 1) * (5 + n % 5)} b{n % 4}@m.example" for n, one in enumerate(sold)]
    columns = "amazon-order-id purchase-date order-status asin quantity item-price buyer-email"
    proposal = proposed(tmp_path, table("AllOrders", "\n".join([columns, *rows, rows[0]])))
    found = feeds(proposal, "allorders")
    assert found["account"].columns["account_id"] == found["order"].columns["account_id"] == '"buyer-email"'
    status = """case when "order-status" in ('Cancelled') then 'cancelled' else "order-status" end"""
    assert found["order"].columns["status"] == status, "what all lines of an order have is the order's"
    assert found["order_line"].columns["amount"] == '"item-price"', "it grows with the quantity"
    assert proposal.streams[0].personal == ["buyer-email"], "the number of an order is no telephone"


def test_discounts_with_a_minus_are_what_was_given_off(tmp_path: Path) -> None:
    rows = "\n".join(
        f"T{n // 2} S{n % 3} 2026-01-0{n % 9 + 1} C{n % 4} $9.00 {'-$0.50' if n % 2 else '$0.00'}" for n in range(12)
    )
    proposal = proposed(tmp_path, table("sales", f"transaction_id sku date customer_id net_sales discounts\n{rows}"))
    assert feeds(proposal, "sales")["order_line"].columns["discount_amount"] == "-number(discounts)"


def test_a_price_called_as_the_article_and_more_is_multiplied(tmp_path: Path) -> None:
    lines = "\n".join(f"O{n} K{n % 3} A{n % 2} {n % 3 + 1} 2.5 2026-01-0{n + 1}" for n in range(6))
    proposal = proposed(tmp_path, table("sales", f"order_id customer_id item qty item_price date\n{lines}"))
    assert feeds(proposal, "sales")["order_line"].columns["amount"] == "qty * item_price"


def test_lines_without_a_price_are_said_to_lack_one(tmp_path: Path) -> None:
    proposal = proposed(
        tmp_path, CUSTOMERS, table("orders", "order_no KdNr order_date\n1 K1001 2026-01-02\n2 K1002 2026-01-03")
    )
    assert "no stream says what orders are worth: map `amount` of order or order_line" in proposal.missing()


@pytest.mark.capability("C51")
def test_an_export_of_events_in_microseconds_whose_items_are_the_lines(tmp_path: Path) -> None:
    bought = {"transaction_id": "T1", "purchase_revenue": 12.5}
    events = [
        {
            "event_timestamp": str(1_767_225_600_000_000 + n * 10**9),
            "event_name": "purchase" if n == 5 else "page_view",
            "event_params": [{"key": "page", "value": {"string_value": "/"}}],
            "user_id": None if n % 2 else f"u{n % 3}",
            "user_pseudo_id": f"{n % 4}.17",
            "ecommerce": bought if n == 5 else {},
            "items": [{"item_id": "S1", "price": 6.25, "quantity": 2}] if n == 5 else [],
        }
        for n in range(12)
    ]
    (tmp_path / "events.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in events))
    proposal = proposed(tmp_path, *look_at_folder(tmp_path)[0])
    usage = feeds(proposal, "events")["usage_event"].columns
    assert usage["occurred_at"] == "to_timestamp(number(event_timestamp) / 1000000)"
    assert usage["account_id"] == "user_pseudo_id", "who is not logged in has no other number"
    line = feeds(proposal, "event_items")["order_line"].columns
    assert (line["order_id"], line["amount"]) == ("event__ecommerce__transaction_id", "quantity * price")
    assert feeds(proposal, "event_event_params") == {}, "names and values of an event are no events"


def test_files_of_schemas_have_names_of_their_own_and_a_long_one_ends_with_its_last_row(tmp_path: Path) -> None:
    days = [f"2026-01-{n:02d}" for n in range(1, 21)]
    rows = "".join(f"{n},{n % 4},{day},5.5\n" for n, day in enumerate(days))
    (tmp_path / "Sales.OrderHeader.csv").write_text("OrderID,CustomerID,OrderDate,SubTotal\n" + rows)
    (tmp_path / "Sales.Customer.csv").write_text(
        "CustomerID,Email\n" + "".join(f"{n},a{n}@x.example\n" for n in range(4))
    )
    found, problems = look_at_folder(tmp_path, rows=10)
    proposal = proposed(tmp_path, *found)
    assert (problems, [stream.name for stream in proposal.streams]) == ([], ["sales_customer", "sales_orderheader"])
    assert feeds(proposal, "sales_orderheader")["order"].columns["account_id"] == "CustomerID"
    assert proposal.newest == date(2026, 1, 20)


def test_sales_by_invoice_and_article_are_bought_and_no_payments(tmp_path: Path) -> None:
    rows = "\n".join(f"R{n // 2} C{n % 4} A{n % 3} {n % 2 + 1} {n * 3}.50 2025-01-{n + 10}" for n in range(12))
    proposal = proposed(
        tmp_path, table("transactions", f"invoice_no customer_id product_id quantity amount date\n{rows}")
    )
    assert "payment" not in feeds(proposal, "transactions")
    assert "order_line" in feeds(proposal, "transactions")


@pytest.mark.parametrize("name", ["wishlist", "product_views", "price_quotes"])
def test_what_was_only_looked_at_is_not_bought(tmp_path: Path, name: str) -> None:
    rows = "\n".join(f"C{n % 4} A{n % 3} {n * 3}.50 2025-01-{n + 10}" for n in range(12))
    assert "order" not in proposed(tmp_path, table(name, f"customer_id product_id price added_at\n{rows}")).fed


def test_a_second_kind_of_sales_is_kept(tmp_path: Path) -> None:
    customers = table("customers", "customer_id name\n" + "\n".join(f"C{n} Firm~{n}" for n in range(6)))
    web = "\n".join(f"W{n} C{n} 2025-01-1{n} {n}5.00" for n in range(6))
    items = "\n".join(f"L{n} W{n} A{n % 2} 1 {n}5.00" for n in range(6))
    till = "\n".join(f"T{n} C{n} 2025-02-1{n} {n}7.00" for n in range(6))
    proposal = proposed(
        tmp_path,
        customers,
        table("online_orders", f"order_id customer_id ordered_at amount\n{web}"),
        table("order_items", f"line_id order_id product_id quantity amount\n{items}"),
        table("store_sales", f"sale_id customer_id sold_at amount\n{till}"),
    )
    assert "order" in feeds(proposal, "online_orders")
    assert "order" in feeds(proposal, "store_sales")


@pytest.mark.parametrize(
    ("file", "called"),
    [("orders.v2.csv", "orders"), ("customers.2024q1.csv", "customers"), ("Sales.Customer.csv", "Sales.Customer")],
)
def test_a_word_after_a_files_name_is_no_table(tmp_path: Path, file: str, called: str) -> None:
    (tmp_path / file).write_text("id,name\n1,A\n2,B\n", encoding="utf-8")
    [found], problems = look_at_folder(tmp_path)
    assert (found.name, problems) == (called, [])
