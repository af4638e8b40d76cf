"""A reminder after a purchase, worded into the same texts as a message about a case."""

from __future__ import annotations

from forewarn.alerts.content import ActionContent
from forewarn.alerts.language import Language
from forewarn.alerts.plain import one_line
from forewarn.alerts.view import Fact, View


def reminder_view(content: ActionContent, alert_id: int) -> View:
    """Return a reminder's texts in its reader's language."""
    language = Language(content.locale)
    customer, due = one_line(content.customer, 120), language.near_date(content.due_on, content.as_of_date)
    return View(
        language=language.tag,
        direction_of_level="•",
        level="low",
        badge=language.text("reminder", "badge"),
        state=language.text("new"),
        customer=customer,
        summary=language.text("reminder", "summary"),
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
            owner=one_line(content.owner_name or "", 120),
            risk=language.text("risk", content.role),
            address=content.refused_by or "",
        ),
        provenance=[
            language.text("footer", "data", date=language.date(content.as_of_date)),
            language.text("footer", "alert", alert=str(alert_id)),
        ],
        subject=one_line(language.text("reminder", "subject", customer=customer, due=due), 200),
        loss="",
    )
