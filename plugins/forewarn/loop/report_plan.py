"""`reports.yml`: who gets which report of the company how often, and in which language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, model_validator

from forewarn.alerts.language import CATALOGS
from forewarn.alerts.routing import Routing, load_routing
from forewarn.config.contact import WEEKDAYS, Weekday
from forewarn.config.project import Project
from forewarn.config.yaml import Document
from forewarn.loop.usual import Grain

FILE = "reports.yml"
Kind = Literal["sales", "service", "finance", "data", "anomalies"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Planned(BaseModel):
    """One report for one reader."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    report: Kind
    every: Grain = "week"
    weekday: Weekday = "monday"
    to: str
    locale: str | None = None

    @model_validator(mode="after")
    def _days_are_of_anomalies(self) -> Self:
        if self.every == "day" and self.report != "anomalies":
            raise ValueError("only `anomalies` goes out by the day, and only when there is one")
        if self.weekday != "monday" and self.every != "week":
            raise ValueError("`weekday` is of weekly reports")
        return self

    def newest(self, as_of_date: date) -> Period:
        """Return the newest period that is over, which is every day before `as_of_date` but for the unfinished."""
        if self.every == "day":
            return Period("day", as_of_date - timedelta(days=1), as_of_date)
        if self.every == "week":
            until = as_of_date - timedelta(days=(as_of_date.weekday() - WEEKDAYS.index(self.weekday)) % 7)
            return Period("week", until - timedelta(days=7), until)
        until = as_of_date.replace(day=1)
        return Period("month", (until - timedelta(days=1)).replace(day=1), until)


@dataclass(frozen=True)
class Period:
    """The days `[since, until)` that a report is about."""

    every: Grain
    since: date
    until: date

    @property
    def name(self) -> str:
        """As files and messages name it: a month by its number, anything else by its first day."""
        return f"{self.since:%Y-%m}" if self.every == "month" else f"{self.every}-{self.since}"


class ReportFile(BaseModel):
    """The content of `reports.yml`; without the file nobody gets one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reports: list[Planned] = []


def load_reports(project: Project, routing: Routing) -> list[Planned]:
    """Read `reports.yml` beside the playbooks.

    Raises
    ------
    ConfigError
        With file, line, column and a hint.
    """
    file = project.path(project.playbooks).with_name(FILE)
    if not file.is_file():
        return []
    document = Document(file)
    planned = document.read(ReportFile).reports
    seen: set[tuple[str, str, str]] = set()
    for number, one in enumerate(planned):
        routing.check_reader(one.to, document, ["reports", number, "to"])
        if one.locale is not None and one.locale.replace("-", "_").partition("_")[0] not in CATALOGS:
            known = ", ".join(CATALOGS)
            raise document.error(["reports", number, "locale"], f"no texts in `{one.locale}`", f"there are {known}")
        if (one.report, one.every, one.to) in seen:
            raise document.error(["reports", number, "report"], f"a second report {one.report} to {one.to}")
        seen.add((one.report, one.every, one.to))
    return planned


def check_reports(project: Project) -> None:
    """Read reports.yml before a day begins.

    Raises
    ------
    ConfigError
        As `load_reports`.
    """
    load_reports(project, load_routing(project))
