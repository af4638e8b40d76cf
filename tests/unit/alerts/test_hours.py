"""When a message may go: by the reader's clock, once, through changes of clocks, and never lost."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forewarn.alerts.hours import Hours, Timetable, zone_of
from forewarn.config.contact import WEEKDAYS, Digest, Holidays, QuietHours
from forewarn.config.project import Project, load_project

CONFIG = Path(__file__).parents[3] / "config"
BERLIN = ZoneInfo("Europe/Berlin")
# Changes at midnight, by half an hour, on other days than elsewhere, none at all, and a day that was left out.
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Shanghai", "Pacific/Apia"]
MINUTE = timedelta(minutes=1)


def quiet(begin: str, end: str) -> QuietHours:
    return QuietHours.model_validate({"from": begin, "to": end})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


EVENINGS = Hours(BERLIN, quiet("18:00", "08:00"))
OFFICE = Hours(BERLIN, quiet("18:00", "08:00"), frozenset(range(5)), frozenset({date(2026, 12, 25)}), time(8))


@pytest.fixture
def company() -> Project:
    project = load_project(CONFIG)
    alerts = {
        "quiet_hours": quiet("18:00", "08:00"),
        "working_days": list(WEEKDAYS),
        "holidays": None,
        "digest": Digest(),
    }
    return project.model_copy(update={"alerts": project.alerts.model_copy(update=alerts)})


hours = st.builds(
    Hours,
    st.sampled_from(ZONES).map(ZoneInfo),
    st.none()
    | st.lists(st.times().map(lambda at: at.replace(second=0, microsecond=0)), min_size=2, max_size=2, unique=True).map(
        lambda pair: quiet(f"{pair[0]:%H:%M}", f"{pair[1]:%H:%M}")
    ),
    st.frozensets(st.integers(0, 6), min_size=1),
    st.frozensets(st.dates(date(2011, 12, 25), date(2012, 1, 5)), max_size=3),
    st.none() | st.times().map(lambda at: at.replace(second=0, microsecond=0)),
)
moments = st.one_of(
    *(
        st.datetimes(datetime.fromisoformat(first), datetime.fromisoformat(last)).map(
            lambda moment: moment.replace(second=0, microsecond=0, tzinfo=UTC)
        )
        # Around changes of clocks, and around the day that Samoa left out.
        for first, last in [
            ("2026-03-06", "2026-03-10"),
            ("2026-03-27", "2026-04-06"),
            ("2026-04-22", "2026-04-26"),
            ("2026-10-02", "2026-11-03"),
            ("2011-12-28", "2012-01-02"),
        ]
    )
)


def allowed(these: Hours, moment: datetime) -> bool:
    """The same question asked again, of a wall clock alone."""
    wall = moment.astimezone(these.zone)
    if wall.weekday() not in these.working or wall.date() in these.holidays:
        return False
    if these.quiet is None:
        return True
    begin, end, at = these.quiet.begin, these.quiet.end, wall.time()
    return not (begin <= at < end if begin < end else not end <= at < begin)


@pytest.mark.parametrize(
    ("now", "go_at", "why"),
    [
        ("2026-11-16T07:00", "2026-11-16T07:00", ""),
        ("2026-11-16T06:59", "2026-11-16T07:00", "quiet hours from 18:00 to 08:00: may go 2026-11-16 08:00"),
        ("2026-11-16T17:00", "2026-11-17T07:00", "quiet hours from 18:00 to 08:00: may go 2026-11-17 08:00"),
        ("2026-11-20T17:30", "2026-11-23T07:00", "quiet hours from 18:00 to 08:00: may go 2026-11-23 08:00"),
        ("2026-11-21T10:00", "2026-11-23T07:00", "saturday is no working day: may go 2026-11-23 08:00"),
        ("2026-12-25T10:00", "2026-12-28T07:00", "2026-12-25 is a holiday: may go 2026-12-28 08:00"),
    ],
)
@pytest.mark.capability("C37")
def test_what_may_not_go_goes_at_the_first_minute_that_may(now: str, go_at: str, why: str) -> None:
    said = f"{why} Europe/Berlin" if why else ""
    assert OFFICE.may_go(utc(now), created_at=utc(now)) == (utc(go_at), said)


@pytest.mark.parametrize(
    ("written", "now", "go_at"),
    [
        ("2026-11-16T05:00", "2026-11-16T05:00", "2026-11-16T07:00"),
        ("2026-11-16T07:00", "2026-11-16T07:00", "2026-11-16T07:00"),
        ("2026-11-16T09:00", "2026-11-16T09:00", "2026-11-17T07:00"),
        ("2026-11-20T09:00", "2026-11-20T09:00", "2026-11-23T07:00"),
        ("2026-11-16T05:00", "2026-11-16T12:00", "2026-11-16T12:00"),
        ("2026-11-16T05:00", "2026-11-16T20:00", "2026-11-17T07:00"),
    ],
)
def test_a_digest_is_due_at_its_hour_and_late_it_goes_as_soon_as_it_may(written: str, now: str, go_at: str) -> None:
    assert OFFICE.may_go(utc(now), created_at=utc(written), in_digest=True)[0] == utc(go_at)


def test_51_a_skipped_hour_ends_the_quiet_at_the_change_of_clocks() -> None:
    # On 29 March the clocks go from 02:00 to 03:00, which is 01:00 UTC.
    nights = Hours(BERLIN, quiet("22:00", "02:30"))
    assert nights.may_go(utc("2026-03-29T00:59"), created_at=utc("2026-03-29T00:59"))[0] == utc("2026-03-29T01:00")
    assert nights.may_go(utc("2026-03-29T01:00"), created_at=utc("2026-03-29T01:00"))[1] == ""


def test_51_an_hour_that_comes_twice_is_quiet_twice_where_the_clock_says_so() -> None:
    # On 25 October the clocks go from 03:00 back to 02:00, which is 01:00 UTC.
    nights = Hours(BERLIN, quiet("22:00", "02:30"))
    for now, go_at in [("00:10", "00:30"), ("00:45", "00:45"), ("01:10", "01:30"), ("01:30", "01:30")]:
        moment = utc(f"2026-10-25T{now}")
        assert nights.may_go(moment, created_at=moment)[0] == utc(f"2026-10-25T{go_at}")


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_51_a_digest_of_the_hour_that_is_skipped_or_repeated_is_due_once_that_day(day: str) -> None:
    early = Hours(BERLIN, digest=time(2, 30))
    start = utc(f"{day}T00:00") - timedelta(hours=2)
    due = {early.may_go(one, created_at=one, in_digest=True)[0] for one in (start + MINUTE * n for n in range(24 * 60))}
    here = [one for one in due if one.astimezone(BERLIN).date().isoformat() == day]
    assert len(here) == 1


@given(hours, moments)
def test_51_it_goes_at_the_first_minute_that_a_wall_clock_allows(these: Hours, now: datetime) -> None:
    go_at, why = these.may_go(now, created_at=now)
    assert allowed(these, go_at)
    assert (why == "") == (go_at == now) == allowed(these, now)
    # Minute by minute for a while, and then by quarters: nothing allowed was passed over.
    near = min(go_at, now + timedelta(hours=2))
    assert not any(allowed(these, now + MINUTE * n) for n in range(int((near - now) / MINUTE)))
    assert not any(allowed(these, now + MINUTE * 15 * n) for n in range(-(int((go_at - now) / MINUTE) // -15)))


@given(hours, moments, st.integers(0, 3 * 24 * 60))
def test_50_whatever_the_clock_says_next_a_digest_is_neither_early_nor_moved(
    these: Hours, written: datetime, minutes: int
) -> None:
    due, _ = these.may_go(written, created_at=written, in_digest=True)
    later = written + MINUTE * minutes
    go_at, why = these.may_go(later, created_at=written, in_digest=True)
    assert go_at >= max(due, later)
    assert allowed(these, go_at)
    assert (go_at == due) if later <= due else (why == "") == allowed(these, later)
    if these.digest is not None:
        # A clock that has been set back asks again, and is told the same moment.
        assert these.may_go(written - timedelta(hours=1), created_at=written, in_digest=True)[0] == due


def test_readers_have_the_hours_of_their_own_zone_and_others_those_of_the_company(company: Project) -> None:
    timetable = Timetable(company)
    now = utc("2026-11-16T06:30")
    assert timetable.of(None).may_go(now, created_at=now)[0] == utc("2026-11-16T07:00")
    assert timetable.of("Asia/Shanghai").may_go(now, created_at=now)[1] == ""
    assert timetable.of("Berlin time").may_go(now, created_at=now)[0] == utc("2026-11-16T07:00")
    assert zone_of("Berlin time") is None


@pytest.mark.parametrize(("subdivision", "is_free"), [("BE", True), ("BY", False)])
def test_holidays_are_those_of_a_country_and_its_part_and_ones_own(
    company: Project, subdivision: str, is_free: bool
) -> None:
    # International Women's Day is a holiday in Berlin, and none in Bavaria.
    free = Holidays(country="DE", subdivision=subdivision, days=[date(2027, 3, 10)])
    alerts = company.alerts.model_copy(update={"holidays": free})
    these = Timetable(company.model_copy(update={"alerts": alerts})).of(None)
    for day, expected in [("2027-03-08", is_free), ("2027-03-09", False), ("2027-03-10", True)]:
        noon = utc(f"{day}T11:00")
        assert (these.may_go(noon, created_at=noon)[1] != "") is expected
