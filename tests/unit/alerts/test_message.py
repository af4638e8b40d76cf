"""What a message says, held by golden files."""

import re
from datetime import UTC, date, datetime, timedelta
from email import policy
from email.parser import BytesParser
from io import BytesIO

import pytest
from golden_files import hold
from PIL import Image

from forewarn.alerts.answer_links import SENT as PURPOSES
from forewarn.alerts.content import Content, Digest, Past, Said
from forewarn.alerts.letter import mail, word
from forewarn.alerts.sparkline import HEIGHT, LINE, QUIET, WIDTH, sparkline
from forewarn.alerts.view import view

DAY = date(2026, 11, 16)
LINKS = {purpose: f"https://forewarn.meridian.example/{purpose}/token" for purpose in PURPOSES}
SENT = {"alert_id": 17, "sender": "Forewarn <alerts@meridian.example>", "recipient": "ana.weber@meridian.example"}


@pytest.mark.parametrize("kind", ["full", "chinese", "rules_only"])
def test_text_and_html_are_as_agreed(content: Content, chinese: Content, kind: str) -> None:
    messages = {
        "full": content,
        "chinese": chinese,
        "rules_only": content.model_copy(
            update={
                "level": "medium",
                "previous_level": "low",
                "route": "finance",
                "probability": None,
                "threshold": None,
                "model": None,
                "history": [],
                "renewal_on": None,
                "reasons": [Said(title="Invoices overdue", text="$9,699 overdue, the oldest for 42 days.")],
                "rules": ["overdue_receivables v1"],
                "why": "team",
            }
        ),
    }
    letter = word(messages[kind], 17, links={} if kind == "rules_only" else LINKS)
    hold(f"{kind}.txt", f"Subject: {letter.view.subject}\n\n{letter.text}")
    hold(f"{kind}.html", letter.html)
    assert (letter.chart is None) == (kind == "rules_only")


@pytest.mark.parametrize("kind", ["digest", "digest_chinese"])
def test_a_digest_is_as_agreed(content: Content, chinese: Content, kind: str) -> None:
    first = content if kind == "digest" else chinese
    rows: list[dict[str, object]] = [
        {"level": "medium", "previous_level": "low", "reasons": first.reasons[:1]},
        {"level": "medium", "customer": "Globex & <Sons>", "probability": None, "expected_loss": 25_200},
        {"level": "low", "customer": "Initech", "why": "no_owner", "reasons": first.reasons[1:2]},
    ]
    lines = [first.model_copy(update=row | {"case_id": number}) for number, row in enumerate(rows)]
    envelope = {"company": first.company, "locale": first.locale, "why": "owner", "key": "0123456789abcdef01234567"}
    together = Digest(as_of_date=DAY, reader_name=first.reader_name, lines=lines, **envelope)  # type: ignore[arg-type]
    # Without a workbench a digest has no answers.
    answered = {number: {name: f"{link}-{number}" for name, link in LINKS.items()} for number in range(len(rows))}
    more = {"links": LINKS, "line_links": answered} if kind == "digest" else {}
    letter = word(together, 17, **more)  # type: ignore[arg-type]
    hold(f"{kind}.txt", f"Subject: {letter.view.subject}\n\n{letter.text}")
    hold(f"{kind}.html", letter.html)
    assert letter.chart is None


def test_the_mail_is_the_same_on_every_try(content: Content) -> None:
    at = datetime(2026, 11, 16, 6, tzinfo=UTC)
    first = mail(word(content, 17), content, created_at=at, **SENT).as_bytes()  # type: ignore[arg-type]
    again = mail(word(content, 17), content, created_at=at, **SENT).as_bytes()  # type: ignore[arg-type]
    assert first == again
    assert max(map(len, first.split(b"\r\n"))) <= 998


