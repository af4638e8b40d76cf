"""Pages as HTML: a reader's texts put into the templates, which escape whatever they show."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from forewarn.alerts.answer_links import Link, Purpose, Signer, path
from forewarn.alerts.language import Language
from forewarn.alerts.view import view
from forewarn.workbench.desk import Seen
from forewarn.workbench.refusals import Refused
from forewarn.workbench.rendering import language, render
from forewarn.workbench.visit import PAGES, frame

CHOICES: tuple[Purpose, ...] = (
    *("acknowledge", "contacted", "saved", "lost", "false_alarm", "no_answer", "snooze", "useful"),
)
# What no longer fits once a case is in a state; of a closed one only whether its alert was useful is still asked.
_PAST: dict[str, tuple[Purpose, ...]] = {
    "open": (),
    "acknowledged": ("acknowledge",),
    "in_progress": ("acknowledge", "contacted"),
    "closed": tuple(choice for choice in CHOICES if choice != "useful"),
}


@dataclass(frozen=True)
class Button:
    """One choice: its purpose, what it says, what pressing it does, and where it posts to."""

    purpose: Purpose
    label: str
    means: str
    address: str


def case_page(link: Link, seen: Seen, signer: Signer, *, undone: bool, now: datetime) -> str:
    """Return the page of a case: what is known, and the answers that its state allows, the link's own first."""
    say = language(seen.content.locale)
    chosen = [purpose for purpose in CHOICES if purpose not in _PAST[seen.state]]
    if seen.given is not None and seen.given.kind == "feedback":
        chosen.remove("useful")
    if link.purpose in chosen:
        chosen.sort(key=lambda purpose: purpose != link.purpose)
    buttons = [_button(replace(link, purpose=purpose, event_id=0), say, seen, signer) for purpose in chosen]
    return render(
        "case.html.j2",
        say,
        view=view(seen.content, link.alert_id),
        seen=seen,
        case=say.text("workbench", "case", case=str(link.case_id)),
        state=_state(seen, say),
        first=buttons[0] if link.purpose in chosen else None,
        buttons=buttons[1:] if link.purpose in chosen else buttons,
        done=_done(seen, say),
        undo=_undo(link, seen, say, signer),
        undone=undone and seen.given is None,
        mails=path(replace(link, purpose=_other(seen), event_id=0), signer) if seen.personal else "",
        mails_label=say.text("answer", _other(seen)),
        now=now,
    )


def mail_page(link: Link, seen: Seen, signer: Signer) -> str:
    """Return the page on which a reader says which mails are wanted."""
    say = language(seen.content.locale)
    other = _other(seen)
    return render(
        "mail.html.j2",
        say,
        seen=seen,
        wants=say.text("workbench", "mails_now", seen.wants),
        button=_button(replace(link, purpose=other, event_id=0), say, seen, signer),
        case=path(replace(link, purpose="open", event_id=0), signer),
    )


def refusal_page(refused: Refused, locale: str) -> str:
    """Return the page that says why nothing was done, in the frame of whoever has logged in."""
    say, viewer = language(locale), refused.viewer
    title, text = (say.text("workbench", "error", refused.kind, part) for part in ("title", "text"))
    framed = frame(viewer, "") if viewer else {"viewer": None}
    return render(
        "refusal.html.j2",
        say,
        title=title,
        text=text,
        back=refused.back,
        back_label=_back_label(say, refused.back),
        **framed,
    )


def _back_label(say: Language, back: str) -> str:
    if back == "/":
        return say.text("desk", "to_start")
    if back in PAGES:
        return say.text("desk", "page", back[1:])
    return say.text(*(("desk", "to_customer") if back.startswith("/customers/") else ("workbench", "to_case")))


def _button(link: Link, say: Language, seen: Seen, signer: Signer) -> Button:
    means = say.text("workbench", "means", link.purpose, date=say.date(seen.snooze_until))
    return Button(link.purpose, say.text("answer", link.purpose), means, path(link, signer))


def _other(seen: Seen) -> Purpose:
    return "every_mail" if seen.wants == "high" else "fewer_mails"


def _state(seen: Seen, say: Language) -> str:
    parts = [say.text("workbench", "state", seen.state)]
    if seen.outcome:
        parts.append(say.text("workbench", "outcome", seen.outcome))
    if seen.due_on and seen.state == "open":
        parts.append(say.text("workbench", "due", date=say.date(seen.due_on)))
    if seen.snoozed_until and seen.state != "closed":
        parts.append(say.text("workbench", "snoozed", date=say.date(seen.snoozed_until)))
    return say.text("list_separator").join(parts)


def _done(seen: Seen, say: Language) -> str:
    if seen.given is None:
        return ""
    outcome = say.text("workbench", "outcome", seen.outcome) if seen.outcome else ""
    until = say.date(seen.snoozed_until or seen.snooze_until)
    return say.text("workbench", "done", seen.given.kind, date=until, outcome=outcome)


def _undo(link: Link, seen: Seen, say: Language, signer: Signer) -> dict[str, str] | None:
    if seen.given is None:
        return None
    until = seen.given.until.replace(microsecond=0)
    undo = Link("undo", link.alert_id, link.case_id, until, seen.given.event_id)
    return {"address": path(undo, signer), "help": say.text("workbench", "undo_help", moment=_moment(until, say))}


def _moment(moment: datetime, say: Language) -> str:
    moment = moment.astimezone(UTC)
    day: date = moment.date()
    return say.text("workbench", "moment", date=say.date(day), time=f"{moment:%H:%M}")
