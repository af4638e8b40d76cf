"""What is proposed for contracts, deals, banks, telephone companies and reports: shapes of well-known public data."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from proposed import accepted, feeds, table
from workbooks import write_workbook

from forewarn.errors import SourceRejected
from forewarn.scaffold import look_at_api, look_at_folder, propose
from forewarn.sources.csv_files import inspect
from forewarn.sources.files import File
from forewarn.sources.model import FilesSource, FileStream
from forewarn.sources.reader import Row

TODAY = date(2026, 3, 2)


@pytest.mark.capability("C51")
def test_bank_with_clients_and_accounts_counts_accounts_and_knows_clients_as_their_people(tmp_path: Path) -> None:
    tables = [
        table("account", "account_id district_id date\n7 1 930101\n8 2 940215\n9 1 950530"),
        table("client", "client_id birth_number gender\n7 706213 F\n15 450204 M\n16 406009 F"),
        table("disp", "disp_id client_id account_id type\n1 7 7 OWNER\n2 15 8 OWNER\n3 16 8 DISPONENT\n4 7 9 OWNER"),
        table("trans", "trans_id account_id date type amount\n1 7 980101 V 700.5\n2 8 980102 P 9\n3 8 981231 P 1"),
        table("loan", "loan_id account_id date amount payments\n5 7 960429 3000 100\n6 8 960501 900 30"),
    ]
    proposal = propose(tables, TODAY)
    accepted(proposal, tmp_path)
    assert feeds(proposal, "account")["account"].columns == {
        "account_id": "account_id", "created_at": "to_timestamp(date, 'YYMMDD')",
    }  # fmt: skip
    assert feeds(proposal, "client") == {}
    person = feeds(proposal, "disp")["contact"]
    assert (person.columns, person.distinct) == ({"contact_id": "client_id", "account_id": "account_id"}, True)
    assert feeds(proposal, "trans")["order"].columns["account_id"] == "account_id"
    assert feeds(proposal, "loan")["subscription"].columns["mrr"] == "payments"
    assert proposal.newest == date(1998, 12, 31)


@pytest.mark.parametrize(("used", "ends"), [("2025-12-24", "2025-12-24"), ("2025-06-30", "2025-12-30")])
def test_data_end_where_usage_does_unless_it_ended_long_before_the_rest(used: str, ends: str) -> None:
    usage = table("feature_usage", f"usage_id account_id usage_date usage_count\nU1 A1 2025-03-01 4\nU2 A2 {used} 2")
    tickets = table("tickets", "ticket_id account_id submitted_at\nT1 A1 2025-02-01\nT2 A2 2025-12-30")
    proposal = propose([table("accounts", "account_id account_name\nA1 Acme\nA2 Bolt"), usage, tickets], TODAY)
    assert proposal.fed == {"account", "usage_event", "ticket"}
    assert proposal.newest == date.fromisoformat(ends)


def test_tables_of_who_left_feed_nothing_beside_customers_and_all_when_they_are_alone() -> None:
    accounts = table("accounts", "account_id account_name\nA1 Acme\nA2 Bolt\nA3 Crux")
    events = table("churn_events", "churn_event_id account_id churn_date reason_code\nC1 A2 2025-05-01 price")
    labels = table("train", "account_id is_churn\nA1 0\nA2 1\nA3 0")
    proposal = propose([accounts, events, labels], TODAY)
    assert proposal.fed == {"account"}
    assert [line.partition(",")[0] for line in proposal.unplaced] == [
        "churn_events: tells who left",
        "train: nothing says what its rows are; of customers it has but the number",
    ]
    alone = propose(
        [table("customer_churn", "customer_id tenure monthly_charges churn\nK1 3 9.5 Yes\nK2 5 7 No")], TODAY
    )
    assert alone.fed == {"account", "subscription"}


@pytest.mark.capability("C51")
def test_deal_that_was_won_is_an_order_and_one_that_is_open_has_not_closed(tmp_path: Path) -> None:
    deals = table(
        "sales_pipeline",
        "opportunity_id sales_agent account deal_stage engage_date close_date close_value\n"
        "O1 Ann Acme Closed_Won 2025-01-01 2025-02-01 100\nO2 Ann Bolt Closed_Lost 2025-01-03 2025-02-02 0\n"
        "O3 Bob Acme Engaging 2025-03-01 2026-01-01 -",
    )
    agents = table("sales_teams", "sales_agent manager regional_office\nAnn Max East\nBob Max West")
    proposal = propose([deals, agents], TODAY)
    accepted(proposal, tmp_path)
    deal, order = (feeds(proposal, "sales_pipeline")[entity] for entity in ("opportunity", "order"))
    assert deal.columns["outcome"] == (
        "case when deal_stage in ('Closed Won') then 'won' when deal_stage in ('Closed Lost') then 'lost' end"
    )
    assert deal.columns["closed_at"] == "case when deal_stage in ('Closed Lost', 'Closed Won') then close_date end"
    assert (order.where, order.columns["ordered_at"]) == ("deal_stage in ('Closed Won')", "close_date")
    assert feeds(proposal, "sales_teams")["owner"].columns["owner_id"] == "sales_agent"


@pytest.mark.capability("C51")
def test_premium_without_a_day_of_issue_is_an_invoice_and_its_payment_only_once_paid(tmp_path: Path) -> None:
    policies = table(
        "policies",
        "policy_number customer_id line_of_business effective_date expiration_date lapse_date annual_premium\n"
        "P1 C1 Auto 2024-01-01 2026-01-01 - 120.5\nP2 C2 Home 2024-02-01 2026-02-01 2025-03-01 99.5",
    )
    premiums = table(
        "premiums",
        "premium_id policy_number due_date premium_amount paid_date\n"
        "R1 P1 2025-01-01 10 2025-01-09\nR2 P2 2025-01-01 8 -",
    )
    proposal = propose([policies, premiums], TODAY)
    accepted(proposal, tmp_path)
    contract = feeds(proposal, "policies")["subscription"].columns
    assert {name: contract[name] for name in ("started_at", "renews_at", "ended_at", "plan", "mrr")} == {
        "started_at": "effective_date", "renews_at": "expiration_date", "ended_at": "lapse_date",
        "plan": "line_of_business", "mrr": "number(annual_premium) / 12",
    }  # fmt: skip
    invoice, payment = (feeds(proposal, "premiums")[entity] for entity in ("invoice", "payment"))
    assert (invoice.columns["due_at"], invoice.columns["issued_at"]) == ("due_date", "due_date")
    assert invoice.belongs_to == payment.belongs_to == {"subscription": "policy_number"}
    assert (payment.where, payment.columns["invoice_id"]) == ("paid_date is not null", "premium_id")


def test_contract_and_its_end_in_two_files_a_row_a_customer_each(tmp_path: Path) -> None:
    services = table("services", "customer_id tenure_in_months contract monthly_fee\nK1 3 Monthly 9.5\nK2 5 Yearly 7")
    status = table("status", "customer_id churn_label churn_score\nK1 Yes 90\nK2 No 10")
    proposal = propose([services, status], TODAY)
    accepted(proposal, tmp_path)
    ended = feeds(proposal, "status")["subscription"]
    assert ended.partial
    assert ended.columns == {
        "subscription_id": "customer_id",
        "ended_at": "case when truth(churn_label) then date '2026-01-31' end",
    }


@pytest.mark.parametrize("said", ["Storniert", "已取消", "CANCELLED"])
def test_order_that_was_cancelled_in_other_words_never_counted(said: str) -> None:
    lines = f"O1 K1 2025-01-01 5 paid\nO2 K2 2025-01-02 5 {said}"
    proposal = propose([table("orders", f"order_id customer_id order_date amount status\n{lines}")], TODAY)
    expected = f"case when status in ('{said}') then 'cancelled' else status end"
    assert feeds(proposal, "orders")["order"].columns["status"] == expected


def test_calls_that_know_a_telephone_belong_to_the_customer_who_has_it(tmp_path: Path) -> None:
    lines = "\n".join(f"K{n} 42077000{n} 9.5 {n}" for n in range(6))
    services = table("services", f"customer_id msisdn monthly_fee tenure\n{lines}")
    calls = "\n".join(f"{n} 42077000{n % 6} 2025-01-0{n % 9 + 1} voice" for n in range(12))
    proposal = propose([services, table("cdr", f"call_id calling_number call_start call_type\n{calls}")], TODAY)
    accepted(proposal, tmp_path)
    assert feeds(proposal, "services")["contact"].columns == {"contact_id": "msisdn", "account_id": "customer_id"}
    call = feeds(proposal, "cdr")["usage_event"]
    assert call.belongs_to == {"contact": "calling_number"}
    assert (call.columns["occurred_at"], call.columns["feature"]) == ("call_start", "call_type")


def test_yes_or_no_is_no_feature_and_first_and_last_name_are_one() -> None:
    usage = table(
        "feature_usage", "usage_id account_id usage_date feature_name is_beta_feature\nU1 A1 2025-01-01 export False"
    )
    people = table("accounts", "account_id first_name last_name\nA1 Ann Lee\nA2 Bob Ray")
    proposal = propose([usage, people], TODAY)
    assert feeds(proposal, "feature_usage")["usage_event"].columns["feature"] == "feature_name"
    assert feeds(proposal, "accounts")["account"].columns["name"] == "trim(concat(first_name, ' ', last_name))"


@pytest.mark.capability("C51")
def test_report_with_a_title_above_and_totals_below(tmp_path: Path) -> None:
    report = [
        ["Kundenliste, Stand 31.12.2025"], [], ["Kunden-Nr.", "Firma", "Ort", "PLZ"], ["1001", "Acme", "Köln", "50667"],
        ["1002", "Bolt", "Ulm", "89073"], ["Anzahl: 2"],
    ]  # fmt: skip
    write_workbook(tmp_path / "Kunden.xlsx", {"Liste": report})
    (tmp_path / "订单.csv").write_text(
        "内部报表,,,\n订单号,客户编号,下单时间,金额\nDD1,1001,2024年3月5日,1.2万\nDD2,1002,2024年11月25日,99.50元\n合计,,,12099.5\n",
        encoding="gbk",
    )
    tables, problems = look_at_folder(tmp_path)
    assert problems == []
    proposal = propose(tables, TODAY)
    accepted(proposal, tmp_path)
    places = {stream.name: stream.table.place for stream in proposal.streams}
    assert {name: (place["header_row"], place["quarantine"]) for name, place in places.items()} == {
        "kunden": (3, {"a row of totals": "Firma is null"}),
        "order": (2, {"a row of totals": '"客户编号" is null'}),
    }
    assert feeds(proposal, "order")["order"].columns == {
        "order_id": '"订单号"',
        "account_id": '"客户编号"',
        "ordered_at": """to_timestamp("下单时间", 'YYYY"年"MM"月"DD"日"')""",
        "amount": 'number("金额")',
    }
    assert proposal.newest == date(2024, 11, 25)
    stream = FileStream(**{name: value for name, value in places["order"].items() if name != "quarantine"})
    source = FilesSource(kind="files", streams={"order": stream})
    types, part = inspect(source, stream, "any.order", File("订单.csv", tmp_path / "订单.csv"), "")
    assert list(types) == ["订单号", "客户编号", "下单时间", "金额"]
    assert part.rows is not None
    assert [row.values[0] for row in part.rows() if isinstance(row, Row)] == ["DD1", "DD2", "合计"]


@pytest.mark.capability("C51")
def test_lists_of_one_server_with_their_next_pages(httpserver: object, tmp_path: Path) -> None:
    about = [
        {"id": "co_1", "name": "Acme", "created": 1735689600},
        {"id": "co_2", "name": "Bolt", "created": 1735776000},
    ]
    deals = [
        {"id": f"d{n}", "created": 1735689600 + n, "on": {"companies": [{"id": f"co_{n}", "type": "x"}]}}
        for n in (1, 2)
    ]
    page = {"results": deals, "paging": {"next": {"after": "2", "link": "https://crm.example/deals?after=2"}}}
    httpserver.expect_request("/customers").respond_with_json({"data": about, "has_more": True})  # type: ignore[attr-defined]
    httpserver.expect_request("/tickets").respond_with_json(page)  # type: ignore[attr-defined]
    urls = [httpserver.url_for(path) for path in ("/customers?limit=2", "/tickets")]  # type: ignore[attr-defined]
    tables, problems, _ = look_at_api(urls, "crm")
    assert problems == []
    proposal = propose(tables, TODAY)
    assert [stream.table.place["endpoint"]["paginator"] for stream in proposal.streams] == [
        {"kind": "last_record", "field": "id", "param": "starting_after"},
        {"kind": "next_link", "field": "paging.next.link"},
    ]
    assert feeds(proposal, "customers")["account"].columns["created_at"] == "to_timestamp(created)"
    assert "on__companies__0__id" in [column.name for column in proposal.streams[1].table.columns]
    assert proposal.newest == date(2025, 1, 2)
    with pytest.raises(SourceRejected, match="expected the server of the other addresses"):
        look_at_api([urls[0], urls[1].replace("localhost", "127.0.0.1")], "crm")
