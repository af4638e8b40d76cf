"""Decisions that need neither database nor clock."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from forewarn.alerts.addresses import is_address
from forewarn.alerts.case_plan import Known, case_reasons, plan
from forewarn.alerts.channel import ChannelDown
from forewarn.alerts.levels import Level, Route, combined
from forewarn.alerts.plain import one_line, slug
from forewarn.alerts.signals import Signal
from forewarn.alerts.verdict import LONGEST_WAIT, MOST_ATTEMPTS, failed, wait
from forewarn.errors import DeliveryFailed, DeliveryRejected, DeliveryUnknown, Permanent

DAY = date(2026, 11, 16)
NOW = datetime(2026, 11, 16, 6, tzinfo=UTC)


def signal(
    name: str, level: Level = "medium", family: str | None = None, route: Route = "account_manager", **evidence: Any
) -> Signal:
    if family:
        evidence |= {"family": family, "texts": {"en": {"title": name, "text": name}}}
    return Signal("c1", name, "1", level, route, name, evidence)


def known_case(state: str = "open", level: Level = "medium", updated: int = 1) -> Known:
    return Known(1, 1, state, level, DAY - timedelta(days=updated), ("account_manager",))


@pytest.mark.capability("C15", "C32")
@pytest.mark.parametrize(
    ("levels", "together"),
    [
        (["low"], "low"),
        (["medium"], "medium"),
        (["high"], "high"),
        (["low", "low"], "medium"),
        (["low", "medium"], "high"),
        (["low", "low", "low"], "medium"),
        (["high", "low"], "high"),
    ],
)
def test_two_signals_or_more_raise_the_level_one_step(levels: list[Level], together: Level) -> None:
    assert combined(levels) == together


@pytest.mark.capability("C15")
def test_one_weak_signal_is_watched_and_reaches_a_person_once_a_second_joins_it() -> None:
    alone = plan(None, [signal("spend_drop", "low")], DAY)
    assert (alone.action, alone.level, alone.told) == ("open", "low", ())
    assert "watched" in alone.reason
    joined = plan(known_case(level="low"), [signal("spend_drop", "low"), signal("complaint_spike")], DAY)
    assert (joined.action, joined.level, joined.told) == ("raise", "high", ("account_manager",))


@pytest.mark.capability("C15")
def test_a_score_and_overdue_invoices_escalate_together() -> None:
    score, overdue = signal("model"), signal("overdue", route="finance")
    both = plan(None, [overdue, score], DAY)
    assert (both.level, both.routes, both.told) == ("high", ("account_manager", "finance"), both.routes)
    stronger = plan(None, [score, signal("overdue", "high", route="finance")], DAY)
    assert stronger.routes == ("finance", "account_manager")
    # Whoever heard of the case hears that it got worse, also when the signal is somebody else's.
    raised = plan(known_case(), [signal("overdue", "high", route="finance")], DAY)
    assert (raised.action, raised.told) == ("raise", ("finance", "account_manager"))


def test_a_route_that_joins_at_the_same_level_hears_of_the_case_once() -> None:
    overdue = [signal("model"), signal("overdue", route="finance")]
    joined = plan(known_case(level="high"), overdue, DAY)
    assert (joined.action, joined.level, joined.told) == ("join", "high", ("finance",))
    assert joined.reason == "level stays high, finance joined; 2 signals: model, overdue"
    known = Known(1, 1, "open", "high", DAY, joined.routes)
    later = plan(known, overdue[1:], DAY + timedelta(days=1))
    assert (later.action, later.routes, later.told) == ("refresh", ("account_manager", "finance"), ())
    watched = plan(known_case(level="low"), [signal("overdue", "low", route="finance")], DAY)
    assert (watched.action, watched.told) == ("join", ())


def test_no_signal_has_no_level() -> None:
    with pytest.raises(ValueError, match="no signal has no level"):
        combined([])


@pytest.mark.parametrize(
    ("state", "level", "updated", "action"),
    [
        ("open", "medium", 1, "refresh"),
        ("open", "low", 1, "raise"),
        ("open", "high", 1, "refresh"),
        ("open", "low", 0, "leave"),
        ("open", "low", -1, "leave"),
        ("closed", "high", 1, "open"),
        ("closed", "high", 0, "leave"),
    ],
)
def test_what_a_medium_signal_does_to_a_case(state: str, level: Level, updated: int, action: str) -> None:
    assert plan(known_case(state, level, updated), [signal("a")], DAY).action == action


def test_reasons_are_three_of_distinct_families_rules_by_level_first() -> None:
    model = [{"family": name, "text": name} for name in ("service", "spend", "usage", "breadth")]
    rules = [signal("low one", "low", "finance"), signal("high one", "high", "spend")]
    reasons = case_reasons([signal("model", reasons=model), *rules], "account_manager")
    assert [reason["family"] for reason in reasons] == ["spend", "finance", "service"]
    assert "texts" in reasons[0]


@pytest.mark.parametrize(
    ("route", "families"),
    [("account_manager", ["usage", "service", "finance"]), ("finance", ["finance", "usage", "service"])],
)
def test_a_readers_own_reasons_come_first_and_the_others_are_there(route: Route, families: list[str]) -> None:
    model = [{"family": name, "text": name} for name in ("service", "spend", "breadth")]
    signals = [signal("overdue", "high", "finance", "finance"), signal("idle", "low", "usage")]
    reasons = case_reasons([signal("model", reasons=model), *signals], route)
    assert [reason["family"] for reason in reasons] == families


@pytest.mark.parametrize(
    ("error", "attempts", "state", "outcome"),
    [
        (DeliveryFailed("451"), 1, "retry", "retry"),
        (DeliveryFailed("451"), MOST_ATTEMPTS, "dead", "dead"),
        (ChannelDown("refused"), MOST_ATTEMPTS + 3, "retry", "retry"),
        (DeliveryRejected("550"), 1, "dead", "dead"),
        (Permanent("unwritable"), 1, "dead", "dead"),
        (DeliveryUnknown("no answer"), 1, "retry", "unknown"),
        (DeliveryUnknown("no answer"), MOST_ATTEMPTS, "unknown", "unknown"),
        (RuntimeError("a bug"), 1, "retry", "retry"),
    ],
)
def test_what_an_error_means_for_its_message(error: Exception, attempts: int, state: str, outcome: str) -> None:
    verdict = failed(error, attempts=attempts, now=NOW, repeat_when_unknown=True)
    assert (verdict.state, verdict.outcome) == (state, outcome)
    assert verdict.pass_on is isinstance(error, DeliveryRejected)
    assert (verdict.next_attempt_at is not None) is (state == "retry")


def test_a_channel_that_cannot_tell_a_repeat_leaves_the_unknown_to_a_person() -> None:
    verdict = failed(DeliveryUnknown("no answer"), attempts=1, now=NOW, repeat_when_unknown=False)
    assert (verdict.state, verdict.next_attempt_at) == ("unknown", None)
    assert verdict.reason.endswith("Ask the reader whether it came")


def test_waits_double_up_to_six_hours() -> None:
    assert [wait(attempts).total_seconds() / 60 for attempts in (1, 2, 3, 4)] == [1, 2, 4, 8]
    assert wait(30) == LONGEST_WAIT


@pytest.mark.parametrize(
    ("text", "longest", "line"),
    [
        ("a\r\nb\tc\x00d", 50, "a b c d"),
        ("  spaced   out  ", 50, "spaced out"),
        ("北风贸易有限公司", 5, "北风贸易…"),
        ("cafe\u0301s", 5, "caf…"),
        ("👩\u200d👩\u200d👧 x", 4, "…"),
        ("a\u2028b", 50, "a b"),
        ("\u202eabc\u2066", 50, "abc"),
        ("lone \ud800 half", 50, "lone half"),
    ],
)
def test_one_line(text: str, longest: int, line: str) -> None:
    assert one_line(text, longest) == line


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Northwind Traders", "northwind-traders"),
        ("../../etc/passwd", "etc-passwd"),
        ("北风 贸易", "北风-贸易"),
        ("…", "customer"),
    ],
)
def test_a_slug_is_a_safe_file_name(text: str, name: str) -> None:
    assert slug(text) == name


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("ana@meridian.example", True),
        ("ana+risk@meridian.example", True),
        ("安娜@例子.example", True),
        ("receivables@localhost", True),
        (None, False),
        ("", False),
        ("ana", False),
        ("ana@meridian.example, bob@meridian.example", False),
        ("Ana <ana@meridian.example>", False),
        ("ana@meridian.example\r\nRCPT TO:<eve@example.com>", False),
        ("a@" + "x" * 300, False),
    ],
)
def test_what_is_an_address(text: str | None, good: bool) -> None:
    assert is_address(text) is good
