"""When a message may go, by its reader's clock: without a database, and without a clock of its own.

Every answer is an instant. Wall clocks are asked what they show at it, so that an hour that a change of clocks skips or
repeats needs no rule: what would begin in a skipped hour begins at the change, and a digest is due once a day.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from forewarn.config.contact import WEEKDAYS, Holidays, QuietHours
from forewarn.config.project import Project

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


@dataclass(frozen=True)
class Hours:
    """The hours of one reader.

    Attributes
    ----------
    working : frozenset of int
        Days of the week on which they are told, Monday is 0.
    holidays : container of date
        Days on which they are not.
    digest : time or None
        When what is not urgent is due; None is at once.
    """

    zone: ZoneInfo
    quiet: QuietHours | None = None
    working: frozenset[int] = frozenset(range(7))
    holidays: Container[date] = field(default=frozenset())
    digest: time | None = None

    def may_go(self, now: datetime, *, created_at: datetime, in_digest: bool = False) -> tuple[datetime, str]:
        """Return when a message may go, at the earliest `now`, and why not at once; the reason is empty where it may.

        What goes in a digest waits for the first one after it was written.
        """
        if in_digest and self.digest is not None:
            due = self._digest_after(created_at, self.digest)
            if due > now:
                return due, f"waits for the digest, due {self._said(due)}"
        opens = self._opens(now)
        return opens, "" if opens == now else f"{self._closed_by(now)}: may go {self._said(opens)}"

    def _digest_after(self, moment: datetime, at: time) -> datetime:
        first = self._wall(moment).date() - DAY
        due = (self._instant(day, at) for day in (first + DAY * number for number in count()) if self._is_worked(day))
        return self._opens(next(one for one in due if one >= moment))

    def _opens(self, moment: datetime) -> datetime:
        if not self._closed_by(moment):
            return moment
        return next(one for one in self._changes(moment) if one > moment and not self._closed_by(one))

    def _closed_by(self, moment: datetime) -> str:
        """Return why nobody is told at a moment; empty where somebody may be."""
        wall = self._wall(moment)
        if wall.weekday() not in self.working:
            return f"{WEEKDAYS[wall.weekday()]} is no working day"
        if wall.date() in self.holidays:
            return f"{wall.date()} is a holiday"
        if (quiet := self.quiet) is None:
            return ""
        begin, end, at = quiet.begin, quiet.end, wall.time()
        inside = begin <= at < end if begin < end else at >= begin or at < end
        return f"quiet hours from {begin:%H:%M} to {end:%H:%M}" if inside else ""

    def _changes(self, moment: datetime) -> Iterator[datetime]:
        """Yield in order, from before a moment on, each instant at which it may become allowed."""
        walls = [time(0), *([self.quiet.begin, self.quiet.end] if self.quiet else [])]
        first = self._wall(moment).date() - DAY
        for day in (first + DAY * number for number in count()):
            found = {self._instant(day, wall, fold=fold) for wall in walls for fold in (0, 1)}
            yield from sorted(found | set(self._clock_changes(day)))

    def _clock_changes(self, day: date) -> Iterator[datetime]:
        """Yield the instant of a day at which its clocks are changed, to the second."""
        before, after = self._instant(day, time(0)), self._instant(day + DAY, time(0))
        if self._offset(before) == self._offset(after):
            return
        while after - before > SECOND:
            middle = before + (after - before) // 2
            middle = middle.replace(microsecond=0)
            before, after = (middle, after) if self._offset(middle) == self._offset(before) else (before, middle)
        yield after

    def _is_worked(self, day: date) -> bool:
        return day.weekday() in self.working and day not in self.holidays

    def _wall(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone).replace(tzinfo=None)

    def _offset(self, moment: datetime) -> timedelta | None:
        return moment.astimezone(self.zone).utcoffset()

    def _instant(self, day: date, wall: time, fold: int = 0) -> datetime:
        return datetime.combine(day, wall, self.zone).replace(fold=fold).astimezone(UTC)

    def _said(self, moment: datetime) -> str:
        return f"{self._wall(moment):%Y-%m-%d %H:%M} {self.zone.key}"


class Timetable:
    """The hours of all readers of a project, by their time zone; one that is none, or none at all, is the project's."""

    def __init__(self, project: Project) -> None:
        alerts = project.alerts
        self._own = project.time_zone
        self._quiet = alerts.quiet_hours
        self._working = frozenset(WEEKDAYS.index(day) for day in alerts.working_days)
        self._holidays = days_off(alerts.holidays)
        self._digest = alerts.digest.at if alerts.digest else None
        self._known: dict[str | None, Hours] = {}
        self.always = not (self._quiet or self._digest or alerts.holidays) and len(self._working) == len(WEEKDAYS)

    def of(self, time_zone: str | None) -> Hours:
        """Return the hours of readers in a time zone."""
        if time_zone not in self._known:
            zone = zone_of(time_zone) or zone_of(self._own) or ZoneInfo("UTC")
            self._known[time_zone] = Hours(zone, self._quiet, self._working, self._holidays, self._digest)
        return self._known[time_zone]


def zone_of(name: str | None) -> ZoneInfo | None:
    """Return a time zone by its IANA name; None where there is no such one."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def days_off(wanted: Holidays | None) -> Container[date]:
    """Return the holidays of a configuration."""
    if wanted is None:
        return frozenset()
    if wanted.country is None:
        return frozenset(wanted.days)
    from holidays import country_holidays

    known = country_holidays(wanted.country, subdiv=wanted.subdivision)
    known.append(list(wanted.days))
    return known
