"""A message as a mail: plain text, HTML and picture in one MIME tree, with headers that stay the same on every try."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from email.headerregistry import Address, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from email.utils import format_datetime, parseaddr
from functools import cached_property, lru_cache
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template

from forewarn.alerts.answer_links import NO_LINES, NO_LINKS
from forewarn.alerts.channel import Message
from forewarn.alerts.content import ActionContent, Content, Digest, Envelope, Notice
from forewarn.alerts.digest_view import Line, digest_view
from forewarn.alerts.news import KpiNews, ReportNews, StageNews
from forewarn.alerts.news_view import kpi_view, report_view, stage_view
from forewarn.alerts.notice_view import notice_view
from forewarn.alerts.plain import one_line
from forewarn.alerts.reminder_view import reminder_view
from forewarn.alerts.view import View, view
from forewarn.errors import Permanent

TEMPLATES = Path(__file__).parent / "templates"
CHART = "risk.png"
COLOURS = {"high": "#b3261e", "medium": "#8a5a00", "low": "#48606f"}


@dataclass(frozen=True)
class Letter:
    """One worded message; what a channel does not show is not drawn and not rendered.

    Attributes
    ----------
    chart_address
        What the HTML names as the picture's address.
    scores, threshold
        What the picture shows: day and probability, and the dashed line; no scores where there is nothing to draw.
    lines
        The cases of a digest; none of any other message.
    """

    view: View
    chart_address: str
    scores: tuple[tuple[date, float], ...] = ()
    threshold: float = 0.0
    lines: tuple[Line, ...] = ()

    @cached_property
    def chart(self) -> bytes | None:
        """The picture as PNG, or None."""
        if not self.scores:
            return None
        from forewarn.alerts.sparkline import sparkline

        return sparkline(self.scores, self.threshold)

    @cached_property
    def text(self) -> str:
        """The body as plain text."""
        return _text_template(self._template).render(view=self.view, lines=self.lines)

    @cached_property
    def html(self) -> str:
        """The body as HTML."""
        return _html_template(self._template).render(
            view=self.view, lines=self.lines, chart_address=self.chart_address, colour=COLOURS[self.view.level]
        )

    @property
    def _template(self) -> str:
        return "digest" if self.lines else "alert"


def compose(message: Message, sender: str) -> tuple[Letter, EmailMessage, bytes]:
    """Return a message as a letter, as a mail, and as the bytes of that mail.

    Raises
    ------
    Permanent
        It cannot be written, and never will be.
    """
    try:
        letter = word(message.content, message.alert_id, links=message.links, line_links=message.line_links)
        written = mail(
            letter,
            message.content,
            alert_id=message.alert_id,
            sender=sender,
            recipient=message.recipient,
            created_at=message.created_at,
            links=message.links,
        )
        return letter, written, written.as_bytes()
    except (ValueError, KeyError, IndexError, UnicodeError) as error:
        raise Permanent(
            f"alert {message.alert_id}", expected="a message that can be written", got=str(error)
        ) from error


def word(
    content: Envelope,
    alert_id: int,
    *,
    links: Mapping[str, str] = NO_LINKS,
    line_links: Mapping[int, Mapping[str, str]] = NO_LINES,
    chart_address: str = f"cid:{CHART}",
) -> Letter:
    """Word a message.

    `links` are the addresses of its buttons by purpose, `line_links` those of each line of a digest by its case;
    `chart_address` is what the HTML names as the picture's.
    """
    if isinstance(content, Digest):
        words, lines = digest_view(content, links, line_links)
        return Letter(words, chart_address, lines=tuple(lines))
    if isinstance(content, Notice):
        words = notice_view(content, alert_id)
    elif isinstance(content, Content):
        words = view(content, alert_id, links)
    elif isinstance(content, ActionContent):
        words = reminder_view(content, alert_id)
    elif isinstance(content, StageNews):
        words = stage_view(content, alert_id)
    elif isinstance(content, KpiNews):
        words = kpi_view(content, alert_id)
    elif isinstance(content, ReportNews):
        words = report_view(content, alert_id)
    else:
        raise TypeError(f"no words for {type(content).__name__}")
    if isinstance(content, Content) and words.chart and content.threshold is not None:
        scores = tuple((past.as_of_date, past.probability) for past in content.history)
        return Letter(words, chart_address, scores, content.threshold)
    return Letter(words, chart_address)


def mail(
    letter: Letter,
    content: Envelope,
    *,
    alert_id: int,
    sender: str,
    recipient: str,
    created_at: datetime,
    links: Mapping[str, str] = NO_LINKS,
) -> EmailMessage:
    """Return the message to send; everything in it follows from the outbox row, so that a repeat is recognised.

    A mail program that offers to unsubscribe posts to the link (RFC 8058): its reader gets mails of high cases alone.

    Raises
    ------
    ValueError
        Sender or recipient is no address.
    """
    message = EmailMessage(policy=_POLICY)
    domain = domain_of(sender)
    message["From"] = _address(sender)
    message["To"] = _address(recipient, content.reader_name)
    message["Subject"] = _unencoded(letter.view.subject)
    message["Date"] = format_datetime(created_at)
    message["Message-ID"] = message_id(content.key, domain)
    if content.thread_key:
        message["In-Reply-To"] = message_id(content.thread_key, domain)
        message["References"] = message_id(content.thread_key, domain)
    message["List-Id"] = f"<alerts.forewarn.{domain}>"
    if "fewer_mails" in links:
        message["List-Unsubscribe"] = f"<{links['fewer_mails']}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Forewarn-Alert"] = str(alert_id)
    if content.case_id is not None:
        message["X-Forewarn-Case"] = str(content.case_id)
    message["X-Forewarn-Level"] = letter.view.level
    message.set_content(letter.text, cte="base64" if not letter.text.isascii() else "quoted-printable")
    message.add_alternative(letter.html, subtype="html", cte="base64")
    if letter.chart is not None:
        page = message.get_payload()[1]  # type: ignore[index]
        page.add_related(  # type: ignore[union-attr]
            letter.chart, "image", "png", cid=f"<{CHART}>", filename=CHART, disposition="inline"
        )
    if isinstance(content, ReportNews):
        message.add_attachment(
            base64.b64decode(content.pdf), maintype="application", subtype="pdf", filename=content.file_name
        )
    # Last, since a message that takes a further part gives its Content-* headers to the one that it has.
    message["Content-Language"] = letter.view.language
    # A boundary that the library draws by chance would make the repeat differ from the first message.
    for number, part in enumerate(part for part in message.walk() if part.is_multipart()):
        part.set_boundary(f"=_{content.key}_{number}")
    return message


class _Headers(HeaderRegistry):
    """Makes the class of a kind of header once, and not for each of the thirty headers of a mail."""

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[str, type] = {}

    def __getitem__(self, name: str) -> type:
        if name not in self._made:
            self._made[name] = super().__getitem__(name)
        return self._made[name]


class _Whole(UnstructuredHeader):
    """A header of one address: the library would break a long one up into encoded words, which nobody reads."""

    max_count = 1

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"  # type: ignore[attr-defined]


_HEADERS = _Headers()
_HEADERS.map_to_type("list-unsubscribe", _Whole)  # type: ignore[arg-type]
_POLICY = SMTP.clone(header_factory=_HEADERS)


def message_id(key: str, domain: str) -> str:
    """Return the Message-ID of a key."""
    return f"{message_id_begins(key)}{domain}>"


def message_id_begins(key: str) -> str:
    """Return how the Message-ID of a key begins, whatever the sender's domain."""
    return f"<alert.{key}@"


