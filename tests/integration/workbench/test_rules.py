"""The rule editor: from an idea over its past to a live rule, and what it refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from desk_company import Office
from fastapi.testclient import TestClient

from forewarn.alerts.rule_ledger import apply_rules, in_use, pending
from forewarn.alerts.rules import load_rules
from forewarn.errors import Permanent
from forewarn.workbench.rule_draft import Draft

TEXTS = {
    "title": "Silent for long",
    "reason": "No order for {days_since_last_order}.",
    "example": "Nothing since May",
    "matters": "They buy elsewhere",
    "remedy": "Call",
}
IDEA = {"id": "silent_long", "when": "days_since_last_order >= 90", "level": "high", **TEXTS}
LEDGER = "select version, state, origin from alerts.rule_version where rule_id = %s order by version"


@pytest.fixture
def lena(company: Office) -> Iterator[TestClient]:
    tables = ("rule_event", "rule_version", "backtest")
    kept = {table: company.marts.rows(f"select * from alerts.{table}") for table in tables}
    yield company.of("lena")
    company.marts.run(
        "delete from alerts.rule_event where rule_id like 'silent_l%' or changed_by like '%@%' or changed_by = 'olga';"
        "delete from alerts.backtest where rule_id like 'silent_l%' or ran_by like '%@%';"
        "delete from alerts.rule_version where rule_id like 'silent_l%' or origin = 'workbench'"
    )
    assert {table: len(company.marts.rows(f"select * from alerts.{table}")) for table in tables} == {
        table: len(rows) for table, rows in kept.items()
    }


def _post(lena: TestClient, address: str, **changed: Any) -> Any:
    return lena.post(address, data=IDEA | changed)


@pytest.mark.capability("C46")
def test_a_rule_goes_from_an_idea_over_its_past_to_live_and_its_trail_says_by_whom(
    company: Office, lena: TestClient
) -> None:
    page = _post(lena, "/rules/new", act="live", why="worth a try")
    assert (page.status_code, "no back-test as it stands" in page.text) == (409, True)
    page = _post(lena, "/rules/new", act="try").text
    assert "From Oct 26, 2026 to Nov 16, 2026 this rule would have sent 7 alerts" in page
    assert "7 customers more, 0 fewer, 0 the same." in page
    assert re.findall(r'href="/customers/(\w+)"', page[page.index("Whom it adds") : page.index("Newest alerts")]) == [
        *("a1", "a2", "a3", "b1", "b2", "b3", "n1"),
    ]
    assert company.marts.rows(LEDGER, ["silent_long"]) == [], "trying is not keeping"
    page = _post(lena, "/rules/new", act="shadow", why="worth a try")
    assert (page.status_code, page.url.path) == (200, "/rules/silent_long")
    page = _post(lena, "/rules/silent_long", act="live", why="it found Bluewater")
    assert company.marts.rows(LEDGER, ["silent_long"]) == [(1, "live", "workbench")]
    assert "it found Bluewater · lena@meridian.example" in page.text
    with company.marts.connection.cursor() as cursor:
        assert "silent_long" in {rule.name for rule in in_use(cursor, company.project)}


@pytest.mark.capability("C46")
def test_another_threshold_is_another_version_and_another_word_is_the_same(company: Office, lena: TestClient) -> None:
    for act in ("try", "live"):
        _post(lena, "/rules/new", act=act, why="first")
    _post(lena, "/rules/silent_long", act="live", why="clearer", title="Long silent")
    assert company.marts.rows(LEDGER, ["silent_long"]) == [(1, "live", "workbench")]
    page = _post(lena, "/rules/silent_long", act="try", when="days_since_last_order >= 100").text
    assert "0 customers more, 7 fewer, 0 the same." in page
    assert "Borealis Foods" in page[page.index("Whom it drops") : page.index("Newest alerts")]
    _post(lena, "/rules/silent_long", act="live", when="days_since_last_order >= 100", why="too many")
    assert company.marts.rows(LEDGER, ["silent_long"]) == [(1, "retired", "workbench"), (2, "live", "workbench")]
    page = lena.post("/rules/silent_long", data=IDEA | {"when": "days_since_last_order >= 100", "act": "retired"})
    assert "Say why it changes." in page.text


def test_a_rule_of_the_workbench_outlives_files_that_do_not_name_it(company: Office, lena: TestClient) -> None:
    for act in ("try", "live"):
        _post(lena, "/rules/new", act=act, why="first")
    rules = load_rules(company.project)
    with company.marts.connection.cursor() as cursor:
        assert pending(cursor, rules) == []
        assert {one.outcome for one in apply_rules(cursor, rules, by="olga", reason="r", now=company.now)} == {
            "unchanged"
        }
    assert company.marts.rows(LEDGER, ["silent_long"]) == [(1, "live", "workbench")]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"when": "days_since_last_order >= (select 1)"}, "condition, line 1, column"),
        ({"when": "days_since_last_ordr >= 1"}, "days_since_last_order"),
        ({"when": "1=1; drop table alerts.outbox"}, "condition, line 1"),
        ({"when": "tenure_days > " + "(" * 1500 + "1" + ")" * 1500}, "condition, line 1"),
        ({"when": ""}, "condition, line 1"),
        ({"level": "urgent"}, "level"),
        ({"id": "Silent Long"}, "id"),
        ({"title": ""}, "title"),
        ({"reason": "No order for {days}."}, "reason"),
        ({"family": "none"}, "family"),
    ],
)
def test_73_what_is_no_rule_is_refused_with_its_place_and_comes_back_as_typed(
    company: Office, lena: TestClient, changed: dict[str, str], said: str
) -> None:
    before = company.everything()
    page = _post(lena, "/rules/new", act="try", **changed)
    assert page.status_code == 409
    [wrong] = re.findall(r'role="alert">([^<]+)<', page.text)
    assert said in wrong
    assert company.everything() == before


@pytest.mark.capability("C46")
def test_a_condition_is_taken_back_into_the_fields_or_away_and_the_others_stand(lena: TestClient) -> None:
    when = "days_since_last_order >= 90\nand segment = 'retail'\nand (mrr is null or mrr < 5)"
    page = _post(lena, "/rules/new", when=when, change="0").text
    assert re.findall(r'id="condition-\d">([^<]+)', page) == [
        "segment = &#39;retail&#39;",
        "(mrr IS NULL OR mrr &lt; 5)",
    ]
    assert re.findall(r'name="(change|remove)" value="(\d)"', page) == [
        ("change", "0"),
        ("remove", "0"),
        ("remove", "1"),
    ]
    assert re.findall(r'<option value="(days_since_last_order|&gt;=)" selected', page) == [
        "days_since_last_order",
        "&gt;=",
    ]
    assert 'name="value" maxlength="200" value="90"' in page
    page = _post(lena, "/rules/new", when=when, remove="2").text
    assert "mrr" not in re.findall(r"<textarea[^>]*>([^<]+)", page)[0]
    page = _post(
        lena, "/rules/new", act="try", when="segment = 'retail'\nand days_since_last_order >= 90", remove="9"
    ).text
    assert len(re.findall(r'id="condition-', page)) == 2


def test_73_an_enormous_rule_is_refused(lena: TestClient) -> None:
    assert _post(lena, "/rules/new", act="try", when="tenure_days > 1 or " * 250).status_code == 422
    assert _post(lena, "/rules/new", act="try", when="x" * 20_000).status_code == 413


@pytest.mark.parametrize("person", ["ana", "olga"])
def test_rules_are_for_who_leads(company: Office, person: str) -> None:
    browser, before = company.of(person), company.everything()
    for answer in (browser.get("/rules"), browser.get("/rules/new"), browser.post("/rules/new", data=IDEA)):
        assert answer.status_code == 403
    assert company.everything() == before


def test_rules_are_not_for_a_lead_of_some_managers_alone(company: Office, lena: TestClient) -> None:
    some = "from workbench.account where email = 'lena@meridian.example'"
    company.marts.run(f"insert into workbench.account_owner select account_id, 'crm|7' {some}")
    try:
        assert lena.get("/rules").status_code == 403
        assert lena.get("/customers/a1").status_code == 200
        assert lena.get("/customers/b1").status_code == 404
    finally:
        company.marts.run(f"delete from workbench.account_owner where account_id = (select account_id {some})")


def test_looking_at_rules_shows_each_with_its_figures(lena: TestClient) -> None:
    page = lena.get("/rules").text
    assert "Spend has halved" in page
    assert lena.get("/rules/spend_drop").text.count("<option") > 100
    assert lena.get("/rules/none").status_code == 404


@pytest.mark.parametrize(
    ("stands", "added", "then"),
    [
        ("", {}, "orders_90d >= 3"),
        ("a > 1", {}, "a > 1\nand orders_90d >= 3"),
        ("a > 1\nor b > 2", {}, "(a > 1\nor b > 2)\nand orders_90d >= 3"),
        ("a > 1", {"join": "or"}, "(a > 1)\nor orders_90d >= 3"),
        ("", {"comparison": "is null"}, "orders_90d is null"),
        ("", {"metric": "region", "comparison": "=", "value": "O'Neill"}, "region = 'O''Neill'"),
        ("a > 1", {"metric": ""}, "a > 1"),
    ],
)
def test_a_condition_is_built_from_choices(stands: str, added: dict[str, str], then: str) -> None:
    chosen = {"metric": "orders_90d", "comparison": ">=", "value": "3"} | added
    assert Draft(when=stands, **chosen).with_condition().when == then


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ({"metric": "pg_sleep"}, "one of the metrics"),
        ({"comparison": "; --"}, ">=, <="),
        ({"value": "1 or 1"}, "a number"),
    ],
)
def test_73_a_choice_that_was_not_offered_is_refused(added: dict[str, str], said: str) -> None:
    chosen = {"metric": "orders_90d", "comparison": ">=", "value": "3"} | added
    with pytest.raises(Permanent, match=said):
        Draft(**chosen).with_condition()
