"""What is proposed for help desks, billing systems, event logs and resource planning: shapes of well-known systems."""

from __future__ import annotations

import json
import sqlite3
from datetime import date
from pathlib import Path

import pytest
from proposed import accepted, feeds, table

from forewarn.scaffold import look_at_api, look_at_database, look_at_folder, propose, source_text
from forewarn.scaffold.names import begin_alike, entity_of

TODAY = date(2026, 3, 2)


@pytest.mark.capability("C51")
def test_an_offset_of_the_next_page_and_the_number_within_an_envelope_are_found(httpserver: object) -> None:
    records = [{"customer": {"id": f"c{n}", "email": f"a{n}@acme.example.com"}} for n in range(4)]
    page = {"list": records, "next_offset": '["4","x"]'}
    httpserver.expect_request("/api/customers").respond_with_json(page)  # type: ignore[attr-defined]
    ((table,), _, _) = look_at_api([httpserver.url_for("/api/customers?limit=4")], "billing")  # type: ignore[attr-defined]
    assert table.place["endpoint"]["paginator"] == {"kind": "token", "field": "next_offset", "param": "offset"}
    assert (table.key, list(table.doubts)) == (["customer__id"], [])


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"next_page": "https://desk.example.com/api/v2/tickets?page=2"}, "next_link"),
        ({"next_page": "/api/v2/tickets?page=2"}, "next_link"),
        ({"next_page": 2}, "token"),
        ({"next_cursor": "/8AAAB=="}, "token"),
    ],
)
def test_a_next_page_may_be_an_address_or_a_number(httpserver: object, said: dict[str, object], kind: str) -> None:
    httpserver.expect_request("/tickets").respond_with_json({"tickets": [{"id": 1}], **said})  # type: ignore[attr-defined]
    ((table,), _, _) = look_at_api([httpserver.url_for("/tickets")], "desk")  # type: ignore[attr-defined]
    paginator = table.place["endpoint"]["paginator"]
    assert (paginator["kind"], [paginator["field"]]) == (kind, list(said))


@pytest.mark.parametrize(("asked", "doubted"), [("?limit=3", True), ("?limit=100", False), ("", False)])
def test_a_full_page_that_leads_to_no_other_is_doubted(httpserver: object, asked: str, doubted: bool) -> None:
    httpserver.expect_request("/tickets").respond_with_json([{"id": n} for n in range(3)])  # type: ignore[attr-defined]
    tables, _, _ = look_at_api([httpserver.url_for(f"/tickets{asked}")], "desk")  # type: ignore[attr-defined]
    text = source_text(propose(tables, TODAY), kind="rest", connection="desk", description="x")
    assert ("# 3 records came, as a page has: say by `paginator`" in text) == doubted


@pytest.mark.capability("C51")
def test_resource_planning_has_partners_as_customers_and_its_users_as_owners(tmp_path: Path) -> None:
    tables = [
        table("account_move", "id move_type state partner_id invoice_date invoice_date_due amount_total\n"
              "7 out_invoice posted 11 2025-01-02 2025-02-01 119\n8 in_invoice draft 12 2025-01-03 2025-02-02 60"),
        table("res_partner", "id name user_id email\n11 Acme 1 a@acme.example.com\n12 Bolt 1 b@bolt.example.com\n"
              "13 Crux 2 -\n14 Dyn 2 -\n15 Ely 1 -\n16 Fir 2 -"),
        table("res_users", "id login partner_id active\n1 s1@ours.example.com 15 1\n2 s2@ours.example.com 16 1"),
        table("sale_order", "id partner_id user_id date_order state amount_untaxed\n"
              "31 11 1 2025-01-01 sale 100\n32 12 2 2025-01-02 draft 50\n33 13 2 2025-01-09 cancel 70"),
    ]  # fmt: skip
    proposal = propose(tables, TODAY)
    accepted(proposal, tmp_path)
    assert feeds(proposal, "res_partner")["account"].columns["owner_id"] == "user_id"
    assert feeds(proposal, "res_users")["owner"].columns["email"] == "login"
    order = feeds(proposal, "sale_order")["order"]
    assert (order.columns["account_id"], order.where) == ("partner_id", "state not in ('draft')")
    assert order.columns["status"] == "case when state in ('cancel') then 'cancelled' else state end"
    invoice = feeds(proposal, "account_move")["invoice"]
    assert (invoice.columns["account_id"], invoice.columns["due_at"]) == ("partner_id", "invoice_date_due")
    assert invoice.where == "state not in ('draft')"
    assert "where: move_type has in invoice, out invoice, and all count" in invoice.doubts