def domain_of(sender: str) -> str:
    """Return the domain of a sender's address."""
    return parseaddr(sender)[1].rpartition("@")[2] or "localhost"


def _unencoded(text: str) -> str:
    """Break up what a mail reader would take for an encoded word: a name is never decoded into another."""
    return text.replace("=?", "= ?")


def _address(text: str, name: str | None = None) -> Address:
    own_name, address = parseaddr(one_line(text))
    user, at, domain = address.rpartition("@")
    if not at or not user or not domain:
        raise ValueError(f"{text!r} is no address")
    return Address(_unencoded(one_line(name or own_name, 80)), user, domain)


@lru_cache(maxsize=2)
def _html_template(name: str) -> Template:
    import mrml

    rendered = str(mrml.to_html((TEMPLATES / f"{name}.mjml").read_text(encoding="utf-8")).content)
    # mrml escapes quotes in attributes, and Jinja would read `&quot;` inside braces as it stands.
    parts = rendered.split("{{")
    unescaped = [
        parts[0],
        *("}}".join([html.unescape(part.split("}}", 1)[0]), part.split("}}", 1)[1]]) for part in parts[1:]),
    ]
    return Environment(autoescape=True, undefined=StrictUndefined).from_string("{{".join(unescaped))


@lru_cache(maxsize=2)
def _text_template(name: str) -> Template:
    environment = Environment(autoescape=False, undefined=StrictUndefined, trim_blocks=False)  # noqa: S701 - plain text
    return environment.from_string((TEMPLATES / f"{name}.txt.j2").read_text(encoding="utf-8"))
