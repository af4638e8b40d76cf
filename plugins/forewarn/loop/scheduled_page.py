"""A report of reports.yml in one language: what was counted, and what was out of the ordinary."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from forewarn.alerts.language import Language
from forewarn.alerts.metrics import Unit
from forewarn.config.project import Project
from forewarn.loop.anomalies import Anomaly
from forewarn.loop.company_figures import FIGURES
from forewarn.loop.figures import Asked
from forewarn.loop.page import Page, Section, Table
from forewarn.loop.report_plan import Kind, Period
from forewarn.loop.sections import Counted, Shown

HERE = Path(__file__).parent
# What each report tells of the company's figures; the report of anomalies tells all.
OF_REPORT: Mapping[Kind, frozenset[str]] = {
    "sales": frozenset(
        ("orders", "revenue", "leads", "churn_rate", "recurring_value", "lead_conversion_rate", "win_rate")
    ),
    "service": frozenset(("tickets", "complaints", "satisfied", "interactions", "returns", "csat", "usage")),
    "finance": frozenset(("revenue", "payments", "returns", "recurring_value", "dso_days", "churn_rate")),
    "data": frozenset(one.name for one in FIGURES if "day" in one.grains),
    "anomalies": frozenset(one.name for one in FIGURES),
}
_UNITS: Mapping[str, Unit] = {one.name: one.unit for one in FIGURES}


@dataclass(frozen=True)
class Found:
    """What a report has to tell: the rows of each of its sections, and what was noticed in its period."""

    kind: Kind
    period: Period
    counted: Sequence[tuple[Counted, Asked]]
    anomalies: Sequence[Anomaly]
    anomalies_sql: str


def scheduled_page(found: Found, project: Project, locale: str, *, as_of_date: date) -> Page:
    """Return a report; `as_of_date` is the newest published day."""
    words = _Words(Language(locale, HERE / "languages"), project)
    say = words.say
    about = words.period(found.period)
    sections = [
        Section(words.text("short"), tuple(words.short(found))),
        words.unusual(found),
        *(words.section(one, asked) for one, asked in found.counted),
    ]
    return Page(
        language=say.tag,
        title=words.text("title", found.kind, period=about),
        subtitle=words.text("subtitle", company=project.company, date=say.date(as_of_date)),
        sections=tuple(sections),
        sql_label=say.text("monthly", "sql"),
        sql_help=say.text("monthly", "sql_help"),
        footer=say.text("monthly", "footer", company=project.company),
    )


class _Words:
    def __init__(self, say: Language, project: Project) -> None:
        self.say, self.project = say, project
        self.nothing = say.text("monthly", "none")

    def text(self, *path: str, **values: str) -> str:
        return self.say.text("scheduled", *path, **values)

    def period(self, period: Period) -> str:
        """Return what a report is about: a day, a week or a month."""
        if period.every == "month":
            return self.say.month(period.since)
        return self.text("period", period.every, date=self.say.date(period.since))

    def short(self, found: Found) -> list[str]:
        """Return the report in some sentences: a sentence of each section, and every anomaly."""
        said = [self._said(one, asked) for one, asked in found.counted]
        return [*said, *self._anomalies(found)]

    def unusual(self, found: Found) -> Section:
        """Return what was out of the ordinary, with who moves it."""
        columns = ("figure", "since", "seen", "expected", "usual", "segments", "state")
        rows = [
            (
                self._name(one),
                self.say.date(one.since),
                self._figure(one, one.seen),
                self._figure(one, one.expected),
                self._range(one),
                self._segments(one),
                self._state(one),
            )
            for one in found.anomalies
        ]
        table = Table(tuple(self.text("unusual", name) for name in columns), tuple(rows)) if rows else None
        said = self.text("unusual", "explained" if rows else "none")
        return Section(self.text("unusual", "title"), (said,), table, (found.anomalies_sql,))

    def section(self, counted: Counted, asked: Asked) -> Section:
        """Return the rows of a query as they are read."""
        columns = tuple(self.text("columns", name) for name in counted.columns)
        shown = [
            tuple(self._shown(value, kind) for value, kind in zip(row, counted.columns.values(), strict=True))
            for row in asked.rows
        ]
        table = Table(columns, tuple(shown)) if shown else None
        return Section(self.text("section", counted.name), (self._said(counted, asked),), table, (asked.sql,))

    def _said(self, counted: Counted, asked: Asked) -> str:
        if not asked.rows:
            return self.text("empty", counted.name)
        values: dict[str, str] = {"rows": self.say.number(len(asked.rows))}
        for place, (name, kind) in enumerate(counted.columns.items()):
            told = [row[place] for row in asked.rows if row[place] is not None]
            if counted.summed and kind in ("count", "money"):
                values[name] = self._shown(sum(told), kind)
            else:
                values[name] = self._shown(asked.rows[0][place], kind)
        return self.text("said", counted.name, **values)

    def _anomalies(self, found: Found) -> list[str]:
        if not found.anomalies:
            return [self.text("unusual", "none")]
        return [
            self.text(
                "unusual",
                "one",
                figure=self._name(one),
                when=self.text("when", one.grain, date=self._period(one)),
                seen=self._figure(one, one.seen),
                expected=self._figure(one, one.expected),
                usual=self._range(one),
                since=self.say.date(one.since),
                segments=self._segments(one),
            )
            for one in found.anomalies
        ]

    def _period(self, one: Anomaly) -> str:
        return self.say.month(one.period) if one.grain == "month" else self.say.date(one.period)

    def _name(self, one: Anomaly) -> str:
        return self.text("figure", one.figure)

    def _figure(self, one: Anomaly, value: float) -> str:
        return self._shown(value, _SHOWN[_UNITS[one.figure]])

    def _range(self, one: Anomaly) -> str:
        low, high = max(one.usual_from, 0.0), one.usual_to
        if _UNITS[one.figure] == "share":
            high = min(high, 1.0)
        return self.text("unusual", "range", low=self._figure(one, low), high=self._figure(one, high))

    def _segments(self, one: Anomaly) -> str:
        if not one.segments:
            return self.text("unusual", "everywhere")
        return self.text("unusual", "list").join(self._segment(one, member) for member in one.segments)

    def _segment(self, one: Anomaly, member: Mapping[str, Any]) -> str:
        seen, expected = (
            self.nothing if member[name] is None else self._figure(one, member[name]) for name in ("seen", "expected")
        )
        dimension = self.text("dimension", member["dimension"])
        return self.text(
            "unusual", "segment", dimension=dimension, member=str(member["member"]), seen=seen, expected=expected
        )

    def _state(self, one: Anomaly) -> str:
        if one.over_as_of is None:
            return self.text("unusual", "goes_on")
        return self.text("unusual", "over", date=self.say.date(one.over_as_of))

    def _shown(self, value: Any, kind: Shown) -> str:
        if value is None:
            return self.nothing
        shown: Mapping[Shown, Callable[[], str]] = {
            "text": lambda: str(value),
            "count": lambda: self.say.number(round(float(value))),
            "money": lambda: self.say.money(float(value), self.project.currency),
            "share": lambda: self.say.percent(float(value), digits=1),
            "days": lambda: self.say.days(float(value)),
            "day": lambda: self.say.date(value),
            "month": lambda: self.say.month(value),
        }
        return shown[kind]()


_SHOWN: Mapping[Unit, Shown] = {"count": "count", "money": "money", "share": "share", "days": "days"}
