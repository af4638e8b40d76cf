"""Each channel against a server on loopback that answers as its service does: taken, refused, busy, gone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qs

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from forewarn.alerts.answer_links import SENT as PURPOSES
from forewarn.alerts.apprise_channel import SMS_LENGTH, AppriseChannel
from forewarn.alerts.channel import Channel, ChannelDown, GroupChannel, Message
from forewarn.alerts.content import Content, Digest
from forewarn.alerts.group_card import Card, Line, tame
from forewarn.alerts.group_robots import DingTalkRobot, FeishuRobot, GroupRobot, WeComRobot
from forewarn.alerts.http_post import is_public
from forewarn.alerts.webhook_channel import WebhookChannel
from forewarn.errors import DeliveryFailed, DeliveryRejected, DeliveryUnknown, Permanent

MOMENT = 1_794_700_800.0
SECRET = "SECfa1"
ROBOTS = [WeComRobot, DingTalkRobot, FeishuRobot]


@pytest.fixture
def message(content: Content) -> Message:
    return Message(7, "ana.weber@meridian.example", content, datetime(2026, 11, 16, 6, tzinfo=UTC))


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that reads what it is sent, and hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def hang_up() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.recv(65536)
            connection.close()

    threading.Thread(target=hang_up, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/send"
    listener.close()


def robot(kind: type[GroupRobot], url: str) -> GroupRobot:
    return kind(lambda: url, clock=lambda: MOMENT)


def room(server: HTTPServer, answer: dict[str, Any] | str, status: int = 200) -> str:
    if isinstance(answer, str):
        server.expect_request("/send", method="POST").respond_with_data(answer, status)
    else:
        server.expect_request("/send", method="POST").respond_with_json(answer, status)
    return server.url_for("/send") + "?key=k1"


def posted(server: HTTPServer) -> dict[str, Any]:
    (request, _) = server.log[-1]
    return dict(json.loads(request.get_data()))


@pytest.mark.capability("C33")
@pytest.mark.parametrize("kind", ROBOTS)
def test_a_room_gets_one_card_with_everything_and_no_address(
    kind: type[GroupRobot], message: Message, httpserver: HTTPServer
) -> None:
    channel = robot(kind, room(httpserver, {kind.code: 0, "errmsg": "ok", "msg": "success"}) + f"#{SECRET}")
    assert channel.send(message).startswith(f"{kind.code} 0")
    channel.finish()
    text = json.dumps(posted(httpserver), ensure_ascii=False)
    for expected in (
        "High churn risk",
        "Northwind Traders",
        "Spend has halved",
        "Call Dana Kim",
        "Ana Weber",
        "alert 7",
    ):
        assert tame(expected) in text, expected
    assert "@" not in text
    assert SECRET not in text + str(httpserver.log[-1][0].url), "the secret signs, and is not sent"


def test_dingtalk_signs_the_address(message: Message, httpserver: HTTPServer) -> None:
    robot(DingTalkRobot, room(httpserver, {"errcode": 0, "errmsg": "ok"}) + f"#{SECRET}").send(message)
    query = parse_qs(httpserver.log[-1][0].query_string.decode())
    stamp = str(int(MOMENT * 1000))
    signed = hmac.new(SECRET.encode(), f"{stamp}\n{SECRET}".encode(), hashlib.sha256).digest()
    assert query == {"key": ["k1"], "timestamp": [stamp], "sign": [base64.b64encode(signed).decode()]}
    assert posted(httpserver)["at"] == {"isAtAll": False}


def test_feishu_signs_the_body_and_writes_plain_text_only(message: Message, httpserver: HTTPServer) -> None:
    robot(FeishuRobot, room(httpserver, {"code": 0, "msg": "success"}) + f"#{SECRET}").send(message)
    body = posted(httpserver)
    signed = hmac.new(f"{int(MOMENT)}\n{SECRET}".encode(), b"", hashlib.sha256).digest()
    assert (body["timestamp"], body["sign"]) == (str(int(MOMENT)), base64.b64encode(signed).decode())
    assert body["card"]["header"]["template"] == "red"
    assert '"tag": "lark_md"' not in json.dumps(body)
    assert '"tag": "markdown"' not in json.dumps(body)


@pytest.mark.parametrize("kind", ROBOTS)
def test_44_an_error_in_the_body_of_a_200_is_a_failure(
    kind: type[GroupRobot], message: Message, httpserver: HTTPServer
) -> None:
    for codes, error in ((kind.wait, DeliveryFailed), (kind.wrong, ChannelDown), ({123456}, Permanent)):
        for code in sorted(codes):
            httpserver.clear()
            url = room(httpserver, {kind.code: code, "errmsg": "why", "msg": "why"})
            with pytest.raises(error, match=rf"{kind.code} {code}: why") as caught:
                robot(kind, url).send(message)
            assert isinstance(caught.value, ChannelDown) == (error is ChannelDown)


@pytest.mark.parametrize(
    ("status", "answer", "error"),
    [
        (429, "slow down", DeliveryFailed),
        (502, "bad gateway", DeliveryFailed),
        (200, "<html>log in</html>", DeliveryFailed),
        (404, "no such robot", ChannelDown),
        (302, "", ChannelDown),
        (400, "bad request", Permanent),
    ],
)
def test_46_a_busy_or_a_wrong_server_is_told_apart(
    status: int, answer: str, error: type[Exception], message: Message, httpserver: HTTPServer
) -> None:
    with pytest.raises(error):
        robot(WeComRobot, room(httpserver, answer, status)).send(message)


CHANNELS: dict[str, Callable[[str], Channel]] = {
    "wecom": lambda url: robot(WeComRobot, url),
    "webhook": lambda url: WebhookChannel(lambda: url, private=True),
}


@pytest.mark.parametrize("name", CHANNELS)
def test_42_a_connection_that_breaks_after_the_body_leaves_the_result_unknown(
    name: str, message: Message, silent: str
) -> None:
    with pytest.raises(DeliveryUnknown):
        CHANNELS[name](silent).send(message)


@pytest.mark.parametrize("name", CHANNELS)
def test_43_a_server_that_is_not_there_is_the_channels_fault(name: str, message: Message) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ChannelDown, match="expected a connection"):
        CHANNELS[name](f"http://127.0.0.1:{port}/send?key=k1").send(message)


@pytest.mark.parametrize("url", ["ftp://host/x", "no address", "http://[::1"])
def test_an_address_that_cannot_be_meant_is_the_channels_fault(url: str, message: Message) -> None:
    with pytest.raises(ChannelDown, match="https://host/path"):
        robot(WeComRobot, url).send(message)


@pytest.mark.parametrize("kind", ROBOTS)
def test_57_a_name_mentions_nobody_and_is_no_markup(
    kind: type[GroupRobot], message: Message, httpserver: HTTPServer
) -> None:
    evil = "<at id=all></at> @all **Bold** [x](http://evil.example)"
    named = replace(message, content=message.content.model_copy(update={"customer": evil}))
    robot(kind, room(httpserver, {kind.code: 0, "msg": "ok"})).send(named)
    body = posted(httpserver)
    if kind is FeishuRobot:
        # Plain text is shown as it stands.
        assert evil in body["card"]["header"]["title"]["content"]
        return
    markdown = body["markdown"]["content" if kind is WeComRobot else "text"]
    for sign in ("<at", "@", "**Bold", "](http"):
        assert sign not in markdown


def test_56_a_card_is_cut_at_a_line_within_its_bytes() -> None:
    shown = Card("北风贸易有限公司", "high", tuple(Line("非常重要的客户流失预警" * 12) for _ in range(40)))
    markdown = shown.markdown(4096)
    assert len(markdown.encode()) <= 4096
    assert markdown.endswith("\n\n…")
    assert all(line in ("…", f"### {shown.title}") or line == shown.lines[0].text for line in markdown.split("\n\n"))


@pytest.mark.capability("B14")
def test_a_flood_is_one_card_that_names_customers_and_nobody_else(message: Message, httpserver: HTTPServer) -> None:
    channel = robot(WeComRobot, room(httpserver, {"errcode": 0}))
    assert isinstance(channel, GroupChannel)
    many = [
        Message(
            number, "ana@x.example", message.content.model_copy(update={"customer": f"C{number}"}), message.created_at
        )
        for number in range(25)
    ]
    channel.send_together(many)
    markdown = posted(httpserver)["markdown"]["content"]
    assert markdown.startswith("### 25 alerts")
    assert markdown.count("High churn risk") == 20
    assert markdown.endswith("… and 5 more")
    for private in ("Dana", "Ana", "@"):
        assert private not in markdown


@pytest.mark.capability("B12", "B14")
@pytest.mark.parametrize("kind", ROBOTS)
def test_each_line_of_a_digest_is_answered_by_its_own_link(
    kind: type[GroupRobot], message: Message, httpserver: HTTPServer
) -> None:
    assert isinstance(message.content, Content)
    lines = [message.content.model_copy(update={"case_id": case, "customer": f"C{case}"}) for case in (1, 2)]
    together = Digest(
        as_of_date=date(2026, 11, 16),
        company="Meridian Supply",
        locale="en",
        why="owner",
        key=message.content.key,
        lines=lines,
    )
    links = {case: {one: f"https://forewarn.example/{case}/{one}/token" for one in PURPOSES} for case in (1, 2)}
    whole = replace(message, content=together, links=links[1], line_links=links)
    robot(kind, room(httpserver, {kind.code: 0, "msg": "ok"})).send(whole)
    body = posted(httpserver)
    if kind is FeishuRobot:
        [_, first, second] = body["card"]["elements"]
        assert [one["extra"]["url"] for one in (first, second)] == [links[case]["open"] for case in (1, 2)]
        assert first["extra"]["text"]["content"] == "Open the case"
    else:
        shown = body["markdown"]["content" if kind is WeComRobot else "text"].split("\n\n")
        assert [line.rpartition("](")[2] for line in shown[2:]] == [f"{links[case]['open']})" for case in (1, 2)]
    httpserver.clear()
    httpserver.expect_request("/room").respond_with_json({})
    AppriseChannel("sms", lambda: httpserver.url_for("/room").replace("http://", "json://")).send(whole)
    text = posted(httpserver)["message"]
    assert text.endswith(f" {links[1]['open']}")
    assert len(text) <= SMS_LENGTH


@pytest.mark.capability("C33", "C36")
def test_a_webhook_is_signed_and_a_repeat_has_the_same_key(message: Message, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook").respond_with_json({"ok": True})
    url = f"{httpserver.url_for('/hook')}#{SECRET}"
    channel = WebhookChannel(lambda: url, private=True, clock=lambda: MOMENT)
    assert channel.send(message).startswith("200")
    channel.send(message)
    (first, _), (second, _) = httpserver.log
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"] == message.content.key
    assert first.get_data() == second.get_data()
    signed = f"{first.headers['X-Forewarn-Timestamp']}.".encode() + first.get_data()
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert first.headers["X-Forewarn-Signature"] == f"sha256={expected}"
    body = json.loads(first.get_data())
    assert (body["alert_id"], body["content"]["customer_id"], body["recipient"]) == (7, "c1", message.recipient)
    httpserver.clear()
    httpserver.expect_request("/hook").respond_with_data("what is this", 422)
    with pytest.raises(DeliveryRejected, match="422 what is this"):
        channel.send(message)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "169.254.169.254", "10.1.2.3"])
def test_58_a_webhook_does_not_reach_into_ones_own_network(
    host: str, message: Message, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = WebhookChannel(lambda: f"http://{host}:{httpserver.port}/hook", private=False)
    with pytest.raises(ChannelDown, match="webhook_may_reach_private"):
        channel.send(message)
    assert httpserver.log == []


def test_58_a_redirect_is_not_followed_and_a_name_is_looked_up_once(
    message: Message, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    httpserver.expect_request("/hook").respond_with_response(
        Response(status=307, headers={"location": httpserver.url_for("/inside")})
    )
    with pytest.raises(ChannelDown, match="307"):
        WebhookChannel(lambda: httpserver.url_for("/hook"), private=True).send(message)
    assert [request.path for request, _ in httpserver.log] == ["/hook"]
    # The name leads outside when it is judged, and home when it is asked again: the connection goes to what was judged.
    asked: list[str] = []
    known = socket.getaddrinfo

    def rebinding(host: str | None, port: int, *arguments: Any, **options: Any) -> Any:
        if host == "hook.example":
            asked.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1" if asked[1:] else "8.8.8.8", port))]
        return known(host, port, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    reached: list[str] = []

    def refuse(address: tuple[str, int], *_: Any, **__: Any) -> Any:
        reached.append(address[0])
        raise OSError("no route in a test")

    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(ChannelDown):
        WebhookChannel(lambda: f"http://hook.example:{httpserver.port}/hook", private=False).send(message)
    assert (asked, reached) == (["hook.example"], ["8.8.8.8"])


@pytest.mark.parametrize(
    ("address", "public"),
    [
        *((one, True) for one in ("8.8.8.8", "2606:4700:4700::1111")),
        *((one, False) for one in ("::ffff:127.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0", "fc00::1", "100.64.0.1")),
        *((one, False) for one in ("224.0.0.1", "0.0.0.0", "255.255.255.255", "2002:7f00:1::", "not an address")),
    ],
)
def test_58_what_a_public_address_is(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.capability("C33")
def test_apprise_reaches_the_long_tail_and_its_answer_is_read(message: Message, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/room").respond_with_json({})
    url = httpserver.url_for("/room").replace("http://", "json://")
    assert AppriseChannel("slack", lambda: url).send(message) == "taken"
    body = posted(httpserver)
    assert "Northwind Traders" in body["title"]
    assert "Spend has halved" in body["message"]
    AppriseChannel("sms", lambda: url).send(message)
    text = posted(httpserver)["message"]
    assert len(text) <= SMS_LENGTH
    assert "\n" not in text
    httpserver.clear()
    httpserver.expect_request("/room").respond_with_data("", 500)
    with pytest.raises(DeliveryFailed, match="failure"):
        AppriseChannel("slack", lambda: url).send(message)


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("slack", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#sales"),
        ("teams", "workflows://host.example:443/0123456789abcdef/signature0123456789/"),
        ("sms", f"twilio://AC{'0' * 32}:{'1' * 32}@15551234567/15557654321"),
    ],
)
def test_the_addresses_of_the_services_are_understood(name: str, url: str) -> None:
    from apprise import Apprise

    assert len(Apprise(url)) == 1, name


def test_an_address_that_apprise_does_not_know_is_the_channels_fault(message: Message) -> None:
    with pytest.raises(ChannelDown, match="a URL that Apprise knows"):
        AppriseChannel("slack", lambda: "pigeon://roof").send(message)


def test_80_no_address_with_a_key_is_logged(
    message: Message, httpserver: HTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = room(httpserver, {"errcode": 310000, "errmsg": "sign not match"}).replace("k1", "c4n4ry")
    with pytest.raises(ChannelDown) as caught:
        robot(DingTalkRobot, f"{url}#{SECRET}").send(message)
    # The receiver's own log is its own affair.
    ours = [record.getMessage() for record in caplog.records if record.name != "werkzeug"]
    seen = " ".join([*ours, str(caught.value)])
    assert "c4n4ry" not in seen
    assert SECRET not in seen
