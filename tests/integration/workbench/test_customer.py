"""The page of a customer: evidence that opens its records, what is published of its past, tasks, and refusals."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import timedelta

import pytest
from alerting_warehouse import DAY
from desk_company import Office


def _signs(page: str) -> dict[str, str]:
    """Return what stands behind each sign, by what it says."""
    return dict(re.findall(r'class="reason">\s*<summary>(.*?)</summary>(.*?)</details>', page, re.DOTALL))


@pytest.mark.capability("C50", "B4")
@pytest.mark.parametrize("customer", ["a1", "a4"])
def test_the_links_under_a_reason_open_the_record_at_its_source(company: Office, customer: str) -> None:
    ana = company.of("ana")
    signs = _signs(ana.get(f"/customers/{customer}").text)
    [link] = re.findall(r'href="([^"]+)"', signs["no order for 100 days"])
    fields = re.findall(r"<code>(\w+)</code></dt><dd>([^<]+)", ana.get(link).text)
    assert fields[-2:] == [("status", "shipped"), ("amount", "120")]
    assert "None since Aug 18, 2026; the last one before:" in signs["no ticket of late"]
    [link] = re.findall(r'href="([^"]+)"', signs["no ticket of late"])
    ticket = ana.get(link).text
    assert ("high" in ticket, "Canary" in ticket) == (True, False)
    assert "Nothing of the kind is on record" in signs["never complained"]


@pytest.mark.capability("B4")
def test_a_rule_has_its_records_where_no_model_has_judged(company: Office) -> None:
    company.marts.run("create table aside as select * from published.score where customer_id = 'a3'")
    company.marts.run("delete from published.score where customer_id = 'a3'")
    try:
        signs = _signs(company.of("ana").get("/customers/a3").text)
    finally:
        company.marts.run("insert into published.score select * from aside; drop table aside")
    assert "no order for 100 days" not in signs
    [sign] = [behind for said, behind in signs.items() if "No order and no contact" in said]
    assert set(re.findall(r'records/order/erp/([^"]+)"', sign)) == {"a3-1"}


def test_what_a_refused_build_has_written_is_not_told(company: Office) -> None:
    new = (
        "insert into intermediate.int_customer_events (event_key, customer_id, kind, entity, source, source_record_id,"
        " day, known_day, detail, _version) values (%(key)s, 'a2', 'order', 'order', 'erp', %(key)s, %(day)s, %(day)s,"
        " %(key)s, %(version)s)"
    )
    for key, day, version in (("new-day", DAY, 0), ("new-build", DAY - timedelta(days=9), 1)):
        company.marts.run(new, {"key": key, "day": day, "version": version})
    ana = company.of("ana")
    try:
        pages = [ana.get(f"/customers/a2{more}").text for more in ("", "/timeline", "/timeline.csv")]
        company.marts.run("update ops.publication set build_number = 1 where as_of_date = %s", [DAY])
        published = ana.get("/customers/a2/timeline").text
    finally:
        company.marts.run("update ops.publication set build_number = 0 where as_of_date = %s", [DAY])
        company.marts.run("delete from intermediate.int_customer_events where source_record_id like 'new%'")
    assert [("shipped" in page, "new-" in page) for page in pages] == [(True, False)] * 3
    assert ("new-build" in published, "new-day" in published) == (True, False)


@pytest.mark.capability("C50")
def test_a_timeline_is_read_to_its_end_by_department_and_as_a_file(company: Office) -> None:
    company.marts.run(
        "insert into intermediate.int_customer_events (event_key, customer_id, kind, entity, source, source_record_id,"
        " day, known_day, _version) select 'usage' || n, 'b2', 'usage', 'usage_event', 'app', 'u' || n,"
        " %(day)s::date - 1 - n / 40, %(day)s::date - 1 - n / 40, 0 from generate_series(1, 230) as n",
        {"day": DAY},
    )
    lena, further, seen = company.of("lena"), [""], []
    while further:
        page = lena.get(f"/customers/b2/timeline{html.unescape(further[0])}").text
        seen += re.findall(r'records/\w+/\w+/([\w-]+)"', page)
        further = re.findall(r'rel="next" href="([^"]+)"', page)
    rows = list(csv.DictReader(io.StringIO(lena.get("/customers/b2/timeline.csv").text.lstrip("\ufeff"))))
    company.marts.run("delete from intermediate.int_customer_events where kind = 'usage'")
    assert sorted(seen) == sorted([f"u{n}" for n in range(1, 231)] + ["b2-1", "b2-2"])
    assert [row["record_id"] for row in rows] == seen
    page = lena.get("/customers/b2/timeline?of=service").text
    assert ("b2-2" in page, "b2-1" in page) == (True, False)


@pytest.mark.capability("C25", "C50")
def test_past_cases_and_the_newest_suggestions_are_told_with_what_they_rest_on(company: Office) -> None:
    ana = company.of("ana")
    page = ana.get("/customers/a4").text
    past = page[page.index('id="past"') : page.index('id="suggestions"')]
    for said in ("Feb 2, 2026 – Feb 12, 2026", "saved", "A visit or meeting", "$240", "Spend is falling"):
        assert said in past, said
    assert ("Old hose" in page, "No suggestion." in page) == (False, True)
    page = ana.get("/customers/a1").text
    suggestions = page[page.index('id="suggestions"') : page.index('id="doings"')]
    assert ("Valve" in suggestions, "40%" in suggestions) == (True, True)
    [link] = re.findall(r'href="([^"]+)"', suggestions)
    assert "shipped" in ana.get(link).text


@pytest.mark.capability("C50")
def test_a_task_is_ended_by_who_has_it_once_and_with_a_word(company: Office) -> None:
    ana, query = company.of("ana"), "select state, outcome from alerts.task where task_id = %s"
    tasks = re.findall(r'action="/tasks/(\d+)"', ana.get("/tasks").text)
    owned = company.marts.rows("select task_id from alerts.task where owner_email = 'ana@meridian.example'")
    assert sorted(tasks) == sorted(str(number) for (number,) in owned)
    assert len(tasks) >= 3
    assert ana.post(f"/tasks/{tasks[0]}", data={"state": "done", "said": " "}).status_code == 409
    before = company.marts.rows("select * from alerts.task order by 1")
    page = ana.post(f"/tasks/{tasks[0]}", data={"state": "dropped", "said": "paid meanwhile", "back": "customer"})
    assert (page.url.path[:11], "dropped: paid meanwhile" in page.text) == ("/customers/", True)
    assert company.marts.rows(query, [tasks[0]]) == [("dropped", "paid meanwhile")]
    assert ana.post(f"/tasks/{tasks[0]}", data={"state": "done", "said": "done"}).status_code == 409
    assert "paid meanwhile" in ana.get("/tasks").text
    [(others,)] = company.marts.rows("select min(task_id) from alerts.task where owner_email like 'bert%'")
    assert ana.post(f"/tasks/{others}", data={"state": "done", "said": "mine now"}).status_code == 404
    reopen = "update alerts.task set state = 'open', outcome = null, ended_at = null where task_id = %s"
    company.marts.run(reopen, [tasks[0]])
    company.marts.run("delete from alerts.task_event where kind = 'dropped'")
    assert company.marts.rows("select * from alerts.task order by 1") == before


@pytest.mark.parametrize(
    ("address", "said", "to"),
    [
        ("/customers/none", "names no customer that you may see", "/customers"),
        ("/customers/a1/records/order/erp/none", "its source has it no more", "/customers/a1"),
        ("/team", "may not open this page", "/"),
    ],
)
def test_a_refusal_stands_in_the_frame_and_says_where_its_link_leads(
    company: Office, address: str, said: str, to: str
) -> None:
    page = company.of("ana").get(address).text
    assert ('action="/logout"' in page, said in page) == (True, True)
    [(link, label)] = re.findall(r'<footer>\s*<p><a href="([^"]+)">([^<]+)', page)
    assert (link, label != "Back to the case") == (to, True)


# What code and tables call things; a reader of Chinese is told in Chinese.
ENUMS = {
    *("low", "medium", "high", "account_manager", "finance", "service", "rhythm", "spend", "breadth", "usage", "voice"),
    *("draft", "shadow", "live", "retired", "running", "landed", "failed", "critical", "warning"),
    *("blocked", "late", "held", "open", "acknowledged", "in_progress", "closed", "saved", "churned", "false_alarm"),
    *("no_answer", "done", "dropped", "manager", "lead", "operations", "admin", "contractual", "non_contractual"),
}
OWN_WORDS = r"<(style|pre|code|textarea|title)\b.*?</\1>"


@pytest.mark.capability("C50")
def test_no_page_in_chinese_shows_a_word_of_the_code(company: Office) -> None:
    company.marts.run("update workbench.account set locale = 'zh_CN' where email like 'ada@%'")
    company.marts.run(
        "insert into ops.trouble (source, stream, kind, since, noticed_at, reason)"
        " values ('erp', 'x', 'blocked', %s, %s, 'x')",
        [company.now, company.now],
    )
    pages = ("/inbox", "/tasks", "/team", "/performance", "/kpis", "/playbooks", "/rules", "/rules/new", "/away")
    try:
        shown = {page: company.of("ada").get(page).text for page in (*pages, "/rules/spend_drop", "/data", "/accounts")}
    finally:
        company.marts.run("update workbench.account set locale = 'en' where email like 'ada@%'")
        company.marts.run("delete from ops.trouble where source = 'erp' and stream = 'x'")
    for page, text in shown.items():
        said = re.sub(r"<[^>]+>", "|", re.sub(OWN_WORDS, "", text, flags=re.DOTALL))
        words = {word.strip() for word in re.split(r"[|·,:：，、;\n]", said)}
        assert 'lang="zh-CN"' in text, page
        assert words & ENUMS == set(), page
        assert ">and</option>" not in text, page


@pytest.mark.capability("C24")
def test_what_drives_churn_stands_beside_the_figures(company: Office) -> None:
    company.marts.run(
        "insert into ml.driver values (%s, 'non_contractual', 'rhythm', .1, .05, .15, .62, .55, .7, 4, 900, 'm', '1',"
        " 'r', %s)",
        [DAY, company.now],
    )
    page = company.of("lena").get("/kpis").text
    drivers = page[page.index('id="drivers"') :]
    company.marts.run("delete from ml.driver")
    assert re.findall(r">(62%|55% – 70%)<", drivers) == ["62%", "55% – 70%"]
