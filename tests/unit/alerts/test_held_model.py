"""What operations read when the model's scores are held, in both languages."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from forewarn.alerts.content import Affected, Notice
from forewarn.alerts.notice_view import notice_view

SINCE = datetime(2026, 7, 1, 5, 30, tzinfo=UTC)


def _notice(locale: str, *, over: bool = False) -> Notice:
    reason = "drift in 3 features that carry 40% of the scores"
    held = Affected(
        stream="non_contractual", kind="held", since=SINCE, arrived_at=None, promise_hours=None, reason=reason
    )
    return Notice(
        as_of_date=date(2026, 7, 1),
        company="Test",
        locale=locale,
        why="operations",
        key="k",
        source="model",
        streams=[held],
        over=over,
        advice="read ml.watch",
    )


@pytest.mark.capability("B6")
@pytest.mark.parametrize(
    ("locale", "badge", "subject"),
    [
        ("en", "Scores held", "Scores held: model – non_contractual"),
        ("zh_CN", "评分暂停", "评分暂停：model – non_contractual"),
    ],
)
def test_35_operations_read_what_was_seen_and_what_to_do(locale, badge, subject):
    view = notice_view(_notice(locale), 7)
    assert (view.badge, view.subject, view.level) == (badge, subject, "high")
    assert view.reasons == [("non_contractual", "drift in 3 features that carry 40% of the scores")]
    assert "Read ml.watch. " in view.next_step
    assert "`forewarn model train`" in view.next_step
    assert "source test" not in view.next_step


def test_36_operations_hear_when_scores_are_used_again():
    view = notice_view(_notice("en", over=True), 8)
    assert view.level == "low"
    assert "Nothing to do" in view.next_step
