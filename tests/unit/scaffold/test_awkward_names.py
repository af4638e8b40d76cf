"""Names cut short, nested or in other languages, times as numbers, and tables that leave out what is understood."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from forewarn.scaffold import Proposal, Table, look_at_folder, propose, source_text
from forewarn.scaffold.table import columns_of
from forewarn.sources.loader import load_source

TODAY = date(2026, 3, 2)
C = ["C-0001", "C-0002", "C-0001", "C-0003", "C-0004", "C-0005"]
N = ["101", "102", "103", "104", "105", "106"]
DAYS = [f"2026-01-{day:02d}" for day in range(10, 16)]
LATER = [f"2026-02-{day:02d}" for day in range(10, 16)]
SECONDS = [str(1_767_225_600 + 90_000 * number) for number in range(6)]


def _proposed(**tables: dict[str, list[str]]) -> Proposal:
    """Propose for CSV files; what is proposed passes the check as it is."""
    place = {"path": "x.csv", "format": "csv"}
    found = [
        Table(name, place, columns_of(list(columns), [None] * len(columns), list(zip(*columns.values(), strict=True))))
        for name, columns in tables.items()
    ]
    proposal = propose(found, TODAY)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "shop.yml"
        file.write_text(source_text(proposal, kind="files", connection="shop", description="x"), encoding="utf-8")
        load_source(file)
    return proposal


def _feeds(proposal: Proposal) -> dict[str, dict[str, str]]:
    return {feed.entity: feed.columns for stream in proposal.streams for feed in stream.feeds}


@pytest.mark.capability("C51")
def test_short_words_are_written_out() -> None:
    proposal = _proposed(
        ord_hdr={"ORD_NBR": N, "CUST_NBR": C, "ORD_DT": DAYS, "ORD_AMT": ["5.5"] * 6, "ORD_STAT_CD": ["A"] * 6},
        ord_dtl={
            "ORD_NBR": ["101", "101", *N[:4]], "LN_NBR": ["1", "2", "3", "1", "1", "1"], "ITEM_NBR": ["7001"] * 6,
            "EXT_AMT": ["5.5"] * 6,
        },
        svc_call={"CALL_NBR": N, "CUST_NBR": C, "CALL_DT": DAYS, "CLS_DT": LATER},
    )  # fmt: skip
    feeds = _feeds(proposal)
    assert feeds["order"] == {
        "order_id": "ORD_NBR", "account_id": "CUST_NBR", "ordered_at": "ORD_DT", "status": "ORD_STAT_CD",
        "amount": "ORD_AMT",
    }  # fmt: skip
    assert feeds["order_line"] == {
        "order_line_id": "cast(ORD_NBR as text) || '-' || cast(LN_NBR as text)",
        "order_id": "ORD_NBR",
        "product_id": "ITEM_NBR",
        "amount": "EXT_AMT",
    }
    assert feeds["ticket"] == {
        "ticket_id": "CALL_NBR", "account_id": "CUST_NBR", "opened_at": "CALL_DT", "closed_at": "CLS_DT",
    }  # fmt: skip
    assert feeds["account"] == {"account_id": "CUST_NBR"}, "no table of customers: they are those that order"


@pytest.mark.capability("C51")
def test_subscriptions_in_seconds_and_cents_and_surveys_that_are_named_for_their_kind() -> None:
    proposal = _proposed(
        tbl_subs={"SubID": N, "Acct": C, "PlanName": ["Pro"] * 6, "StartUnix": SECONDS, "MonthlyCents": ["4900"] * 6},
        tbl_logins={"id": N, "Acct": C, "ts_ms": [f"{value}000" for value in SECONDS], "feature": ["export"] * 6},
        tbl_nps={"resp_id": N, "Acct": C, "score": ["9"] * 6, "answered": DAYS},
        email_opens={"id": N, "Acct": C, "at": DAYS},
    )
    feeds = _feeds(proposal)
    assert feeds["subscription"] == {
        "subscription_id": "SubID", "account_id": "Acct", "started_at": "to_timestamp(StartUnix)", "plan": "PlanName",
        "mrr": "number(MonthlyCents) / 100",
    }  # fmt: skip
    assert feeds["usage_event"]["occurred_at"] == "to_timestamp(number(ts_ms) / 1000)"
    assert feeds["survey_response"]["kind"] == "'nps'"
    assert feeds["marketing_event"]["kind"] == "'opened'"
    assert feeds["marketing_event"]["occurred_at"] == "at"


@pytest.mark.capability("C51")
def test_open_items_are_invoices_and_their_payments_and_complaints_are_tickets() -> None:
    proposal = _proposed(
        **{
            "Offene Posten": {
                "Rechnung": N, "Kd.-Nr.": C, "Re-Datum": DAYS, "fällig am": LATER, "Betrag brutto": ["1.250,50 €"] * 6,
                "bezahlt am": [*LATER[:5], ""],
            },
            "Reklamationen": {"Vorgang": N, "Kd.-Nr.": C, "eröffnet": DAYS, "erledigt": LATER, "Prio": ["hoch"] * 6},
        }
    )  # fmt: skip
    feeds = _feeds(proposal)
    assert feeds["invoice"] == {
        "invoice_id": "Rechnung", "account_id": '"Kd.-Nr."', "issued_at": '"Re-Datum"', "due_at": '"fällig am"',
        "amount": "number(\"Betrag brutto\", ',')",
    }  # fmt: skip
    assert feeds["payment"]["paid_at"] == '"bezahlt am"'
    payment = next(feed for stream in proposal.streams for feed in stream.feeds if feed.entity == "payment")
    assert payment.where == '"bezahlt am" is not null'
    assert feeds["ticket"] == {
        "ticket_id": "Vorgang", "account_id": '"Kd.-Nr."', "opened_at": '"eröffnet"', "closed_at": "erledigt",
        "priority": "Prio",
    }  # fmt: skip


@pytest.mark.capability("C51")
def test_nested_names_are_read_by_their_innermost_and_units_say_nothing() -> None:
    proposal = _proposed(
        purchases={"transactionId": N, "buyer__uid": C, "when": DAYS, "totals__net": ["9.5"] * 6},
        subscriptions={"id": N, "Customer ID": C, "Plan": ["x"] * 6, "Start (UTC)": DAYS, "Canceled At (UTC)": LATER},
    )
    feeds = _feeds(proposal)
    assert feeds["order"] == {
        "order_id": "transactionId", "account_id": "buyer__uid", "ordered_at": '"when"', "amount": "totals__net",
    }  # fmt: skip
    assert feeds["subscription"]["started_at"] == '"Start (UTC)"'
    assert feeds["subscription"]["cancelled_at"] == '"Canceled At (UTC)"'


@pytest.mark.capability("C51")
def test_transactions_without_a_number_of_their_own_are_told_apart_by_what_stands_in_them() -> None:
    proposal = _proposed(transactions={"msno": C, "customer": C, "transaction_date": DAYS, "amount_paid": ["149"] * 6})
    assert _feeds(proposal)["order"] == {
        "order_id": "hash_of(msno, customer, transaction_date, amount_paid)",
        "account_id": "customer",
        "ordered_at": "transaction_date",
        "amount": "amount_paid",
    }


@pytest.mark.capability("C51")
def test_users_beside_accounts_are_the_companys_own_and_a_deal_is_not_opened_when_it_closes() -> None:
    proposal = _proposed(
        Account={"Id": N, "Name": C, "OwnerId": N},
        User={"Id": N, "Email": [f"{n}@example.com" for n in N], "IsActive": ["true", "false"] * 3},
        deals={"Record ID": N, "Associated Company ID": C, "Close Date": LATER, "Create Date": DAYS},
    )
    feeds = _feeds(proposal)
    assert feeds["owner"] == {"owner_id": "Id", "email": "Email", "active": "truth(IsActive)"}
    assert feeds["account"]["owner_id"] == "OwnerId"
    assert (feeds["opportunity"]["opened_at"], feeds["opportunity"]["closed_at"]) == ('"Create Date"', '"Close Date"')


@pytest.mark.capability("C51")
def test_members_with_a_fee_and_an_end_have_a_contract_and_a_years_premium_is_twelve_months() -> None:
    member = {"member_id": N, "join_date": DAYS, "monthly_fee": ["30"] * 6, "cancel_date": [*LATER[:2], *[""] * 4]}
    feeds = _feeds(_proposed(members=member))
    assert feeds["subscription"] == {
        "subscription_id": "member_id", "account_id": "member_id", "mrr": "monthly_fee", "cancelled_at": "cancel_date",
        "started_at": "join_date",
    }  # fmt: skip
    policies = {"policy_no": N, "customer_no": C, "inception_date": DAYS, "annual_premium": ["240"] * 6}
    assert _feeds(_proposed(policies=policies))["subscription"]["mrr"] == "number(annual_premium) / 12"


@pytest.mark.capability("C51")
def test_a_sale_of_one_article_is_an_order_and_its_line() -> None:
    sales = {"sales_key": N, "date_key": ["20260105"] * 6, "customer_key": C, "product_key": ["7001"] * 6}
    feeds = _feeds(_proposed(fact_sales={**sales, "sales_amount": ["9.5"] * 6}))
    assert feeds["order"]["ordered_at"] == "date_key"
    assert feeds["order_line"] == {
        "order_line_id": "sales_key", "order_id": "sales_key", "product_id": "product_key", "amount": "sales_amount",
    }  # fmt: skip


def test_a_table_that_knows_the_order_only_says_what_to_do() -> None:
    reviews = {"return_id": N, "order_id": N, "returned_at": DAYS}
    (line,) = _proposed(returns=reviews).unplaced
    assert line == (
        "returns: looks like return, which needs account_id; order_id leads to it: `belongs_to`, with the source of the"
        " orders as `account_source`"
    )


def test_a_discount_in_per_cent_is_not_taken_for_money() -> None:
    rabatt = {"Artikel": ["7001"] * 6, "Betrag": ["20,5"] * 6, "Rabatt": ["5%", "0%", "10%", "0%", "0%", "5%"]}
    proposal = _proposed(bestellung={"Bestellnr": N, "Kundennr": C, "Bestelldatum": DAYS, **rabatt})
    (stream,) = proposal.streams
    assert all("discount_amount" not in feed.columns for feed in stream.feeds)
    assert any("Rabatt is a share" in doubt for feed in stream.feeds for doubt in feed.doubts)


@pytest.mark.parametrize("encoding", ["cp1252", "cp1251", "shift_jis"])
def test_one_sign_of_money_does_not_make_a_text_russian(tmp_path: Path, encoding: str) -> None:
    word = {"cp1252": "12,50 €", "cp1251": "Заказ выполнен", "shift_jis": "注文は完了しました。"}[encoding]
    lines = "".join(f"{number};{word}\n" for number in range(200))
    (tmp_path / "orders.csv").write_bytes(f"id;note\n{lines}".encode(encoding))
    (table,), problems = look_at_folder(tmp_path)
    assert problems == []
    assert table.column("note").values[0] == word


def _belongs(proposal: Proposal) -> dict[str, dict[str, str]]:
    return {feed.entity: feed.belongs_to for stream in proposal.streams for feed in stream.feeds}


@pytest.mark.capability("C51")
def test_a_marketplace_whose_customers_get_a_number_with_each_order() -> None:
    orders = [f"a1f{number}" for number in N]
    once = [f"c9{number}" for number in N]
    proposal = _proposed(
        customers={"customer_id": once, "customer_unique_id": [*("u7001", "u7002") * 3], "customer_city": ["Ulm"] * 6},
        orders={
            "order_id": orders, "customer_id": once, "order_purchase_timestamp": DAYS,
            "order_delivered_carrier_date": LATER, "order_estimated_delivery_date": LATER,
        },
        order_items={
            "order_id": orders, "order_item_id": ["1"] * 6, "product_id": ["p1"] * 6, "price": ["9.5"] * 6,
        },
        order_payments={"order_id": orders, "payment_sequential": ["1"] * 6, "payment_value": ["9.5"] * 6},
        order_reviews={"review_id": N, "order_id": orders, "review_score": [*"545123"]},
    )  # fmt: skip
    feeds = _feeds(proposal)
    assert feeds["account_link"] == {"account_id": "customer_id", "linked_account_id": "customer_unique_id"}
    assert feeds["payment"] == {"payment_id": "order_id", "amount": "payment_value"}
    assert feeds["review"] == {"review_id": "review_id", "rating": "review_score"}
    assert feeds["shipment"]["promised_at"] == "order_estimated_delivery_date"
    assert {entity: parent for entity, parent in _belongs(proposal).items() if parent} == {
        "payment": {"order": "order_id"}, "review": {"order": "order_id"},
    }  # fmt: skip
    assert proposal.unplaced == []


@pytest.mark.capability("C51")
def test_a_service_whose_users_belong_to_accounts_and_payments_to_invoices() -> None:
    firms, users, contracts, bills = ([f"{kind}-0{number}" for number in N] for kind in "AUSI")
    proposal = _proposed(
        accounts={"account_id": firms, "name": [f"Firm {number}" for number in N]},
        events={"event_id": N, "user_id": users, "event_name": ["login"] * 6, "occurred_at": DAYS},
        invoices={
            "invoice_id": bills, "subscription_id": contracts, "issue_date": DAYS, "due_date": LATER, "amount": N,
        },
        payments={"payment_id": N, "invoice_id": bills, "paid_at": LATER, "amount": N},
        subscriptions={
            "subscription_id": contracts, "account_id": firms, "plan": ["pro"] * 6, "mrr": N, "start_date": DAYS,
        },
        users={"user_id": users, "account_id": firms, "email": [f"{user}@x.example" for user in users]},
    )  # fmt: skip
    assert _belongs(proposal) == {
        "account": {}, "contact": {}, "subscription": {}, "usage_event": {"contact": "user_id"},
        "invoice": {"subscription": "subscription_id"}, "payment": {"invoice": "invoice_id"},
    }  # fmt: skip
    assert _feeds(proposal)["contact"]["account_id"] == "account_id"
    assert proposal.unplaced == []
