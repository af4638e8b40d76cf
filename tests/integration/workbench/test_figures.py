"""Pages of figures and playbooks: what alerts are worth, the company's months, and who does what by when."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Iterator

import pytest
from desk_company import Office
from fastapi.testclient import TestClient

FORBIDDEN = r"<script|style=|\son\w+="


def _rows(page: str, section: str) -> dict[str, list[str]]:
    """Return the cells of a section's table by the text of their row."""
    table = page[page.index(f'<section aria-labelledby="{section}"') :].partition("</section>")[0]
    found = re.findall(r'<th scope="row"[^>]*>(.*?)</th>(.*?)</tr>', table, re.DOTALL)
    return {
        _text(name): [_text(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)] for name, row in found
    }


def _text(cell: str) -> str:
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", cell).split()))


def _facts(page: str) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page)}


def _table(client: TestClient, address: str) -> dict[str, dict[str, str]]:
    rows = csv.DictReader(io.StringIO(client.get(address).text.removeprefix("\ufeff")))
    return {next(iter(row.values())): row for row in rows}


@pytest.mark.capability("C50", "C45")
def test_a_lead_sees_what_all_alerts_are_worth(company: Office) -> None:
    page = company.of("lena").get("/performance").text
    facts = _facts(page)
    assert facts["Precision"] == "50%", "two of the four that are ripe"
    assert facts["Precision where nothing was done"] == "100%"
    assert facts["Recall"] == "67%"
    assert facts["Lead time, median"] == "58 days", "of 55 and 60 days, rounded to the even"
    assert facts["False alarms"] == "33%"
    assert (facts["Saved, gross"], facts["Cost"], facts["Return, gross"]) == ("50%", "$80", "99,900%")
    assert "5 alerts. Of 4 the end is known. Of 1 it is not ripe yet" in page
    assert not re.findall(FORBIDDEN, page)


@pytest.mark.capability("C50", "C45")
def test_months_that_are_not_ripe_say_so_and_are_not_drawn(company: Office) -> None:
    page = company.of("lena").get("/performance").text
    months = _rows(page, "months")
    assert list(months) == ["November 2026", "October 2026", "August 2026", "July 2026"]
    assert months["November 2026"][1:3] == ["1", "not ripe"]
    assert months["August 2026"][:4] == ["3", "0", "33%", "100%"]
    assert "Of the alerts of August 2026, the newest month that is ripe, 33% were right; of those of July 2026" in page
    [points] = re.findall(r'<polyline points="([^"]+)"', page)
    assert len(points.split()) == 2


@pytest.mark.parametrize(
    ("by", "members"),
    [
        ("rule", {"spend_drop": ["3", "1", "50%", "33%"], "overdue": ["1", "0", "0%", "–"]}),
        ("model", {"non_contractual 3": ["1", "0", "100%", "33%"]}),
        ("segment", {"retail": ["5", "1", "50%", "67%"]}),
        (
            "manager",
            {
                "Ana Weber": ["4", "1", "33%", "100%"],
                "Bert Olsen": ["1", "0", "100%", "100%"],
                "nobody's": ["0", "0", "–", "0%"],
            },
        ),
        ("playbook", {"spend": ["4", "1", "33%", "–"], "none: nobody was told": ["1", "0", "100%", "–"]}),
    ],
)
def test_alerts_are_compared_by(company: Office, by: str, members: dict[str, list[str]]) -> None:
    found = _rows(company.of("lena").get(f"/performance?by={by}").text, "members")
    assert {name: cells[:4] for name, cells in found.items()} == members


@pytest.mark.capability("C50")
def test_76_a_manager_sees_the_worth_of_their_own_alerts_alone(company: Office) -> None:
    ana = company.of("ana")
    page = ana.get("/performance").text
    assert (_facts(page)["Precision"], _facts(page)["Recall"]) == ("33%", "100%")
    assert "/performance?by=manager" not in page
    assert set(_table(ana, "/performance.csv?by=manager")) == {"Ana Weber"}
    assert _table(ana, "/performance.csv?by=model") == {}
    assert set(_table(company.of("lena"), "/performance.csv?by=month")) == {"2026-07", "2026-08", "2026-10", "2026-11"}


