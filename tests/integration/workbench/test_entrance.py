"""Log-in by a password: who gets in, for how long, and how often one may try."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg2
import pytest
from answering import BASE
from desk_company import PASSWORD, Office
from psycopg2.errors import InsufficientPrivilege

from forewarn.errors import Permanent
from forewarn.warehouse.engine import dsn
from forewarn.workbench import accounts
from forewarn.workbench.entrance import onward
from forewarn.workbench.sessions import OF_ACCOUNT


@pytest.fixture(autouse=True)
def _open_door(company: Office) -> Iterator[None]:
    yield
    company.marts.run("delete from workbench.login_attempt")


ANA = {"email": "Ana@Meridian.example", "password": PASSWORD}


def test_a_page_asks_to_log_in_first_and_goes_on_to_it_afterwards(company: Office) -> None:
    browser = company.visitor()
    page = browser.get("/inbox?show=snoozed")
    assert (page.status_code, page.url.path) == (200, "/login")
    assert 'name="next" value="/inbox?show=snoozed"' in page.text
    page = browser.post("/login", data=ANA | {"next": "/inbox?show=snoozed"})
    assert (page.status_code, str(page.url)) == (200, f"{BASE}/inbox?show=snoozed")


def test_the_cookie_is_for_this_server_alone_and_no_script_reads_it(company: Office) -> None:
    answer = company.visitor().post("/login", data=ANA, follow_redirects=False)
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Secure", "Path=/"} <= set(cookie.split("; "))
    secret = answer.cookies["forewarn_session"]
    assert secret not in str(company.marts.rows("select * from workbench.session"))


def test_after_logging_out_the_secret_is_worth_nothing(company: Office) -> None:
    browser = company.enter("ana")
    secret = browser.cookies["forewarn_session"]
    assert browser.post("/logout").url.path == "/login"
    again = company.visitor()
    again.cookies.set("forewarn_session", secret)
    assert again.get("/inbox").url.path == "/login"


@pytest.mark.parametrize(
    "given",
    [{"email": "ana@meridian.example", "password": "wrong-password"}, {"email": "who@x.example", "password": PASSWORD}],
)
def test_a_wrong_password_and_an_unknown_address_are_told_the_same(company: Office, given: dict[str, str]) -> None:
    page = company.visitor().post("/login", data=given)
    assert (page.status_code, "Address or password are wrong" in page.text) == (401, True)
    assert given["password"] not in page.text


@pytest.mark.parametrize("email", ["ana@meridian.example", "nobody@meridian.example"])
def test_71_too_many_failures_close_the_door_to_the_right_password_as_well(company: Office, email: str) -> None:
    browser = company.visitor()
    wrong = {"email": email, "password": "wrong-password"}
    answers = [browser.post("/login", data=wrong).status_code for _ in range(OF_ACCOUNT + 2)]
    assert answers == [401] * OF_ACCOUNT + [429] * 2
    assert browser.post("/login", data=wrong | {"password": PASSWORD}).status_code == 429
    company.marts.run("update workbench.login_attempt set attempted_at = attempted_at - interval '16 minutes'")
    assert browser.post("/login", data=ANA).url.path == "/inbox"


def test_a_disabled_account_is_out_at_once_and_its_trail_says_by_whom(company: Office) -> None:
    browser = company.enter("bert")
    assert browser.get("/inbox").url.path == "/inbox"
    with company.marts.connection.cursor() as cursor:
        assert accounts.disable(cursor, "bert@meridian.example", by="olga", now=company.now)
        assert not accounts.disable(cursor, "bert@meridian.example", by="olga", now=company.now)
        assert browser.get("/inbox").url.path == "/login"
        given = {"email": "bert@meridian.example", "password": PASSWORD}
        assert company.visitor().post("/login", data=given).status_code == 401
        assert accounts.enable(cursor, "bert@meridian.example", by="olga", now=company.now)
    assert browser.get("/inbox").url.path == "/login", "its sessions ended"
    trail = "select kind, by from workbench.account_event join workbench.account using (account_id) where email = %s"
    assert company.marts.rows(f"{trail} order by event_id", ["bert@meridian.example"]) == [
        ("added", "tests"),
        ("disabled", "olga"),
        ("enabled", "olga"),
    ]


def test_a_new_password_ends_the_sessions_of_the_old_one(company: Office) -> None:
    browser = company.enter("olga")
    with company.marts.connection.cursor() as cursor:
        accounts.set_password(cursor, "olga@meridian.example", PASSWORD, by="ada", now=company.now)
        with pytest.raises(Permanent, match="at least 12 characters"):
            accounts.set_password(cursor, "olga@meridian.example", "short", by="ada", now=company.now)
    assert browser.get("/away").url.path == "/login"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"email": "nobody"}, "an e-mail address"),
        ({"email": "ana@meridian.example"}, "a new one"),
        ({"role": "boss"}, "manager, lead, operations, admin"),
        ({"locale": "fr"}, "a language"),
        ({"role": "admin", "managers": ["crm|7"]}, "of a manager or a lead alone"),
        ({"managers": ["crm|99"]}, "nobody"),
    ],
)
def test_an_account_that_cannot_be_meant_is_refused(company: Office, changed: dict[str, object], message: str) -> None:
    given = {"email": "new@meridian.example", "name": "New", "role": "manager", "locale": "en", "managers": ["crm|7"]}
    given |= {"password": None, "by": "tests", "now": company.now} | changed
    email = given.pop("email")
    with psycopg2.connect(dsn(company.settings.warehouse_url)) as connection, connection.cursor() as cursor:
        with pytest.raises(Permanent, match=message):
            accounts.add(cursor, email, **given)  # type: ignore[arg-type]
        connection.rollback()
    connection.close()


@pytest.mark.parametrize(
    ("asked", "onto"),
    [
        ("/inbox?show=closed", "/inbox?show=closed"),
        ("https://evil.example/", "/"),
        ("//evil.example/inbox", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_68_after_the_log_in_nobody_is_sent_elsewhere(asked: str, onto: str) -> None:
    assert onward(asked) == onto


def test_68_a_log_in_from_another_site_is_refused(company: Office) -> None:
    answer = company.visitor().post("/login", data=ANA, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403


def test_79_the_login_of_the_workbench_reads_no_customer_until_it_is_a_persons(company: Office) -> None:
    session = psycopg2.connect(dsn(company.url))
    session.autocommit = True
    try:
        with session.cursor() as cursor:
            for statement in ("select * from bi.customer_360", "select * from marts.dim_customers"):
                with pytest.raises(InsufficientPrivilege):
                    cursor.execute(statement)
            cursor.execute("set role desk")
            for secret in ("", "no-such-secret", "1"):
                cursor.execute("select set_config('forewarn.session', %s, false)", [secret])
                for relation in ("bi.customer_360", 'alerts."case"', "alerts.case_event", "bi.scores", "alerts.task"):
                    cursor.execute(f"select count(*) from {relation}")
                    assert cursor.fetchone() == (0,), relation
                cursor.execute("select * from workbench.viewer()")
                assert cursor.fetchall() == []
            for statement in (
                "select * from workbench.account",
                "select * from workbench.session",
                "insert into workbench.session (digest, account_id, way, ends_at) values ('x', 1, 'oidc', 'infinity')",
                "select * from marts.dim_customers",
            ):
                with pytest.raises(InsufficientPrivilege):
                    cursor.execute(statement)
    finally:
        session.close()


def test_75_a_reader_of_bi_gains_nothing_by_the_secret_of_a_session(company: Office) -> None:
    secret = company.of("lena").cookies["forewarn_session"]
    company.marts.run("create role workbench_reader login password 'x'; grant account_manager to workbench_reader")
    try:
        from sqlalchemy import make_url

        url = make_url(company.url).set(username="workbench_reader", password="x")
        session = psycopg2.connect(dsn(url.render_as_string(hide_password=False)))
        with session, session.cursor() as cursor:
            cursor.execute("select set_config('forewarn.session', %s, false)", [secret])
            cursor.execute("select count(*) from bi.customer_360")
            assert cursor.fetchone() == (0,)
            with pytest.raises(InsufficientPrivilege):
                cursor.execute("set role desk")
        session.close()
    finally:
        company.marts.run("drop role workbench_reader")
