"""FAULTS, group E: links that act, and the page behind them. Numbers are those of its rows."""

from __future__ import annotations

import itertools
import logging
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
import uvicorn
from alerting_warehouse import DAY, NOW
from answering import BASE, KEY, Answering, answering, installation
from fastapi.testclient import TestClient
from prometheus_client import generate_latest

from forewarn.alerts.answer_links import PURPOSES, Link, LinkBook, Signer, path
from forewarn.local.ports import free_ports
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.workbench.app import create_app
from forewarn.workbench.guard import LARGEST_BODY

MARKUP = "Northwind <b>Traders</b>"


@pytest.fixture(scope="module")
def opened(postgres: EmbeddedServer, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    owner = installation(postgres.ensure_database("fault_web", template=template), tmp_path_factory.mktemp("home"))
    customers = {f"c{number}": {"name": MARKUP} for number in range(40)}
    chinese = {"name": "北风贸易有限公司", "owner_locale": "zh_CN"}
    with answering(owner, "fault_web_login", {**customers, "chinese": chinese}) as found:
        yield found


@pytest.fixture
def web(opened: Answering, unanswered: Iterator[int]) -> Answering:
    """The workbench before a case that no other test has touched."""
    opened.before(f"c{next(unanswered)}")
    return opened


@pytest.fixture(scope="module")
def unanswered() -> Iterator[int]:
    return itertools.count()


@pytest.mark.capability("B12")
def test_61_looking_in_any_way_changes_nothing(web: Answering) -> None:
    before = web.everything()
    seen = set()
    waiting = [web.path(purpose) for purpose in PURPOSES] + ["/healthz", "/static/workbench.css"]
    while waiting:
        address = waiting.pop()
        if address in seen:
            continue
        seen.add(address)
        for headers in ({}, {"sec-purpose": "prefetch"}, {"x-moz": "prefetch"}):
            page = web.client.get(address, headers=headers)
            assert page.status_code == 200, (address, page.text)
        assert address == "/healthz" or web.client.head(address).status_code == 200
        waiting += re.findall(r'(?:href|action|formaction)="(/[^"]+)"', page.text)
    # Beside them the page of the customer, and the log-in before it.
    assert len(seen) == len(PURPOSES) + 5
    assert web.everything() == before


@pytest.mark.capability("B12")
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium: .ci/run installs it")
def test_62_a_scanner_that_runs_scripts_changes_nothing(web: Answering, tmp_path: Path) -> None:
    [port] = free_ports([0])
    book = LinkBook(f"http://127.0.0.1:{port}", web.book.signer, timedelta(days=30))
    app = create_app(web.pool, book, web.project, clock=lambda: NOW)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, lifespan="off", log_level="critical"))
    thread = Thread(target=server.run)
    thread.start()
    before = web.everything()
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += [f"--user-data-dir={tmp_path}", "--virtual-time-budget=5000", "--dump-dom", book.base + web.path("lost")]
    try:
        seen = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    finally:
        server.should_exit = True
        thread.join()
    assert "Nothing is recorded until you press a button." in seen
    assert web.everything() == before


@pytest.mark.capability("B12", "C50")
def test_one_press_answers_and_its_page_says_so(web: Answering) -> None:
    page = web.client.get(web.path("saved"))
    assert page.text.index("Saved</button>") < page.text.index("I&#39;m on it</button>"), "the link's own comes first"
    page = web.press("saved", note="new contract\nfor two years")
    assert page.status_code == 200
    assert "Recorded: closed, saved." in page.text
    assert web.case("state, outcome, closed_as_of") == ("closed", "saved", DAY)
    assert web.case("intervention, intervention_presumed, intervention_cost") == ("call", True, None)
    assert web.events() == [("closed", "saved; call (presumed); new contract for two years", web.reader)]
    answered = "select (detail ->> 'alert_id')::int from alerts.case_event where kind = 'closed' and case_id = %s"
    assert web.marts.rows(answered, [web.case_id]) == [(web.alert_id,)]