def test_words_with_which_all_tables_begin_say_nothing_of_one(tmp_path: Path) -> None:
    tables = [
        table("client_churn_area", "ID Zip People\n1 90001 200\n2 90004 300\n3 90007 400"),
        table("client_churn_place", "PlaceID CustomerID City\nL1 7590-V LA\nL2 5575-G LA\nL3 3668-Q SD"),
        table(
            "client_churn_plans",
            "PlanID CustomerID Tenure MonthlyCharge\nP1 7590-V 3 20\nP2 5575-G 9 30\nP3 3668-Q 1 5",
        ),
    ]
    proposal = propose(tables, TODAY)
    accepted(proposal, tmp_path)
    assert feeds(proposal, "client_churn_area") == {}
    assert feeds(proposal, "client_churn_place")["account"].columns["city"] == "City"
    assert feeds(proposal, "client_churn_plans")["subscription"].columns["mrr"] == "MonthlyCharge"


CUSTOMERS = table("customers", "customer_id name ref\n" + "\n".join(f"C{n}77 Firm_{n} R{n}99" for n in range(6)))


def test_a_customers_number_is_the_one_that_customers_have(tmp_path: Path) -> None:
    lines = "\n".join(f"S{n} ctm_{n} C{n}77 2025-01-0{n + 1} 20" for n in range(6))
    contracts = table("subscriptions", f"id customer_id custom_data_company_id started_at mrr\n{lines}")
    proposal = propose([CUSTOMERS, contracts], TODAY)
    accepted(proposal, tmp_path)
    assert feeds(proposal, "subscriptions")["subscription"].columns["account_id"] == "custom_data_company_id"


def test_rows_that_know_customers_by_another_of_their_numbers_lead_to_them_and_others_are_doubted(
    tmp_path: Path,
) -> None:
    def contracts(name: str) -> str:
        return f"{name} company started_at mrr\n" + "\n".join(f"R{n}99 X{n} 2025-01-0{n + 1} 20" for n in range(6))

    proposal = propose([CUSTOMERS, table("contracts", contracts("ref"))], TODAY)
    accepted(proposal, tmp_path)
    assert feeds(proposal, "customers")["contact"].columns == {"contact_id": "ref", "account_id": "customer_id"}
    assert feeds(proposal, "contracts")["subscription"].belongs_to == {"contact": "ref"}

    unknown = propose([CUSTOMERS, table("contracts", contracts("ref").replace("99", "00"))], TODAY)
    doubts = feeds(unknown, "contracts")["subscription"].doubts
    assert "account_id: the table of customers has none of the values of company" in doubts


TICKETS = "id customer_id created_at updated_at status score\n" + "\n".join(
    f"{n}00 C{n}77 2025-01-0{n + 1} 2025-02-01 {state} {score}"
    for n, (state, score) in enumerate([("open", "-"), ("closed", "good"), ("deleted", "-"), ("solved", "bad")])
)


def test_tickets_are_solved_by_their_state_where_no_table_says_when(tmp_path: Path) -> None:
    proposal = propose([CUSTOMERS, table("tickets", TICKETS.replace("score", "satisfaction_score"))], TODAY)
    accepted(proposal, tmp_path)
    ticket = feeds(proposal, "tickets")["ticket"]
    assert ticket.columns["closed_at"] == "case when status in ('closed', 'solved') then updated_at end"
    assert ticket.where == "status not in ('deleted')"
    rated = "case when satisfaction_score in ('good') then 5 when satisfaction_score in ('bad') then 1 end"
    assert ticket.columns["satisfaction"] == rated


