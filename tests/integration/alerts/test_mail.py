"""Mail to a real SMTP server: what arrives, and what each kind of answer does to the row."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import AuthResult
from alerting_warehouse import DAY, NOW, RUN, AlertingWarehouse, simulated_project, weekly
from mail_receiver import DROP, OK, Receiver, free_port

from forewarn.alerts import dispatch, open_cases
from forewarn.alerts.verdict import MOST_ATTEMPTS
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.errors import Permanent
from forewarn.warehouse.engine import connect

ANA = "ana.weber@meridian.example"
LEAD = "sales-lead@meridian.example"


@pytest.fixture
def project(settings: Settings) -> Project:
    return simulated_project(settings.config, channels=["email"])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


def one_alert(settings: Settings, project: Project, marts: AlertingWarehouse, *customers: str) -> None:
    for customer in customers or ("c1",):
        marts.customer(customer)
        for number, day in enumerate(weekly(DAY, 5)):
            marts.score(customer, 0.3 + number / 12, day)
    marts.publish()
    open_cases(settings, project, as_of_date=DAY, run_id=RUN, now=NOW)


def states(marts: AlertingWarehouse) -> list[tuple[object, ...]]:
    return marts.rows("select recipient, state, attempts from alerts.outbox order by alert_id")


@pytest.mark.capability("C9")
def test_the_account_manager_gets_one_whole_message(
    settings: Settings, project: Project, marts: AlertingWarehouse, receiver: Receiver
) -> None:
    one_alert(settings, project, marts)
    known = {"smtp": receiver.url, "link_keys": "a-key-for-tests-which-is-long-enough"}
    counts = dispatch(settings, project, now=NOW, resolve=lambda name, _: known[name])
    assert (counts.sent, counts.retried, counts.dead) == (1, 0, 0)
    [message] = receiver.taken
    assert receiver.recipients == [ANA]
    assert message["To"] == f"Ana Weber <{ANA}>"
    assert message["Subject"] == "Medium churn risk: Northwind Traders – 63%, $116,388 a year"
    assert message["List-Id"] == "<alerts.forewarn.meridian.example>"
    assert message["X-Forewarn-Alert"] == "1"
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
    ]
    page = message.get_body(("html",))
    assert page is not None
    assert 'src="cid:risk.png"' in page.get_content()
    assert 'href="http://127.0.0.1:8090/cases/1/acknowledge/' in page.get_content()
    assert message["List-Unsubscribe"].startswith("<http://127.0.0.1:8090/mail/fewer_mails/")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert [part["Content-ID"] for part in message.walk() if part["Content-ID"]] == ["<risk.png>"]
    assert states(marts) == [(ANA, "sent", 1)]
    assert marts.rows("select kind, reason from alerts.case_event order by event_id desc limit 1") == [
        ("notified", f"email to {ANA}: 250 accepted")
    ]


@pytest.mark.capability("B7")
def test_again_sends_nothing(
    settings: Settings, project: Project, marts: AlertingWarehouse, receiver: Receiver
) -> None:
    one_alert(settings, project, marts)
    dispatch(settings, project, now=NOW, resolve=lambda *_: receiver.url)
    before = marts.fingerprint()
    assert dispatch(settings, project, now=NOW + timedelta(hours=1), resolve=lambda *_: receiver.url).sent == 0
    assert marts.fingerprint() == before
    assert len(receiver.taken) == 1


def test_a_dry_run_counts_and_writes_nothing(
    settings: Settings, project: Project, marts: AlertingWarehouse, receiver: Receiver
) -> None:
    one_alert(settings, project, marts, "c1", "c2")
    before = marts.fingerprint()
    # A row that somebody holds is waited for by nobody and counted all the same.
    with connect(settings.warehouse_url) as other, other.cursor() as cursor:
        cursor.execute("select from alerts.outbox for update")
        assert dispatch(settings, project, now=NOW, dry_run=True).waiting == 2
    assert marts.fingerprint() == before


def test_a_limit_is_kept(settings: Settings, project: Project, marts: AlertingWarehouse, receiver: Receiver) -> None:
    one_alert(settings, project, marts, "c1", "c2", "c3")
    assert dispatch(settings, project, now=NOW, limit=2, resolve=lambda *_: receiver.url).sent == 2
    assert [state for _, state, _ in states(marts)] == ["sent", "sent", "pending"]


def test_temporary_refusal_is_tried_again_after_a_minute(
    settings: Settings, project: Project, marts: AlertingWarehouse, receiver: Receiver
) -> None:
    one_alert(settings, project, marts)
    receiver.to_recipient[ANA] = ["451 try later", OK]
    assert dispatch(settings, project, now=NOW, resolve=lambda *_: receiver.url).retried == 1
    early = NOW + timedelta(seconds=59)
    assert dispatch(settings, project, now=early, resolve=lambda *_: receiver.url).sent == 0
    assert dispatch(settings, project, now=NOW + timedelta(minutes=1), resolve=lambda *_: receiver.url).sent == 1
    assert marts.rows("select outcome, detail from alerts.attempt order by attempt_id") == [
        ("retry", f"DeliveryFailed: {ANA}: expected acceptance, got 451 try later"),
        ("sent", "250 accepted"),
    ]


def test_a_message_that_is_never_taken_ends_dead(
    settings: Settings, project: Project, marts: AlertingWarehouse, receiver: Receiver
) -> None:
    one_alert(settings, project, marts)
    receiver.to_recipient[ANA] = ["451 try later"]
    now = NOW
    for _ in range(MOST_ATTEMPTS + 2):
        dispatch(settings, project, now=now, resolve=lambda *_: receiver.url)
        now += timedelta(hours=7)
    assert states(marts) == [(ANA, "dead", MOST_ATTEMPTS)]
    [(reason,)] = marts.rows("select reason from alerts.outbox")
    assert reason.startswith("given up after 6 attempts; DeliveryFailed")


def test_a_refused_log_in_names_no_password(
    settings: Settings, project: Project, marts: AlertingWarehouse, receiver: Receiver
) -> None:
    # This server knows no log-in at all.
    one_alert(settings, project, marts)
    url = receiver.url.replace("smtp://", "smtp://robot:hunter%402@")
    counts = dispatch(settings, project, now=NOW, resolve=lambda *_: url)
    assert counts.retried == 1
    [(reason,)] = marts.rows("select reason from alerts.outbox")
    assert "greeting, encryption and log-in" in reason
    assert "hunter" not in reason


@pytest.mark.parametrize(("host", "logged_in"), [("0.0.0.0", 0), ("127.0.0.1", 1), ("localhost", 1)])
def test_a_password_goes_in_the_clear_to_this_machine_only(
    settings: Settings, project: Project, marts: AlertingWarehouse, host: str, logged_in: int
) -> None:
    seen: list[object] = []

    def authenticate(*arguments: object) -> AuthResult:
        seen.append(arguments[-1])
        return AuthResult(success=True)

    one_alert(settings, project, marts)
    server = Controller(
        Sink(), hostname="127.0.0.1", port=free_port(), auth_require_tls=False, authenticator=authenticate
    )
    server.start()
    try:
        # Any name but a loopback one counts as another machine, though this one leads here.
        url = f"smtp://robot:hunter2@{host}:{server.port}"
        counts = dispatch(settings, project, now=NOW, resolve=lambda *_: url)
    finally:
        server.stop()
    assert (counts.sent, len(seen)) == (logged_in, logged_in)
    if not logged_in:
        [(reason,)] = marts.rows("select reason from alerts.outbox")
        assert "use smtps:// or a server with STARTTLS" in reason
        assert "hunter" not in reason


def test_a_server_without_the_way_for_such_an_address(
    settings: Settings, project: Project, marts: AlertingWarehouse
) -> None:
    marts.customer("c1", owner_email="安娜@meridian.example")
    marts.score("c1", 0.9)
    marts.publish()
    open_cases(settings, project, as_of_date=DAY, run_id=RUN, now=NOW)
    with Receiver(smtputf8=False) as plain:
        counts = dispatch(settings, project, now=NOW, resolve=lambda *_: plain.url)
        assert (counts.dead, counts.passed_on) == (1, 1)
        assert plain.recipients == [LEAD]
    with Receiver() as modern:
        marts.run("update alerts.outbox set state = 'pending' where alert_id = 1")
        assert dispatch(settings, project, now=NOW, resolve=lambda *_: modern.url).sent == 1
        assert modern.recipients == ["安娜@meridian.example"]


def test_nobody_listens(settings: Settings, project: Project, marts: AlertingWarehouse) -> None:
    one_alert(settings, project, marts, "c1", "c2")
    counts = dispatch(settings, project, now=NOW, resolve=lambda *_: f"smtp://127.0.0.1:{free_port()}")
    # One message finds out; the other is given back untried.
    assert (counts.retried, counts.released) == (1, 1)
    assert states(marts) == [(ANA, "retry", 1), (ANA, "pending", 0)]


def test_without_a_way_to_resolve_connections_the_ledger_says_so(
    settings: Settings, project: Project, marts: AlertingWarehouse
) -> None:
    one_alert(settings, project, marts)
    with pytest.raises(Permanent, match="pass `resolve` to dispatch"):
        dispatch(settings, project, now=NOW)
    assert states(marts) == [(ANA, "pending", 0)]


def test_a_connection_that_is_not_set_up_holds_the_mail_back(
    settings: Settings, project: Project, marts: AlertingWarehouse
) -> None:
    def nowhere(name: str, _: Settings) -> str:
        raise Permanent(f"connection {name}", expected="FOREWARN_CONN_SMTP", got="nothing")

    one_alert(settings, project, marts)
    assert dispatch(settings, project, now=NOW, resolve=nowhere).retried == 1
    [(reason,)] = marts.rows("select reason from alerts.outbox")
    assert "FOREWARN_CONN_SMTP" in reason


def test_an_answer_that_never_comes_leaves_one_message_at_the_reader(
    settings: Settings, project: Project, marts: AlertingWarehouse, receiver: Receiver
) -> None:
    one_alert(settings, project, marts)
    receiver.to_data = [DROP]
    assert dispatch(settings, project, now=NOW, resolve=lambda *_: receiver.url).retried == 1
    later = NOW + timedelta(minutes=2)
    assert dispatch(settings, project, now=later, resolve=lambda *_: receiver.url).sent == 1
    first, second = receiver.taken
    assert first.as_bytes() == second.as_bytes()
    assert len(receiver.shown) == 1
    assert marts.rows("select outcome from alerts.attempt order by attempt_id") == [("unknown",), ("sent",)]


def test_a_missing_key_takes_the_buttons_and_holds_no_message_back(
    settings: Settings,
    project: Project,
    marts: AlertingWarehouse,
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
) -> None:
    one_alert(settings, project, marts)
    known = {"smtp": receiver.url, "link_keys": "too-short"}
    assert dispatch(settings, project, now=NOW, resolve=lambda name, _: known[name]).sent == 1
    [message] = receiver.taken
    assert message["List-Unsubscribe"] is None
    assert "Messages go without buttons: connection `link_keys`" in caplog.text
    assert "too-short" not in caplog.text
