"""Messages that are not about a case, in both languages, held by golden files like the others."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from golden_files import hold

from forewarn.alerts.content import ActionContent, Affected, Envelope, Notice, Said
from forewarn.alerts.letter import word
from forewarn.alerts.news import Figure, KpiNews, StageNews
from forewarn.alerts.outbox import OVERDUE, REMINDER

DAY = date(2026, 11, 16)
SINCE = datetime(2026, 11, 14, 3, 30, tzinfo=UTC)
READER = {"as_of_date": DAY, "company": "Meridian Supply", "key": "0123456789abcdef01234567"}
TASK = {
    "external_id": "t7",
    "task_id": 7,
    "customer_id": "c1",
    "customer": "Northwind Traders",
    "role": "finance",
    "step": "dunning",
    "text": "Agree on a plan for the two oldest invoices.",
    "due_on": date(2026, 11, 12),
    "owner_name": "Jonas Reuter",
    "level": "high",
    "expected_loss": 72_160.56,
    "currency": "USD",
}


def _messages(locale: str) -> dict[str, Envelope]:
    told = READER | {"locale": locale, "reader_name": "Ana Weber"}
    late = Affected(stream="tickets", kind="late", since=SINCE, arrived_at=SINCE, promise_hours=26)
    blocked = Affected(
        stream="orders",
        kind="blocked",
        since=SINCE,
        arrived_at=None,
        promise_hours=None,
        reason="column total: no such column",
    )
    stopped = Affected(
        stream="2026-11-16",
        kind="stopped",
        since=SINCE,
        arrived_at=None,
        promise_hours=None,
        reason="913 cases are too many",
    )
    operations = told | {"why": "operations"}
    return {
        "reminder": ActionContent(
            **told, **TASK | {"role": "account_manager", "level": None}, action=REMINDER, why="owner"
        ),
        "overdue": ActionContent(
            **told,
            **TASK,
            action=OVERDUE,
            why="escalated",
            refused_by="jonas.reuter@meridian.example",
            reasons=[Said(title="Invoices overdue", text="$9,699 overdue, the oldest for 42 days.")],
        ),
        "late": Notice(
            **operations,
            source="helpdesk",
            streams=[late],
            features=["open_tickets", "complaints_30d"],
            rules=["complaint_spike"],
            cases=3,
        ),
        "blocked": Notice(**operations, source="erp", streams=[blocked], advice="correct the mapping or the source"),
        "over": Notice(**operations, source="helpdesk", streams=[late], over=True),
        "stopped": Notice(**operations, source="forewarn", streams=[stopped]),
        "stage": StageNews(
            **told,
            why="owner",
            customer_id="c1",
            customer="Northwind Traders",
            stage="at_risk",
            previous_stage="active",
            previous_as_of=date(2026, 11, 13),
            silent_days=74,
            value_at_stake=116_388,
            currency="USD",
            owner_name="Ana Weber",
        ),
        "kpi": KpiNews(
            **told,
            why="team",
            kpi="contractual_nrr",
            unit="share",
            currency="USD",
            side="below",
            limit=0.95,
            history=[
                Figure(month=date(2026, month, 1), figure=share) for month, share in ((8, 1.01), (9, 0.98), (10, 0.91))
            ],
        ),
    }


@pytest.mark.parametrize("locale", ["en", "zh_CN"])
@pytest.mark.parametrize("kind", ["reminder", "overdue", "late", "blocked", "over", "stopped", "stage", "kpi"])
def test_text_and_html_are_as_agreed(kind: str, locale: str) -> None:
    letter = word(_messages(locale)[kind], 17)
    name = kind if locale == "en" else f"{kind}_chinese"
    hold(f"{name}.txt", f"Subject: {letter.view.subject}\n\n{letter.text}")
    hold(f"{name}.html", letter.html)