def test_what_became_of_tickets_is_no_usage_and_what_another_table_knows_of_them_is_added(tmp_path: Path) -> None:
    metrics = table("ticket_metrics", "id ticket_id solved_at\n1 100 2025-01-09\n2 300 2025-01-08\n3 000 -\n4 200 -")
    events = table(
        "ticket_events", "id ticket_id at from_state to_state\n1 100 2025-01-02 - new\n2 100 2025-01-09 new solved"
    )
    audit = table(
        "ticket_log", "id ticket_id created_at agent\n1 100 2025-01-02 7\n2 100 2025-01-09 7\n3 300 2025-01-09 8"
    )
    proposal = propose([CUSTOMERS, table("tickets", TICKETS), metrics, events, audit], TODAY)
    accepted(proposal, tmp_path)
    assert "closed_at" not in feeds(proposal, "tickets")["ticket"].columns
    added = feeds(proposal, "ticket_metrics")["ticket"]
    assert (added.partial, added.columns) == (True, {"ticket_id": "ticket_id", "closed_at": "solved_at"})
    assert feeds(proposal, "ticket_events")["ticket_status_change"].columns["status"] == (
        "case when to_state in ('new') then 'open' when to_state in ('solved') then 'solved' else to_state end"
    )
    assert feeds(proposal, "ticket_log") == {}


def test_fields_within_a_ticket_are_no_tickets(tmp_path: Path) -> None:
    fields = [{"id": 1, "value": "x"}, {"id": 2, "value": None}]
    tickets = [
        {"id": n, "organization_id": f"o{n}", "created_at": f"2025-01-0{n}", "fields": fields} for n in range(1, 6)
    ]
    (tmp_path / "tickets.json").write_text(json.dumps({"tickets": tickets}))
    proposal = propose(look_at_folder(tmp_path)[0], TODAY)
    assert feeds(proposal, "tickets").keys() >= {"ticket"}
    assert feeds(proposal, "ticket_fields") == {}


def test_invoices_alone_are_what_customers_bought_and_drafts_and_void_ones_are_not(tmp_path: Path) -> None:
    lines = "\n".join(
        f"I{n} C{n}77 2025-01-02 2025-02-01 9.5 {state}" for n, state in enumerate(["PAID", "VOIDED", "DRAFT"])
    )
    proposal = propose(
        [CUSTOMERS, table("invoices", f"InvoiceID customer_id Date DueDate Total Status\n{lines}")], TODAY
    )
    accepted(proposal, tmp_path)
    found = feeds(proposal, "invoices")
    assert found["order"].columns["order_id"] == "InvoiceID"
    assert found["order"].where == found["invoice"].where == "Status not in ('DRAFT', 'VOIDED')"


def test_views_of_tables_are_left_out_and_a_time_of_deletion_marks_a_row_as_deleted(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "app.db") as connection:
        connection.executescript("""
            create table customers (customer_id text primary key, name text, deleted_at timestamp);
            insert into customers values ('C1', 'Acme', null), ('C2', 'Bolt', '2025-01-02 10:00:00');
            create view active_customers as select * from customers where deleted_at is null;
        """)
    proposal = propose(look_at_database(f"sqlite:///{tmp_path / 'app.db'}", "app")[0], TODAY)
    assert feeds(proposal, "active_customers") == {}
    assert "active_customers: a view that tells of account, as customers does" in proposal.unplaced
    marks = {stream.name: stream.marked_by for stream in proposal.streams}
    assert marks["customers"] == "deleted_at is not null"


@pytest.mark.parametrize("when", ["2025-01-0{}_08:30:00_UTC", "0{}/Feb/25_02:10_PM", "0{}-Feb-2025_14:00"])
def test_times_are_read_with_the_name_of_their_zone_and_with_months_in_words(when: str) -> None:
    lines = "\n".join(f"T{n} C{n}77 {when.format(n + 1)}" for n in range(6))
    proposal = propose([CUSTOMERS, table("issues", f"Key customer_id Created_time\n{lines}")], TODAY)
    assert feeds(proposal, "issues")["ticket"].columns["opened_at"] == "Created_time"


