"""The post-mortem of one leaver: the earliest date, the signal, and why nobody was told."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from forewarn.loop.missed import Candidate, Leaver, examine

GONE, HORIZON = date(2026, 3, 31), 60
FROM = GONE - timedelta(days=HORIZON)
LONG_AGO = date(2020, 1, 1)
LIVE = {FROM + timedelta(days=ahead) for ahead in range(HORIZON)}


def _day(ahead: int) -> date:
    return FROM + timedelta(days=ahead)


def _live(ahead: int, *, level: str = "medium", since: date | None = LONG_AGO) -> Candidate:
    return Candidate(_day(ahead), "spend_drop", "live", level, since)


@pytest.mark.capability("B8")
@pytest.mark.parametrize(
    ("candidates", "ahead", "signal", "why"),
    [
        # The first of all dates counts, and on the same date what was in use.
        ([_live(30), Candidate(_day(9), "quiet", "shadow")], 9, "quiet", "not_in_use"),
        ([Candidate(_day(9), "draft_one", "draft"), _live(9, level="low")], 9, "spend_drop", "low"),
        ([_live(9, since=_day(10))], 9, "spend_drop", "not_in_use"),
        ([Candidate(_day(20), "contractual", "model", above_then=False)], 20, "contractual", "threshold"),
        ([_live(25)], 25, "spend_drop", "kept_back"),
        ([_live(40)], 40, "spend_drop", "not_run"),
        # A day of the horizon is the first, the day before is not, and neither is that on which the customer was gone.
        ([_live(-1), _live(0, level="low")], 0, "spend_drop", "low"),
    ],
)
def test_the_earliest_date_and_why_nobody_was_told(
    candidates: list[Candidate], ahead: int, signal: str, why: str
) -> None:
    leaver = Leaver("c1", GONE, FROM, (FROM,), tuple(candidates), ("other",), ((_day(24), _day(26)),))
    found = examine(leaver, LIVE)
    assert (found.detectable_on, found.signal, found.why) == (_day(ahead), signal, why)
    assert found.reason.startswith(f"{signal} from {_day(ahead)} on: ")


@pytest.mark.capability("B8")
def test_nothing_in_the_data_is_told_from_what_could_not_be_judged() -> None:
    beyond = (_live(-1), _live(HORIZON))
    found = examine(Leaver("c1", GONE, FROM, (FROM, GONE), beyond), LIVE)
    assert (found.detectable_on, found.signal, found.why) == (None, None, "nothing")
    assert found.reason == f"nothing in the data showed it on 2 dates from {FROM}"
    unknown = examine(Leaver("c1", GONE, FROM, (FROM,), beyond, ("complaint_open", "spend_drop")), LIVE)
    assert (unknown.detectable_on, unknown.signal, unknown.why) == (None, "complaint_open, spend_drop", "unknown")


def test_a_date_that_was_not_run_live_warned_nobody() -> None:
    found = examine(Leaver("c1", GONE, FROM, (FROM,), (_live(5),)), LIVE - {_day(5)})
    assert (found.why, found.reason) == ("not_run", f"spend_drop from {_day(5)} on: no live run of that date")
