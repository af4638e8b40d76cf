"""The inbox: what waits for whom, and answers given in the row."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from alerting_warehouse import DAY
from desk_company import CUSTOMERS, FORMULA, Office
from fastapi.testclient import TestClient


@pytest.fixture
def ana(company: Office) -> TestClient:
    return company.of("ana")


def _listed(page: Any) -> list[str]:
    return re.findall(r'href="/customers/(\w+)"', page.text)


def _state(company: Office, customer: str) -> tuple[Any, ...]:
    query = 'select state, outcome, snoozed_until from alerts."case" where customer_id = %s'
    return company.marts.rows(query, [customer])[0]


@pytest.mark.capability("C50")
@pytest.mark.parametrize(
    ("person", "customers"),
    [
        ("ana", ["a1", "a2", "a3"]),
        ("bert", ["b1", "b2", "b3"]),
        ("lena", ["b1", "a1", "a2", "a3", "b2", "b3", "n1"]),
        ("ada", ["b1", "a1", "a2", "a3", "b2", "b3", "n1"]),
    ],
)
def test_each_sees_their_own_cases_the_greatest_expected_loss_first(
    company: Office, person: str, customers: list[str]
) -> None:
    assert _listed(company.of(person).get("/inbox")) == customers


def test_a_lead_may_look_at_one_managers_cases(company: Office) -> None:
    assert _listed(company.of("lena").get("/inbox?owner=bert@meridian.example")) == ["b1", "b2", "b3"]
    assert _listed(company.of("ana").get("/inbox?owner=bert@meridian.example")) == []


def test_operations_have_no_inbox(company: Office) -> None:
    page = company.of("olga").get("/inbox")
    assert (page.status_code, "Not for your role" in page.text) == (403, True)
    assert company.of("olga").get("/").url.path == "/away"


@pytest.mark.capability("C50")
@pytest.mark.parametrize(
    ("button", "state", "said"),
    [
        ("acknowledge", ("acknowledged", None, None), "Recorded: you are on it."),
        ("start", ("in_progress", None, None), "Recorded: contacted."),
        ("false_alarm", ("closed", "false_alarm", None), "Recorded: closed, not a risk."),
        ("churned", ("closed", "churned", None), "Recorded: closed, lost."),
    ],
)
def test_an_answer_in_the_row_is_recorded_and_can_be_undone(
    company: Office, ana: TestClient, button: str, state: tuple[Any, ...], said: str
) -> None:
    before, address = _state(company, "a1"), f"/cases/{company.cases['a1']}"
    page = ana.post(address, data={"answer": button, "note": "rang\nthem"})
    assert (page.status_code, page.url.path, said in page.text) == (200, "/inbox", True)
    assert _state(company, "a1") == state
    events = "select reason, detail ->> 'by' from alerts.case_event where case_id = %s order by event_id desc limit 1"
    [(reason, by)] = company.marts.rows(events, [company.cases["a1"]])
    assert (reason.endswith("rang them"), by) == (True, "ana@meridian.example")
    page = ana.post(address, data={"answer": "undo"})
    assert "Taken back." in page.text
    assert _state(company, "a1") == before


def test_a_snoozed_case_waits_on_a_page_of_its_own(company: Office, ana: TestClient) -> None:
    page = ana.post(f"/cases/{company.cases['a3']}", data={"answer": "snooze"})
    assert "Recorded: snoozed until Nov 23, 2026." in page.text
    assert "a3" not in _listed(ana.get("/inbox"))
    assert _listed(ana.get("/inbox?show=snoozed")) == ["a3"]
    ana.post(f"/cases/{company.cases['a3']}", data={"answer": "undo"})
    assert "a3" in _listed(ana.get("/inbox"))


@pytest.mark.parametrize("customer", ["b1", "n1"])
def test_66_a_manager_answers_no_case_of_another(company: Office, ana: TestClient, customer: str) -> None:
    before = company.everything()
    page = ana.post(f"/cases/{company.cases[customer]}", data={"answer": "saved"})
    assert page.status_code == 404
    assert company.everything() == before


def test_76_the_database_refuses_what_a_page_would_forget_to(company: Office, ana: TestClient) -> None:
    secret = ana.cookies["forewarn_session"]
    with company.pool.viewing(secret, reading=False) as (cursor, _):
        for relation in ('alerts."case"', "bi.customer_360", "bi.scores", "alerts.task"):
            cursor.execute(f"select distinct customer_id from {relation}")
            assert {customer for (customer,) in cursor.fetchall()} <= {"a1", "a2", "a3", "a4"}, relation
        cursor.execute("update alerts.\"case\" set state = 'acknowledged' where state <> 'closed'")
        assert cursor.rowcount == 3
        cursor.execute("update alerts.outbox set state = 'suppressed', reason = 'x'")
        assert cursor.rowcount == 3
        for function, own in (
            ("timeline('{0}1', 10)", 2),
            ("signs('{0}1')", 1),
            ("records_behind('{0}1', '{{orders_365d}}', '2026-11-16')", 1),
            ("record('{0}1', 'order', 'erp', '{0}1-1')", 4),
        ):
            for person, rows in (("a", own), ("b", 0)):
                cursor.execute(f"select count(*) from workbench.{function.format(person)}")
                assert cursor.fetchone() == (rows,), function
        cursor.connection.rollback()


def test_68_an_answer_from_another_site_is_refused(company: Office, ana: TestClient) -> None:
    before = company.everything()
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}):
        answer = ana.post(f"/cases/{company.cases['a1']}", data={"answer": "saved"}, headers=headers)
        assert answer.status_code == 403
    assert company.everything() == before


@pytest.mark.parametrize("posted", [{"answer": "erase"}, {}, {"answer": "saved", "outcome": "x"}])
def test_70_a_form_that_is_not_ours_is_refused(company: Office, ana: TestClient, posted: dict[str, str]) -> None:
    assert ana.post(f"/cases/{company.cases['a1']}", data=posted).status_code == 422


def test_67_a_script_in_a_name_is_text(ana: TestClient) -> None:
    page = ana.get("/inbox")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Sons" in page.text
    assert not re.findall(r"<script|style=|\son\w+=", page.text)


def test_72_a_name_that_is_a_formula_is_text_in_a_spreadsheet(ana: TestClient) -> None:
    answer = ana.get("/inbox.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert [row["customer_id"] for row in rows] == ["a1", "a2", "a3"]
    assert rows[2]["name"] == f"'{FORMULA}"
    assert {row["opened_as_of"] for row in rows} == {str(DAY)}


def test_61_looking_changes_nothing(company: Office, ana: TestClient) -> None:
    before = company.everything()
    for address in ("/inbox", "/inbox?show=closed&page=3", "/inbox.csv", "/login", "/inbox?done=1&undone=1"):
        assert ana.get(address).status_code == 200, address
        assert ana.head(address).status_code == 200, address
    assert company.everything() == before


def test_the_pages_are_in_the_readers_language(company: Office) -> None:
    page = company.of("bert").get("/inbox").text
    assert 'lang="zh-CN"' in page
    assert CUSTOMERS["b1"][1] in page
    assert "等待答复的案例" in page