def test_a_list_beside_what_an_answer_says_of_its_pages_is_the_records(tmp_path: Path) -> None:
    answer = {"type": "list", "pages": {"page": 1, "total_pages": 1}, "data": [{"id": "a", "email": "a@x.example.com"}]}
    (tmp_path / "contacts.json").write_text(json.dumps(answer))
    order = {"id": 7, "customer": {"name": "Acme"}, "lines": [{"sku": "x", "qty": 1}]}
    (tmp_path / "order.json").write_text(json.dumps(order))
    found = {table.name: table.place.get("records") for table in look_at_folder(tmp_path)[0]}
    assert found == {"contacts": "data", "order": None, "order_lines": None}


def test_a_state_of_a_record_is_no_region_and_the_last_word_tells_a_place() -> None:
    header = "customer_id name state billing_city\n"
    closed = "\n".join(f"C{n} Firm_{n} {('active', 'closed')[n % 2]} Rome" for n in range(4))
    told = feeds(propose([table("customers", header + closed)], TODAY), "customers")["account"].columns
    assert "region" not in told
    assert told["city"] == "billing_city"
    places = closed.replace("active", "TX").replace("closed", "NY")
    assert (
        feeds(propose([table("customers", header + places)], TODAY), "customers")["account"].columns["region"]
        == "state"
    )


def test_a_claim_on_a_policy_is_a_case_and_one_on_an_invoice_a_dispute() -> None:
    policies = table(
        "policies", "policy_no customer_id start_date annual_premium frequency\nP177 C177 2025-01-01 120 annual"
    )
    claim = "claim_no {} reported_date claim_amount\nK1 {} 2025-03-01 90"
    proposal = propose([CUSTOMERS, policies, table("claims", claim.format("policy_no", "P177"))], TODAY)
    assert feeds(proposal, "claims")["ticket"].belongs_to == {"subscription": "policy_no"}
    assert feeds(proposal, "policies")["subscription"].columns["mrr"] == "number(annual_premium) / 12"
    invoices = table(
        "invoices", "invoice_no customer_id invoice_date due_date total\nI177 C177 2025-01-01 2025-02-01 90.5"
    )
    proposal = propose([CUSTOMERS, invoices, table("claims", claim.format("invoice_no", "I177"))], TODAY)
    assert feeds(proposal, "claims").keys() == {"dispute"}


def test_a_deal_closes_on_its_actual_day_and_numbers_are_known_as_odata_writes_them() -> None:
    deals = table("opportunity", "opportunityid _customerid_value createdon estimatedclosedate actualclosedate\n"
                  "O1 C077 2025-01-01 2025-03-01 2025-02-11\nO2 C177 2025-01-01 2025-03-01 -")  # fmt: skip
    deal = feeds(propose([CUSTOMERS, deals], TODAY), "opportunity")["opportunity"]
    assert {name: deal.columns[name] for name in ("account_id", "opened_at", "closed_at")} == {
        "account_id": "_customerid_value", "opened_at": "createdon", "closed_at": "actualclosedate",
    }  # fmt: skip


def test_a_contract_ends_when_it_was_cancelled_only_where_its_status_says_so(tmp_path: Path) -> None:
    lines = "\n".join(
        f"S{n} C{n}77 2025-01-01 {end} {status} 20 12"
        for n, (end, status) in enumerate(
            [("-", "active"), ("2025-05-01", "cancelled"), ("2025-05-02", "non_renewing")]
        )
    )
    header = "id customer_id started_at cancelled_at status amount interval_length\n"
    proposal = propose([CUSTOMERS, table("subscriptions", header + lines)], TODAY)
    accepted(proposal, tmp_path)
    contract = feeds(proposal, "subscriptions")["subscription"].columns
    assert contract["ended_at"] == "case when status in ('cancelled') then cancelled_at end"
    assert contract["mrr"] == "amount / interval_length"


def test_money_that_moved_for_a_contract_is_a_payment_and_without_an_invoice_it_is_doubted() -> None:
    invoices = table("invoices", "id customer_id issued_at due_at total\n9177 C177 2025-01-01 2025-02-01 90.5")
    moved = "transaction_id customer_id subscription_id date amount{}\nT1 C177 S1 2025-01-03 90.5{}"
    found = feeds(propose([CUSTOMERS, invoices, table("transactions", moved.format("", ""))], TODAY), "transactions")
    assert found["payment"].doubts == ["invoice_id: no column names the invoice, and without it none counts as paid"]
    told = moved.format(" invoice_id", " 9177")
    found = feeds(propose([CUSTOMERS, invoices, table("transactions", told)], TODAY), "transactions")
    assert found["payment"].columns["invoice_id"] == "invoice_id"


