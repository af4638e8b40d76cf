"""A task as a message: a reminder after a purchase, or one that is overdue, in the same texts as one about a case."""

from __future__ import annotations

from forewarn.alerts.content import ActionContent
from forewarn.alerts.language import Language
from forewarn.alerts.outbox import OVERDUE, REMINDER
from forewarn.alerts.plain import one_line
from forewarn.alerts.view import Fact, View


def reminder_view(content: ActionContent, alert_id: int) -> View:
    """Return a task's texts in its reader's language."""
    language = Language(content.locale)
    customer, due = one_line(content.customer, 120), language.near_date(content.due_on, content.as_of_date)
    owner, kind = one_line(content.owner_name or "", 120), OVERDUE if content.action == OVERDUE else REMINDER
    return View(
        language=language.tag,
        direction_of_level="•",
        level=content.level or "low",
        badge=language.text(kind, "badge"),
        state=language.text("new"),
        customer=customer,
        summary=language.text(kind, "summary", owner=owner, due=due),
        facts=[Fact(language.text("reminder", "due"), due)],
        chart="",
        chart_alternative="",
        why=language.text("why"),
        reasons=[(one_line(said.title or "", 200), one_line(said.text, 600)) for said in content.reasons],
        next_step_label=language.text("next_step"),
        next_step=one_line(content.text, 600),
        because=language.text(
            "footer",
            content.why,
            customer=customer,
            owner=owner,
            risk=language.text("risk", content.role),
            address=content.refused_by or "",
        ),
        provenance=[
            language.text("footer", "data", date=language.date(content.as_of_date)),
            language.text("footer", "alert", alert=str(alert_id)),
        ],
        subject=one_line(language.text(kind, "subject", customer=customer, due=due), 200),
        loss="",
    )
