"""The pages of customers, team, absences and data: who sees what, and what is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from alerting_warehouse import DAY, NOW, RUN
from desk_company import Office
from fastapi.testclient import TestClient
from psycopg2.errors import InsufficientPrivilege


@pytest.fixture(scope="module", autouse=True)
def _earlier_nights(company: Office) -> None:
    """What other nights have left: scores and health that were published, a gate that failed, rows set aside."""
    for kept, mart in (("score", "ml.score"), ("customer_health_history", "marts.customer_health")):
        company.marts.run(f"insert into published.{kept} select * from {mart} where as_of_date < %s", [DAY])
    company.marts.run(
        "insert into ops.batch (source, stream, run_id, started_at, finished_at, status, rows_in, rows_loaded,"
        " rows_quarantined) values ('erp', 'orders', %(run)s, %(now)s, %(now)s, 'landed', 12, 10, 2)",
        {"run": RUN, "now": NOW},
    )
    company.marts.run(
        'insert into quarantine."row" (batch_id, source, stream, column_name, reason, content, quarantined_at)'
        " select batch_id, source, stream, 'amount', 'no number', '{\"name\": \"Canary Jane\"}', %(now)s"
        " from ops.batch, generate_series(1, 2)",
        {"now": NOW},
    )
    company.marts.run(
        "insert into ops.gate_result (gate, as_of_date, run_id, table_name, expectation, severity, passed, observed,"
        " remedy, checked_at) values ('raw', %(day)s, %(run)s, 'raw_erp.orders', 'row count', 'critical', false,"
        " '0 rows', 'ask the ERP team', %(now)s)",
        {"day": DAY, "run": RUN, "now": NOW},
    )


@pytest.fixture
def lena(company: Office) -> Iterator[TestClient]:
    yield company.of("lena")
    company.marts.run("delete from alerts.absence; delete from alerts.silence")


@pytest.mark.capability("C50", "B4")
def test_a_customer_is_on_one_page_with_what_stands_behind_each_reason(company: Office) -> None:
    page = company.of("ana").get("/customers/a1").text
    for said in (
        "Northwind Traders",
        "$90,000",
        "No order and no contact",
        "Open case",
        "shipped",
        "80% on Nov 16, 2026",
    ):
        assert said in page, said
    assert "it was 20% on Oct 26, 2026" in page, "the chart as a sentence"
    assert "50 of 100 on Nov 16, 2026; it was 65" in page
    assert len(re.findall(r"<polyline", page)) == 2
    assert re.findall(r"<text[^>]*>([^<]+)", page)[:3] == ["100%", "0% · Oct 26, 2026", "Nov 16, 2026"]
    health = re.findall(r'data-label="(?:Health|Orders|Payments|Service)">([^<]+)', page)
    assert health[:4] == ["50", "40", "–", "60"], "each component of each date"
    assert not re.findall(r"<script|style=|\son\w+=", page)


@pytest.mark.parametrize("address", ["/customers/b1", "/customers/b1/records/order/erp/b1-1", "/customers/none"])
def test_76_another_managers_customer_is_not_there(company: Office, address: str) -> None:
    assert company.of("ana").get(address).status_code == 404
    assert company.of("lena").get("/customers/b1").status_code == 200


def test_66_the_record_of_another_customer_is_not_opened_by_ones_own(company: Office) -> None:
    assert company.of("lena").get("/customers/a1/records/order/erp/b1-1").status_code == 404


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("", ["a1", "a2", "a3", "a4"]), ("northwind", ["a1"]), ("a4", ["a4"]), ("%", []), ("_", []), ("Bluewater", [])],
)
def test_customers_are_found_by_name_or_number_among_ones_own(company: Office, wanted: str, found: list[str]) -> None:
    page = company.of("ana").get("/customers", params={"q": wanted}).text
    assert re.findall(r'href="/customers/(\w+)"', page) == found
    assert ("No customer of yours fits." in page) == (not found)


def test_an_answer_on_the_customers_page_leads_back_to_it(company: Office) -> None:
    ana, address = company.of("ana"), f"/cases/{company.cases['a2']}"
    page = ana.post(address, data={"answer": "acknowledge", "back": "customer"})
    assert (page.url.path, "Recorded: you are on it." in page.text) == ("/customers/a2", True)
    page = ana.post(address, data={"answer": "undo", "back": "customer"})
    assert "Taken back." in page.text


@pytest.mark.capability("C50")
def test_a_lead_sees_what_waits_for_whom(company: Office, lena: TestClient) -> None:
    page = lena.get("/team").text
    rows = {name: re.findall(r'class="figure[^>]*>([^<]+)<', row) for name, row in _rows(page)}
    assert rows["Ana Weber"][:3] == ["0", "3", "3"]
    assert rows["Bert Olsen"][:3] == ["0", "3", "3"]
    assert company.of("ana").get("/team").status_code == 403


def _rows(page: str) -> list[tuple[str, str]]:
    return re.findall(r"<a href=\"/inbox\?owner=[^\"]+\">([^<]+)</a>(.*?)</tr>", page, re.DOTALL)


def _absence(**changed: Any) -> dict[str, Any]:
    days = {"from_day": str(DAY), "until": str(DAY + timedelta(days=5))}
    return {"person": "bert@meridian.example", "deputy": "ana@meridian.example", **days} | changed


def test_an_absence_is_entered_shown_and_ended(company: Office, lena: TestClient) -> None:
    page = lena.post("/away/absences", data=_absence(reason="holiday")).text
    assert ("bert@meridian.example" in page, "Told instead: ana@meridian.example." in page) == (True, True)
    assert "Away; ana@meridian.example is told instead." in lena.get("/team").text
    [(number, by)] = company.marts.rows("select absence_id, entered_by from alerts.absence")
    assert by == "lena@meridian.example"
    page = lena.post(f"/away/absences/{number}/end").text
    assert "ended on Nov 16, 2026" in page
    assert company.marts.rows("select ended_by from alerts.absence") == [("lena@meridian.example",)]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"until": str(DAY), "deputy": ""}, "a first day back after"),
        ({"deputy": "bert@meridian.example"}, "somebody else as deputy"),
    ],
)
def test_an_absence_that_cannot_be_meant_is_refused_with_what_was_typed(
    company: Office, lena: TestClient, changed: dict[str, str], said: str
) -> None:
    page = lena.post("/away/absences", data=_absence(**changed))
    assert (page.status_code, said in page.text) == (409, True)
    assert 'value="bert@meridian.example"' in page.text
    assert company.marts.rows("select count(*) from alerts.absence") == [(0,)]


def test_a_manager_enters_their_own_absence_alone(company: Office, lena: TestClient) -> None:
    ana = company.of("ana")
    page = ana.post("/away/absences", data=_absence())
    assert (page.status_code, "your own absence alone" in page.text) == (409, True)
    lena.post("/away/absences", data=_absence())
    [(number,)] = company.marts.rows("select absence_id from alerts.absence")
    assert ana.post(f"/away/absences/{number}/end").status_code == 404
    assert (
        ana.post("/away/silences", data={"customer_id": "a1", "until": "2026-12-01", "reason": "x"}).status_code == 409
    )
    own = _absence(person="ana@meridian.example", deputy="bert@meridian.example")
    assert ana.post("/away/absences", data=own).status_code == 200
    assert company.marts.rows("select person, ended_day from alerts.absence order by 1") == [
        ("ana@meridian.example", None),
        ("bert@meridian.example", None),
    ]


def test_73_a_condition_that_is_no_condition_is_refused_with_its_place(company: Office, lena: TestClient) -> None:
    new = {"condition": "region = (select 1)", "until": "2026-12-01", "reason": "move"}
    page = lena.post("/away/silences", data=new)
    assert (page.status_code, "a condition on attributes" in page.text) == (409, True)
    page = lena.post("/away/silences", data=new | {"condition": "region = 'north'"})
    assert (page.status_code, "region = &#39;north&#39;" in page.text) == (200, True)


@pytest.mark.parametrize(("person", "sees"), [("olga", True), ("ada", True), ("lena", False)])
def test_data_health_names_what_is_wrong_and_no_person(company: Office, person: str, sees: bool) -> None:
    page = company.of(person).get("/data").text
    for said in ("erp.orders", "raw_erp.orders", "ask the ERP team", "0 rows"):
        assert said in page, said
    assert ("no number" in page) == sees
    assert "Canary" not in page
    assert company.of("ana").get("/data").status_code == 403


def test_a_stream_that_came_and_then_stopped_coming_is_late(company: Office) -> None:
    before = company.of("olga").get("/data").text
    assert '<strong class="late">late</strong>' not in before
    company.marts.run(
        "insert into ops.late_stream (as_of_date, source, stream, since, arrived_at, promise, features, judged_at)"
        " select max(as_of_date), 'erp', 'orders', %s, %s, interval '1 day', '{}', %s from ops.publication",
        [company.now, company.now - timedelta(days=3), company.now],
    )
    assert '<strong class="late">late</strong>' in company.of("olga").get("/data").text
    company.marts.run("delete from ops.late_stream")


def test_rows_that_were_set_aside_are_asked_for_again_by_operations_and_admin_alone(company: Office) -> None:
    asked = {"stream": "erp.orders", "reason": "dates are day first"}
    for person in ("lena", "ana"):
        assert company.of(person).post("/data/redrive", data=asked).status_code == 403
    olga = company.of("olga")
    assert olga.post("/data/redrive", data=asked | {"stream": "erp.nothing"}).status_code == 404
    page = olga.post("/data/redrive", data=asked).text
    assert "dates are day first" in page
    assert "waits: tried within ten minutes" in page
    company.of("ada").post("/data/redrive", data=asked | {"reason": "once more"})
    assert company.marts.rows("select source, stream, asked_by, asked_at, outcome from ops.redrive_request") == [
        ("erp", "orders", "olga@meridian.example", company.now, None)
    ]
    company.marts.run("update ops.redrive_request set done_at = asked_at, outcome = '3 rows tried again'")
    assert "3 rows tried again" in company.of("ada").get("/data").text
    assert "dates are day first" not in company.of("lena").get("/data").text
    company.marts.run("delete from ops.redrive_request")


def test_accounts_are_for_the_admin(company: Office) -> None:
    ada = company.of("ada")
    page = ada.get("/accounts").text
    for said in ("ana@meridian.example", "account manager", "crm|7", "may log in", "Let in no more"):
        assert said in page, said
    assert "argon2" not in page
    for person in ("ana", "lena", "olga"):
        assert company.of(person).get("/accounts").status_code == 403
    company.marts.run("update workbench.account set disabled_at = '2026-02-01' where email like 'bert%'")
    try:
        assert "disabled since" in ada.get("/accounts").text
    finally:
        company.marts.run("update workbench.account set disabled_at = null where email like 'bert%'")


def test_an_admin_adds_an_account_and_changes_it_and_each_change_is_kept(company: Office) -> None:
    ada, nora = company.of("ada"), {"email": "nora@meridian.example"}
    new = nora | {"name": "Nora Lind", "role": "manager", "managers": "crm|8", "locale": "en", "by_password": "true"}
    page = ada.post("/accounts", data=new).text
    (password,) = re.findall(r"<code>([\w-]{20})</code>", page)
    assert (password in ada.get("/accounts").text, "no-store" in ada.get("/accounts").headers["cache-control"]) == (
        *(False, True),
    )
    visitor = company.visitor()
    entered = visitor.post("/login", data=nora | {"password": password, "next": ""}, follow_redirects=False)
    assert entered.status_code == 303
    assert visitor.get("/customers/b1").status_code == 200
    assert ada.post("/accounts/role", data=nora | {"role": "operations"}).status_code == 200
    assert visitor.get("/customers/b1").status_code == 403
    assert (
        "crm|8" not in ada.get("/accounts").text.partition("nora@")[2].partition("</tr>")[0].partition("<details>")[0]
    )
    ada.post("/accounts/disable", data=nora)
    assert visitor.get("/data").url.path == "/login"
    ada.post("/accounts/enable", data=nora)
    assert visitor.get("/data").url.path == "/login", "an ended session stays so"
    (other,) = re.findall(r"<code>([\w-]{20})</code>", ada.post("/accounts/password", data=nora).text)
    assert other != password
    kinds = company.marts.rows(
        "select e.kind, e.by from workbench.account_event as e join workbench.account as a using (account_id)"
        " where a.email = 'nora@meridian.example' order by e.event_id"
    )
    assert kinds == [(kind, "ada@meridian.example") for kind in ("added", "role", "disabled", "enabled", "password")]


def test_what_cannot_be_meant_of_an_account_is_said_and_kept_in_the_form(company: Office) -> None:
    ada = company.of("ada")
    new = {"email": "nils@meridian.example", "name": "Nils", "role": "manager", "managers": "nobody", "locale": "en"}
    answer = ada.post("/accounts", data=new)
    assert (answer.status_code, "account manager nobody" in answer.text) == (409, True)
    assert 'value="nils@meridian.example"' in answer.text
    own = ada.post("/accounts/disable", data={"email": "ada@meridian.example"})
    assert (own.status_code, "your own" in own.text) == (409, True)
    assert ada.post("/accounts/enable", data={"email": "none@meridian.example"}).status_code == 409
    assert ada.post("/accounts/role", data={"email": "ana@meridian.example", "role": "owner"}).status_code == 422
    assert ada.post("/accounts", data=new, headers={"origin": "https://elsewhere.example"}).status_code == 403


@pytest.mark.parametrize("person", ["ana", "lena", "olga"])
def test_79_only_an_admin_changes_accounts_in_the_database_too(company: Office, person: str) -> None:
    ana = {"email": "bert@meridian.example"}
    for page, more in (("/role", {"role": "admin"}), ("/password", {}), ("/disable", {}), ("/enable", {})):
        assert company.of(person).post(f"/accounts{page}", data=ana | more).status_code == 403
    secret = company.of(person).cookies["forewarn_session"]
    with company.pool.viewing(secret, reading=False) as (cursor, _):
        for statement in (
            "update workbench.account set role = 'admin'",
            "update workbench.account set password_hash = 'mine' where email = 'ada@meridian.example'",
            "update workbench.session set ended_at = now()",
            "delete from workbench.account_owner",
        ):
            cursor.execute(statement)
            assert cursor.rowcount == 0, statement
        for statement in (
            "insert into workbench.account (email, name, role, locale, created_at)"
            " values ('x@x.example', 'x', 'admin', 'en', now())",
            "insert into workbench.account_owner select 1, 'crm|7'",
            "insert into workbench.account_event (account_id, kind, by, happened_at)"
            " values (1, 'role', 'ada@meridian.example', now())",
            "select password_hash from workbench.account",
        ):
            cursor.execute("savepoint before")
            with pytest.raises(InsufficientPrivilege):
                cursor.execute(statement)
            cursor.execute("rollback to before")
        cursor.execute("select count(*) from workbench.managers()")
        assert cursor.fetchone() == (0,)


def test_79_an_admin_cannot_change_the_own_account_in_the_database_either(company: Office) -> None:
    secret = company.of("ada").cookies["forewarn_session"]
    with company.pool.viewing(secret, reading=False) as (cursor, viewer):
        cursor.execute("update workbench.account set role = 'lead' where account_id = %s", [viewer.account_id])
        assert cursor.rowcount == 0
        with pytest.raises(InsufficientPrivilege):
            cursor.execute(
                "insert into workbench.account_event (account_id, kind, by, happened_at)"
                " values (1, 'role', 'lena@meridian.example', now())"
            )


def test_a_nul_in_an_address_or_a_form_is_refused_before_the_database_sees_it(company: Office) -> None:
    ada = company.of("ada")
    assert ada.get("/customers?q=a%00").status_code == 422
    assert ada.get("/customers/a1%00").status_code == 422
    new = {"customer_id": "a1\0", "until": "2026-12-01", "reason": "x"}
    assert ada.post("/away/silences", data=new).status_code == 422
    assert ada.get("/customers?q=%2500").status_code == 200