def test_kinds_of_products_are_no_products() -> None:
    kinds = table("product_category", "id name\n1 Tools\n2 Paint")
    goods = table("product", "id name category_id\n7 Hammer 1\n8 Brush 2")
    proposal = propose([goods, kinds], TODAY)
    assert (feeds(proposal, "product").keys(), feeds(proposal, "product_category")) == ({"product"}, {})


def test_customers_are_known_by_the_key_of_their_list_or_by_their_name() -> None:
    people = "\n".join(f"{n}-guid-{n} C{n}77 Firm_{n}" for n in range(6))
    listed = table("Contacts", f"ContactID AccountNumber Name\n{people}")
    bills = "\n".join(f"I{n} {n}-guid-{n} 2025-01-02 2025-02-01 9.5" for n in range(6))
    proposal = propose([listed, table("Invoices", f"InvoiceID ContactID Date DueDate Total\n{bills}")], TODAY)
    assert feeds(proposal, "invoices")["invoice"].belongs_to == {"contact": "ContactID"}
    issues = "\n".join(f"T{n} Firm_{n} 2025-01-02" for n in range(6))
    proposal = propose([CUSTOMERS, table("issues", f"Key Custom_field_(Organizations) Created\n{issues}")], TODAY)
    assert feeds(proposal, "issues")["ticket"].belongs_to == {"contact": '"Custom_field_(Organizations)"'}
    assert feeds(proposal, "customers")["contact"].columns == {"contact_id": "name", "account_id": "customer_id"}


def test_a_house_number_of_its_own_belongs_to_the_street(tmp_path: Path) -> None:
    people = table("Kunden", "KundenNr Nachname Strasse HausNr Ort\n1007 Meyer Hauptstr. 5 Bonn\n1008 Klein Ring 7 Ulm")
    proposal = propose([people], TODAY)
    accepted(proposal, tmp_path)
    assert feeds(proposal, "kunden")["account"].columns["street"] == "trim(concat(Strasse, ' ', HausNr))"


def test_a_word_for_nothing_marks_no_row_as_deleted() -> None:
    for nothing in ("NULL", "0000-00-00"):
        rows = "\n".join(f"C{n} Firm_{n} {'2024-01-02' if n == 3 else nothing}" for n in range(6))
        (stream,) = propose([table("customers", f"customer_id name deleted_at\n{rows}")], TODAY).streams
        assert stream.marked_by == f"nullif(deleted_at, '{nothing}') is not null"


def test_how_many_people_a_customer_has_is_nobody_who_looks_after_it() -> None:
    counts = "\n".join(f"{n} Firm_{n} {n % 3 + 1}" for n in range(1, 7))
    people = "\n".join(f"{n} {n % 6 + 1} p{n}@firm.org" for n in range(1, 30))
    proposal = propose(
        [table("accounts", f"id name employees\n{counts}"), table("users", f"id account_id email\n{people}")], TODAY
    )
    assert "owner_id" not in feeds(proposal, "accounts")["account"].columns
    assert "owner" not in feeds(proposal, "users")


def test_a_payment_on_the_row_of_an_invoice_is_in_its_terms() -> None:
    rows = "\n".join(
        f"I{n} C{n}77 {n}00.50 2025-01-1{n} 2025-03-1{n} 2025-02-1{n} {'void' if n == 3 else 'paid'}" for n in range(6)
    )
    bills = table("invoices", f"invoice_id customer_id total issued_at due_at paid_at status\n{rows}")
    found = feeds(propose([CUSTOMERS, bills], TODAY), "invoices")
    assert found["invoice"].where == "status not in ('void')"
    assert found["payment"].where == "paid_at is not null and status not in ('void')"


def test_the_table_of_tickets_is_known_beside_its_events() -> None:
    assert begin_alike(["ticket_master", "ticket_comments", "ticket_events"]) == 0
    assert begin_alike(["client_churn_area", "client_churn_place", "client_churn_plans"]) == 2
    assert entity_of("order_status") == []