@pytest.mark.capability("C43")
def test_what_was_done_is_kept_with_the_answer(web: Answering) -> None:
    assert web.post(web.path("saved"), answer="saved", intervention="bribe").status_code == 422
    assert web.post(web.path("saved"), answer="saved", cost="many").status_code == 422
    assert web.post(web.path("saved"), answer="saved", intervention="offer", cost="250").status_code == 200
    assert web.case("intervention, intervention_presumed, intervention_cost::int") == ("offer", False, 250)


@pytest.mark.capability("B12")
@pytest.mark.parametrize(
    ("purpose", "state", "event"),
    [
        ("acknowledge", "acknowledged", "acknowledged"),
        ("contacted", "in_progress", "started"),
        ("snooze", "open", "snoozed"),
        ("false_alarm", "closed", "closed"),
        ("useful", "open", "feedback"),
    ],
)
def test_every_answer_can_be_taken_back_for_a_day(web: Answering, purpose: str, state: str, event: str) -> None:
    columns = "state, outcome, closed_as_of, closed_at, snoozed_until"
    before, waited = web.case(columns), (web.messages(), web.tasks())
    assert web.tasks() == [("open", None)]
    page = web.press(purpose)  # type: ignore[arg-type]
    assert (web.case("state")[0], web.events()[-1][0]) == (state, event)
    assert (web.tasks() == waited[1]) == (state != "closed")
    undone = web.undo(page.text)
    assert "Taken back." in undone.text
    assert (web.case(columns), (web.messages(), web.tasks())) == (before, waited)
    assert web.undo(page.text).status_code == 200, "the same again is the same"
    assert [kind for kind, _, _ in web.events()] == [event, "taken_back"]


def test_what_is_a_day_old_or_was_answered_since_stays(web: Answering) -> None:
    first = web.press("acknowledge").text
    later = web.press("contacted").text
    assert web.undo(first).status_code == 409
    web.now = NOW + timedelta(hours=25)
    assert web.undo(later).status_code == 403
    assert "Undo" not in web.client.get(web.path("open")).text
    assert web.case("state") == ("in_progress",)


@pytest.mark.capability("B12")
def test_63_what_was_not_signed_by_us_for_this_is_refused(web: Answering) -> None:
    before = web.everything()
    good = web.path("saved")
    front, _, token = good.rpartition("/")
    for bad in (
        front + "/" + token[:-1],
        front + "/" + token + "A",
        front + "/" + ("B" if token[0] == "A" else "A") + token[1:],
        front.replace("saved", "lost") + "/" + token,
        front.replace("saved", "erase") + "/" + token,
        "/mail/fewer_mails/" + token,
        path(
            Link("saved", web.alert_id, web.case_id, NOW + timedelta(days=1)),
            Signer(["another-key-which-is-as-long-as-ours"]),
        ),
    ):
        for answer in (web.client.get(bad), web.post(bad, answer="saved")):
            assert (answer.status_code, "This link does not work" in answer.text) == (403, True), bad
    assert web.everything() == before


def test_64_a_link_that_is_over_or_whose_key_was_withdrawn_is_refused(web: Answering) -> None:
    web.now = NOW + timedelta(days=30)
    page = web.client.get(web.path("saved"), headers={"accept-language": "zh-CN,zh;q=0.9"})
    assert (page.status_code, "此链接已过期" in page.text, 'lang="zh-CN"' in page.text) == (403, True, True)
    assert web.post(web.path("saved"), answer="saved").status_code == 403
    assert web.events() == []


@pytest.mark.capability("B12")
def test_65_pressed_a_hundred_times_at_once_is_one_event(web: Answering) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: web.press("contacted"), range(100)))
    assert {(one.status_code, "Recorded: contacted." in one.text) for one in answers} == {(200, True)}
    assert web.events() == [("started", f"by {web.reader}", web.reader)]