def test_the_file_has_what_each_share_is_of(company: Office) -> None:
    august = _table(company.of("lena"), "/performance.csv?by=month")["2026-08"]
    assert {name: august[name] for name in ("alerts", "judged", "correct", "closed", "leavers", "foreseen")} == {
        **{"alerts": "3", "judged": "3", "correct": "1", "closed": "2", "leavers": "1", "foreseen": "1"},
    }
    assert (august["false_alarm_rate"], august["save_rate"], august["roi"]) == ("0.5", "1.0", "1999.0")


@pytest.mark.capability("C50")
def test_the_companys_figures_are_drawn_said_and_listed(company: Office) -> None:
    page = company.of("lena").get("/kpis").text
    assert "1.3% in October 2026; it was 4% in August 2026." in page
    assert "41 in October 2026; it was -12 in August 2026." in page
    assert "Unknown: no source feeds it" in page
    assert "$120,000 in October 2026; it was $100,000 in August 2026." in page
    assert len(re.findall("<polyline", page)) == 3
    rates = _rows(page, "rates")
    assert list(rates) == ["October 2026 not settled", "September 2026", "August 2026"]
    assert rates["September 2026"] == ["2.1%", "–", "–", "–", "30", "–", "–"]
    assert _rows(page, "movements")["August 2026"][-1] == "$100,000"
    assert _table(company.of("lena"), "/kpis.csv")["2026-09-01"]["nps"] == "30.0"
    assert not re.findall(FORBIDDEN, page)


@pytest.fixture
def part_of_the_company(company: Office, request: pytest.FixtureRequest) -> Iterator[TestClient]:
    """A lead who sees one manager's customers, by default Bert's."""
    manager = getattr(request, "param", "crm|8")
    account = "(select account_id from workbench.account where email = 'lena@meridian.example')"
    company.marts.run(f"insert into workbench.account_owner values ({account}, %s)", [manager])
    yield company.of("lena")
    company.marts.run(f"delete from workbench.account_owner where (account_id, owner_key) = ({account}, %s)", [manager])


def test_76_the_companys_figures_are_for_who_sees_every_customer(
    company: Office, part_of_the_company: TestClient
) -> None:
    page = part_of_the_company.get("/kpis").text
    assert ("for those who see every customer" in page, "$100,000" in page) == (True, False)
    assert _table(part_of_the_company, "/kpis.csv") == {}
    assert _facts(part_of_the_company.get("/performance").text)["Precision"] == "100%", "of Bert's one alert"
    assert [company.of(person).get("/kpis").status_code for person in ("ana", "olga")] == [403, 403]


@pytest.mark.parametrize("part_of_the_company", ["crm|none"], indirect=True)
def test_where_nothing_is_to_be_seen_the_page_says_so(part_of_the_company: TestClient) -> None:
    page = part_of_the_company.get("/performance").text
    assert ("No alert has fired since" in page, "<table" in page) == (True, False)


@pytest.mark.capability("C50")
@pytest.mark.parametrize(
    ("person", "who", "what", "often"),
    [
        ("ana", "Finance", "Ask the contact for a payment date by the day it is due", "once in 7 days"),
        ("bert", "财务", "请在期限日前向联系人询问付款日期", "每 7 天一次"),
    ],
)
def test_who_does_what_by_when_is_read_from_the_playbooks(
    company: Office, person: str, who: str, what: str, often: str
) -> None:
    page = company.of(person).get("/playbooks").text
    cells = next(cells for name, cells in _rows(page, "steps").items() if name.endswith(" finance"))
    assert (cells[0], cells[1].startswith(what), cells[4]) == (who, True, often)
    assert "segment = 'key account'" in html.unescape(page)
    assert not re.findall(FORBIDDEN, page)


def test_a_step_names_its_case_and_what_follows_it(company: Office) -> None:
    steps = _rows(company.of("lena").get("/playbooks").text, "steps")
    assert steps["Buying rhythm · High rhythm_high"][0] == "Whoever has the case"
    assert steps["Buying rhythm · High rhythm_high"][2] == "as its level says"
    assert steps["After that service_check_back"][2] == "within 10 days of work"
    assert list(steps)[-1] == "Every other case otherwise"


