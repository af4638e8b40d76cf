"""The workbench in a real browser: each role's journey, keyboard and screen reader, phone, light and dark."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Thread

import axe_playwright_python
import pytest
import uvicorn
from answering import KEY, installation
from desk_company import PASSWORD, Office, office
from pictures import keep
from playwright.sync_api import Browser, Page, sync_playwright

from forewarn.alerts.answer_links import Link, LinkBook, Signer, path
from forewarn.local.ports import free_ports
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.workbench.app import create_app

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: .ci/run installs it")

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
PAGES = {
    "ada": (
        *("/inbox", "/inbox?show=closed", "/customers", "/customers/a1", "/customers/a1/records/order/erp/a1-1"),
        *("/customers/a1/timeline", "/tasks", "/tasks?whose=everyone", "/team", "/customers/none"),
        *("/performance", "/performance?by=segment", "/saved", "/missed", "/kpis", "/playbooks"),
        *("/rules", "/rules/new", "/rules/spend_drop", "/away", "/data", "/accounts", "/nowhere"),
    ),
    "bert": ("/inbox", "/customers/b1", "/performance", "/saved?by=playbook", "/missed", "/playbooks", "/data"),
}


@pytest.fixture(scope="module")
def company(postgres: EmbeddedServer, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """The company, its workbench served on loopback at `book.base`."""
    owner = installation(postgres.ensure_database("workbench_e2e", template=template), tmp_path_factory.mktemp("home"))
    [port] = free_ports([0])
    with office(owner, "workbench_e2e_login") as found:
        found.book = LinkBook(f"http://127.0.0.1:{port}", Signer([KEY]), timedelta(days=30))
        app = create_app(found.pool, found.book, found.project, clock=lambda: found.now)
        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, lifespan="off", log_level="critical"))
        thread = Thread(target=server.run)
        thread.start()
        try:
            yield found
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(company: Office, chromium: Browser) -> Iterator[Page]:
    """A browser's page on a desk; what goes wrong in it fails the test."""
    context = chromium.new_context(base_url=company.book.base, viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    yield opened
    context.close()
    assert [text for text in said if "status of 4" not in text] == []


def _log_in(page: Page, person: str) -> None:
    page.goto("/login")
    page.get_by_label("E-mail address").fill(f"{person}@meridian.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


@pytest.mark.capability("C50")
@pytest.mark.parametrize("person", PAGES)
def test_every_page_is_open_to_everybody_in_both_themes_and_fits_a_phone(page: Page, person: str) -> None:
    page.goto("/login")
    assert _violations(page) == []
    _log_in(page, person)
    for address in PAGES[person]:
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(address)
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        for theme, width in (("light", 1280), ("dark", 390)):
            page.emulate_media(color_scheme=theme)
            page.set_viewport_size({"width": width, "height": 900})
            assert _violations(page) == [], f"{address}, {theme}, {width} wide"
            assert page.evaluate("document.documentElement.scrollWidth") <= width, address
            keep(page, f"{person}{address.replace('/', '-')}-{theme}")


def _violations(page: Page) -> list[tuple[str, str]]:
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    found = page.evaluate("tags => axe.run({runOnly: tags}).then(result => result.violations)", RULES)
    return [(one["id"], one["nodes"][0]["html"][:200]) for one in found]


@pytest.mark.capability("C43", "C50", "B12")
def test_a_manager_comes_by_the_link_of_a_mail_and_ends_with_an_outcome(company: Office, page: Page) -> None:
    query = "select alert_id from alerts.outbox where case_id = %s and channel = 'email'"
    [(alert_id,)] = company.marts.rows(query, [company.cases["a1"]])
    link = Link("contacted", alert_id, company.cases["a1"], company.now + timedelta(days=1))
    page.goto(path(link, company.book.signer))
    page.get_by_role("button", name="Contacted", exact=True).click()
    page.get_by_text("Recorded: contacted.").wait_for()
    page.get_by_role("link", name="Everything about this customer").click()
    page.get_by_label("E-mail address").fill("ana@meridian.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Northwind Traders"
    page.get_by_text("More …").first.click()
    page.get_by_label("Note, if you like").fill("signed for two years")
    page.get_by_role("button", name="Saved").click()
    assert "Recorded: closed, saved." in page.get_by_role("status").inner_text()
    outcome = 'select state, outcome from alerts."case" where case_id = %s'
    assert company.marts.rows(outcome, [company.cases["a1"]]) == [("closed", "saved")]
    page.get_by_role("link", name="Inbox").click()
    page.get_by_role("link", name=re.compile("^Closed")).click()
    assert page.get_by_role("row").nth(1).inner_text().startswith("Northwind Traders")


@pytest.mark.capability("C50")
def test_a_case_is_answered_and_taken_back_by_the_keyboard_alone(company: Office, page: Page) -> None:
    _log_in(page, "bert")
    assert page.get_by_role("heading", level=1).inner_text() == "等待答复的案例"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "跳到正文"
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.value") == "acknowledge":
            break
    page.keyboard.press("Enter")
    page.get_by_text("已记录：由您跟进。").wait_for()
    state = 'select state from alerts."case" where case_id = %s'
    assert company.marts.rows(state, [company.cases["b1"]]) == [("acknowledged",)]
    page.get_by_role("button", name="撤销").press("Enter")
    page.get_by_text("已撤销").wait_for()
    assert company.marts.rows(state, [company.cases["b1"]]) == [("open",)]


@pytest.mark.capability("C46")
def test_a_lead_brings_a_rule_from_an_idea_to_live(company: Office, page: Page) -> None:
    _log_in(page, "lena")
    page.get_by_role("link", name="Rules").click()
    page.get_by_role("link", name="New rule").click()
    page.get_by_label("Its id").fill("long_silence")
    page.get_by_label("Metric", exact=True).select_option("days_since_last_order")
    page.get_by_label("Value", exact=True).fill("90")
    page.get_by_role("button", name="Add condition").click()
    assert page.get_by_label("Condition", exact=True).input_value() == "days_since_last_order >= 90"
    page.get_by_label("Title in English").fill("Long silence")
    page.get_by_label("Reason in English").fill("No order for {days_since_last_order}.")
    page.get_by_role("button", name="Try on the past").click()
    tried = page.get_by_role("status").inner_text()
    assert "would have sent 7 alerts" in tried
    assert _violations(page) == []
    page.get_by_label("Why it changes").fill("nobody noticed them")
    page.get_by_role("button", name="Make it live").click()
    page.get_by_text("nobody noticed them · lena@meridian.example").first.wait_for()
    ledger = "select state from alerts.rule_version where rule_id = 'long_silence'"
    assert company.marts.rows(ledger) == [("live",)]


def test_operations_enter_an_absence_and_see_what_is_wrong_with_it(company: Office, page: Page) -> None:
    _log_in(page, "olga")
    page.get_by_text("Enter an absence").click()
    page.get_by_label("E-mail address", exact=True).fill("bert@meridian.example")
    page.get_by_label("First day back").fill("2026-11-10")
    page.get_by_role("button", name="Enter").click()
    assert "a first day back after" in page.get_by_role("alert").inner_text()
    page.get_by_label("First day back").fill("2026-11-20")
    page.get_by_role("button", name="Enter").click()
    page.get_by_text("from Nov 16, 2026, back on Nov 20, 2026").wait_for()
    assert page.get_by_role("link").all_inner_texts()[1:] == ["Away", "Data"]


@pytest.mark.capability("C5")
def test_operations_have_rows_that_were_set_aside_tried_again(company: Office, page: Page) -> None:
    company.marts.run(
        "with landed as (insert into ops.batch (source, stream, run_id, started_at, finished_at, status, rows_in,"
        " rows_quarantined) values ('erp', 'orders', 'r', %(now)s, %(now)s, 'landed', 3, 3) returning *)"
        " insert into quarantine.row (batch_id, source, stream, column_name, reason, quarantined_at)"
        " select batch_id, source, stream, 'ordered_at', 'no date', %(now)s from landed, generate_series(1, 3)",
        {"now": company.now},
    )
    _log_in(page, "olga")
    page.goto("/data")
    page.locator("summary", has_text="Try again").click()
    page.get_by_label("Stream").select_option("erp.orders")
    page.get_by_label("What was mended").fill("dates are day first")
    page.get_by_role("button", name="Try again").click()
    page.get_by_text("waits: tried within ten minutes").wait_for()
    company.marts.run("update ops.redrive_request set done_at = asked_at, outcome = '3 rows tried again'")
    page.get_by_role("link", name="Data").click()
    page.get_by_text("3 rows tried again").wait_for()
    company.marts.run("delete from ops.redrive_request")


def test_an_admin_adds_an_account(company: Office, page: Page) -> None:
    _log_in(page, "ada")
    page.get_by_role("link", name="Accounts").click()
    page.locator("summary", has_text="Add an account").click()
    page.get_by_label("E-mail address").fill("nora@meridian.example")
    page.locator("#name").fill("Nora Berg")
    page.locator("#new-role").select_option("operations")
    page.get_by_role("button", name="Add an account").click()
    page.get_by_role("row", name=re.compile("nora@meridian.example")).wait_for()


def test_after_logging_out_the_page_before_shows_nothing(company: Office, page: Page) -> None:
    _log_in(page, "ana")
    page.get_by_role("button", name="Log out").click()
    page.go_back()
    page.reload()
    assert page.get_by_role("heading", level=1).inner_text() == "Log in"