def test_66_a_link_of_one_case_opens_no_other(web: Answering) -> None:
    mine, other = web.path("saved"), web.case_id + 1
    for address in (mine.replace(f"/cases/{web.case_id}/", f"/cases/{other}/"), web.path("saved", case_id=other)):
        # The second is signed by us, and yet of no message: as of one that was erased.
        assert web.client.get(address).status_code == 404
        assert web.post(address, answer="saved").status_code == 404
    assert web.client.get(mine.replace(f"/cases/{web.case_id}/", "/cases/one/")).status_code == 404
    assert web.events() == []
    web.case_id = other
    assert web.events() == []


def test_67_a_script_in_a_name_or_a_note_is_text(web: Answering) -> None:
    page = web.press("acknowledge", note="<script>alert(1)</script>")
    assert "Northwind &lt;b&gt;Traders&lt;/b&gt;" in page.text
    assert not re.findall(r"<script|<style|style=|<b>|\son\w+=", page.text)
    assert page.headers["content-security-policy"].startswith("default-src 'self'; base-uri 'none'; form-action 'self'")
    assert {page.headers[name] for name in ("x-content-type-options", "referrer-policy", "cache-control")} == {
        *("nosniff", "strict-origin", "no-store")
    }


def test_68_another_origin_or_another_name_is_refused(web: Answering) -> None:
    before = web.everything()
    address = web.path("lost")
    for headers in ({}, {"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        answer = web.client.post(address, data={"answer": "lost"}, headers=headers)
        assert (answer.status_code, "came from another site" in answer.text) == (403, True), headers
    for host in ("evil.example", "forewarn.meridian.example.evil.example", "127.0.0.1", ""):
        assert web.client.get(address, headers={"host": host}).status_code == 421, host
    assert web.client.get("/healthz", headers={"host": "127.0.0.1:8090"}).text == "healthy"
    assert web.everything() == before


def test_69_no_log_has_a_link(web: Answering, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for logger in ("httpx", "httpcore"):
        logging.getLogger(logger).setLevel(logging.WARNING)  # the client's own, which is the reader's browser here
    web.press("saved")
    web.press("lost")
    web.post(web.path("useful"), answer="saved", other="1")
    token = web.path("saved").rpartition("/")[2]
    said = [record.getMessage() for record in caplog.records if record.name == "forewarn.workbench"]
    assert re.sub(r"\d+ ms", "n ms", said[0]) == "POST /cases/{case_id}/{purpose}/{token} 303 n ms"
    assert len(said) == 4
    for secret in (token, token.partition(".")[0], KEY, web.reader):
        assert secret not in caplog.text


@pytest.mark.parametrize(
    "posted",
    [{"answer": "saved", "state": "closed"}, {}, {"answer": "lost"}, {"answer": "saved", "note": "x" * 1001}],
)
def test_70_a_form_that_is_not_ours_is_refused(web: Answering, posted: dict[str, str]) -> None:
    assert web.post(web.path("saved"), **posted).status_code == 422
    assert web.events() == []


def test_71_a_body_larger_than_any_form_is_refused(web: Answering) -> None:
    def drip() -> Iterator[bytes]:
        yield b"answer=saved&note="
        for _ in range(1000):
            yield b"x" * LARGEST_BODY
            sent.append(1)

    sent: list[int] = []
    form = web.form | {"content-type": "application/x-www-form-urlencoded"}
    assert web.client.post(web.path("saved"), content=drip(), headers=form).status_code == 413
    assert web.events() == []


def test_71_a_flood_is_turned_away_and_told_when_to_come_back(web: Answering) -> None:
    app = create_app(web.pool, web.book, web.project, clock=lambda: NOW, a_minute=5)
    flooding, other = (TestClient(app, base_url=BASE, client=(address, 1)) for address in ("10.0.0.1", "10.0.0.2"))
    answers = [flooding.get(web.path("saved")) for _ in range(8)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
    assert answers[-1].headers["retry-after"] == "60"
    assert "Too much at once" in answers[-1].text
    assert flooding.post(web.path("saved"), data={"answer": "saved"}, headers=web.form).status_code == 429
    assert web.events() == []
    assert (flooding.get("/healthz").status_code, other.get(web.path("saved")).status_code) == (200, 200)


def test_answers_are_counted_by_route_and_no_link_is_a_label(web: Answering) -> None:
    web.client.get(web.path("saved"))
    told = generate_latest().decode()
    assert 'request_seconds_count{method="GET",route="/cases/{case_id}/{purpose}/{token}",status="200"}' in told
    assert web.path("saved").rpartition("/")[2] not in told


@pytest.mark.capability("B12")
def test_84_after_a_rotation_old_links_work_until_they_end(web: Answering) -> None:
    new = "the-newest-key-which-is-long-enough-too"
    signer = Signer([new, KEY])
    assert path(Link("saved", web.alert_id, web.case_id, NOW + timedelta(days=30)), signer) != web.path("saved")
    for keys, status in (([new, KEY], 200), ([new], 403)):
        book = LinkBook(BASE, Signer(keys), timedelta(days=30))
        client = TestClient(create_app(web.pool, book, web.project, clock=lambda: NOW), base_url=BASE)
        assert client.get(web.path("saved")).status_code == status


def test_a_case_that_another_closed_says_so_and_takes_no_further_answer(web: Answering) -> None:
    web.marts.run(
        "update alerts.\"case\" set state = 'closed', outcome = 'churned', intervention = 'call',"
        " intervention_presumed = false, closed_as_of = %s where case_id = %s",
        [DAY, web.case_id],
    )
    page = web.client.get(web.path("acknowledge")).text
    assert "closed as “lost”" in page
    assert re.findall(r'value="(\w+)"', page) == ["useful"]
    answer = web.press("acknowledge")
    assert (answer.status_code, "Your answer was not recorded" in answer.text) == (409, True)
    assert web.path("acknowledge") in answer.text
    assert web.events() == []


def test_in_a_room_anybody_may_have_pressed(web: Answering) -> None:
    page = web.press("acknowledge", alert_id=web.in_room).text
    assert web.events() == [("acknowledged", "by somebody in wecom", "somebody in wecom")]
    assert "Mail me only" not in page


@pytest.mark.capability("B12")
def test_a_reader_of_chinese_gets_the_page_in_chinese(opened: Answering) -> None:
    opened.before("chinese")
    page = opened.press("false_alarm").text
    assert "已记录：关闭，不是风险" in page
    assert 'lang="zh-CN"' in page
    assert not re.findall(r">[^<]*[a-z]{4,} [a-z]{3,} [a-z]{2,}[^<]*<", page), "no English sentence in between"


def test_one_click_to_fewer_mails_is_one_wish_and_can_be_taken_back(web: Answering) -> None:
    address = web.path("fewer_mails")
    # As Gmail does: without an origin, without cookies.
    with ThreadPoolExecutor(8) as pool:
        asked = {"List-Unsubscribe": "One-Click"}
        answers = list(pool.map(lambda _: web.client.post(address, data=asked), range(16)))
    assert {(one.status_code, one.text) for one in answers} == {(200, "done")}
    wishes = "select from_level from alerts.mail_wish where recipient = %s"
    assert web.marts.rows(wishes, [web.reader]) == [("high",)]
    assert web.messages() == [
        ("email", "suppressed", f"{web.reader} wants mails of high cases alone, since {DAY}"),
        ("wecom", "pending", None),
    ]
    assert "You get mails about high risk alone, and no daily list." in web.client.get(address).text
    assert web.client.post(web.path("every_mail"), data={"List-Unsubscribe": "One-Click"}).status_code == 403
    page = web.post(web.path("every_mail"), answer="every_mail")
    assert "You get a mail about every case." in page.text
    assert web.case("state") == ("open",)