def test_operations_see_no_figures_and_no_playbooks(company: Office) -> None:
    olga = company.of("olga")
    assert [olga.get(page).status_code for page in ("/performance", "/kpis", "/playbooks")] == [403, 403, 403]


def test_a_dimension_that_is_none_is_not_there(company: Office) -> None:
    assert company.of("lena").get("/performance?by=pg_catalog").status_code == 404


@pytest.mark.capability("B2", "C45")
def test_what_telling_people_saved_is_told_with_its_interval_and_the_sql(company: Office) -> None:
    page = company.of("lena").get("/saved").text
    assert "39.9% of the customers with an alert stayed who would have left otherwise (23.3% to 54.4%)" in _text(page)
    everybody = _rows(page, "whole")["Everybody"]
    assert everybody[:3] == ["7 of 69 left (10.1%)", "24 of 48 left (50%)", "0"]
    assert everybody[3] == "39.9% shown"
    assert everybody[5] == "$27,500"
    members = _rows(page, "members")
    assert (members["retail"][3], members["trade"][3:]) == (
        "40% shown",
        ["Too few to tell: at least 20 on each side have to be ripe."],
    )
    assert len(re.findall('<svg class="interval"', page)) == 2
    [sql, *_] = [html.unescape(one) for one in re.findall(r"<code>(.*?);</code>", page, re.DOTALL)]
    rows = company.marts.rows(sql.replace("%", "%%"))
    assert {arm: (customers, went) for _, arm, customers, went, *_ in rows} == {"told": (69, 7), "control": (48, 24)}
    assert not re.findall(FORBIDDEN, page)


def test_a_part_with_too_few_says_so_and_a_playbook_has_no_control_group(company: Office) -> None:
    lena = company.of("lena")
    table = _table(lena, "/saved.csv?by=segment")
    assert (table["trade"]["too_few"], table["trade"]["saved"], table["trade"]["told"]) == ("True", "", "9")
    assert (table["retail"]["shown"], table["retail"]["control_left"]) == ("True", "20")
    page = lena.get("/saved?by=playbook").text
    assert "the control group has none to compare with" in page
    assert 'href="/performance?by=playbook#members"' in page
    assert "No case was drawn yet" in company.of("ana").get("/saved").text, "none of her own customers"
    assert [company.of("olga").get(address).status_code for address in ("/saved", "/saved.csv", "/missed")] == [403] * 3


@pytest.mark.capability("B8")
def test_who_left_without_an_alert_is_listed_with_when_and_by_what_it_could_have_been_seen(company: Office) -> None:
    lena = company.of("lena")
    page = lena.get("/missed").text
    assert "2 customers have left without an alert since September 2026" in page
    assert _rows(page, "why") == {
        "The rule was not live": ["1", "1", "38 days"],
        "Nothing in the data showed it": ["1", "0", "–"],
    }
    first, second = _rows(page, "leavers").values()
    assert first[:2] == ["Oct 9, 2026", "Sep 1, 2026 38 days before"]
    assert second[1:3] == ["–", "–"]
    assert 'href="/rules/spend_drop"' in page
    [suggested] = re.findall(r'href="(/rules/spend_drop\?when=[^"]+)"', page)
    assert "days_since_last_order &gt;= 45</textarea>" in lena.get(suggested).text, "ready to be tried"
    assert "days_since_last_order at 45 in place of 30 right 11% of the time at 9.5 alerts a week" in _text(page)
    assert set(_table(lena, "/missed.csv?why=nothing")) == {"2026-09-15"}
    assert set(_rows(lena.get("/missed?why=low").text, "why")) == set(_rows(page, "why"))
    assert not re.findall(FORBIDDEN, page)


def test_76_a_manager_sees_the_missed_of_their_own_and_no_suggestion(company: Office) -> None:
    page = company.of("ana").get("/missed").text
    assert list(_rows(page, "why")) == ["Nothing in the data showed it"]
    assert ("Back-test" in page, "/rules/" in page) == (False, False)
    assert "没有已知的未预警流失客户" in company.of("bert").get("/missed").text
    secret = company.of("ana").cookies["forewarn_session"]
    with company.pool.viewing(secret) as (cursor, _):
        cursor.execute("select count(*) from alerts.report")
        assert cursor.fetchone() == (0,)