def test_headers_thread_and_identify(content: Content) -> None:
    raised = content.model_copy(update={"previous_level": "medium", "thread_key": "feed"})
    message = mail(word(raised, 17), raised, created_at=datetime(2026, 11, 16, tzinfo=UTC), **SENT)  # type: ignore[arg-type]
    parsed = BytesParser(policy=policy.default).parsebytes(message.as_bytes())
    assert {name: str(parsed[name]) for name in ("Message-ID", "In-Reply-To", "References", "X-Forewarn-Alert")} == {
        "Message-ID": "<alert.0123456789abcdef01234567@meridian.example>",
        "In-Reply-To": "<alert.feed@meridian.example>",
        "References": "<alert.feed@meridian.example>",
        "X-Forewarn-Alert": "17",
    }
    assert parsed["Content-Language"] == "en"
    assert parsed["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    ("earlier", "summary"),
    [
        ([], "Churn risk is 62% for the next 90 days."),
        ([(28, 0.38)], "Churn risk rose from 38% to 62% in 4 weeks."),
        ([(7, 0.38)], "Churn risk rose from 38% to 62% in 1 week."),
        ([(28, 0.71)], "Churn risk is 62%, down from 71% 4 weeks ago."),
        ([(28, 0.615)], "Churn risk is 62%, as 4 weeks ago."),
        # Yesterday's score is no history to tell of.
        ([(1, 0.1)], "Churn risk is 62% for the next 90 days."),
    ],
)
def test_the_summary_tells_the_change(content: Content, earlier: list[tuple[int, float]], summary: str) -> None:
    today = Past(as_of_date=content.as_of_date, probability=0.62)
    past = [
        Past(as_of_date=content.as_of_date - timedelta(days=days), probability=probability)
        for days, probability in earlier
    ]
    changed = content.model_copy(update={"history": [*past, today], "renewal_on": None})
    assert view(changed, 1).summary == summary


@pytest.mark.parametrize(
    ("renewal", "told"), [(date(2026, 11, 16), False), (date(2026, 11, 17), True), (date(2027, 2, 15), False)]
)
def test_only_a_near_renewal_is_in_the_summary(content: Content, renewal: date, told: bool) -> None:
    summary = view(content.model_copy(update={"renewal_on": renewal}), 1).summary
    assert ("contract renews in 1 day." in summary) is told


def test_markup_in_a_name_is_shown_as_it_is(content: Content) -> None:
    html = word(content.model_copy(update={"customer": "<script>alert(1)</script> & Sons {{ 7*7 }}"}), 1).html
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Sons {{ 7*7 }}" in html


def test_no_picture_of_a_single_score(content: Content) -> None:
    letter = word(content.model_copy(update={"history": content.history[-1:]}), 1)
    assert letter.chart is None
    assert "cid:" not in letter.html


@pytest.mark.capability("B12", "C50")
def test_buttons_are_links_of_the_mail_and_its_text(content: Content) -> None:
    links = LINKS | {"fewer_mails": f"https://forewarn.meridian.example/mail/fewer_mails/{'x' * 90}"}
    letter = word(content, 17, links=links)
    assert sorted(re.findall(r'href="([^"]+)"', letter.html)) == sorted(links.values())
    assert sorted(re.findall(r"https://\S+", letter.text)) == sorted(links.values())
    at = datetime(2026, 11, 16, tzinfo=UTC)
    message = mail(letter, content, created_at=at, links=links, **SENT)  # type: ignore[arg-type]
    # Whole: broken up into encoded words, no mail program would find the address.
    assert f"List-Unsubscribe: <{links['fewer_mails']}>\r\n".encode() in message.as_bytes()
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_message_without_links_leads_nowhere(content: Content) -> None:
    html = word(content, 1).html
    assert "href=" not in html
    assert "List-Unsubscribe" not in mail(
        word(content, 1),
        content,
        created_at=datetime(2026, 11, 16, tzinfo=UTC),
        **SENT,  # type: ignore[arg-type]
    )
    assert "@import" not in html
    assert not re.findall(r"""(?:src|url)\W+https?:""", html)


def test_the_picture_shows_line_and_threshold_on_clear_ground() -> None:
    day = date(2026, 11, 16)
    drawn = sparkline([(day - timedelta(days=7), 0.2), (day, 0.6)], threshold=0.4)
    picture = Image.open(BytesIO(drawn)).convert("RGBA")
    assert picture.size == (WIDTH, HEIGHT)
    assert len(drawn) < 8000
    assert picture.getpixel((WIDTH // 2, 4))[3] == 0  # type: ignore[index]
    data = picture.tobytes()
    opaque = [tuple(data[at : at + 3]) for at in range(0, len(data), 4) if data[at + 3] > 240]
    reds = sum(max(abs(one - other) for one, other in zip(pixel, LINE, strict=False)) < 12 for pixel in opaque)
    greys = sum(max(abs(one - other) for one, other in zip(pixel, QUIET, strict=False)) < 12 for pixel in opaque)
    assert reds > 3000
    assert greys > 800


def test_scores_of_nought_can_be_drawn() -> None:
    day = date(2026, 11, 16)
    assert sparkline([(day, 0.0), (day, 0.0)], threshold=0.0).startswith(b"\x89PNG")
