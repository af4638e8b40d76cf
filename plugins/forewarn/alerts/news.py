"""Messages without a case: a customer's other stage, a company figure beyond its bound, a report."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from forewarn.alerts.content import Envelope
from forewarn.alerts.metrics import Unit
from forewarn.config.segments import Stage

# The kinds of these rows of the outbox.
STAGE, KPI, MONTHLY, SCHEDULED = "stage", "kpi", "monthly", "scheduled"


class StageNews(Envelope):
    """One customer's change of stage, to one reader.

    Attributes
    ----------
    previous_as_of
        Day of the publication that had the stage before.
    silent_days
        Days since the last purchase or the end of the last term; None without business yet.
    value_at_stake
        Per year, in `currency`.
    """

    customer_id: str
    customer: str
    stage: Stage
    previous_stage: Stage
    previous_as_of: date
    silent_days: int | None
    value_at_stake: float
    currency: str
    owner_name: str | None = None

    @property
    def about(self) -> str:
        """The customer."""
        return self.customer


class Figure(BaseModel):
    """One month's figure; None where it is unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    month: date
    figure: float | None


class KpiNews(Envelope):
    """One figure of the company that has gone beyond a bound, to one reader.

    Attributes
    ----------
    kpi
        Column of `bi.kpi_monthly`.
    side, limit
        On which side of which value it lies.
    baseline_months
        Of how many months before the limit was made; None where it is stated.
    history
        The months up to the one that is beyond, oldest first.
    """

    kpi: str
    unit: Unit
    currency: str
    side: Literal["above", "below"]
    limit: float
    baseline_months: int | None = None
    history: list[Figure] = Field(min_length=1)

    @property
    def about(self) -> str:
        """The figure."""
        return self.kpi

    @property
    def figure(self) -> float:
        """The figure that is beyond."""
        return self.history[-1].figure or 0.0


class ReportNews(Envelope):
    """A report, to one reader.

    Attributes
    ----------
    sentences
        The report in short.
    pdf
        The whole of it, in base64.
    """

    title: str
    sentences: list[str] = Field(min_length=1)
    file_name: str
    pdf: str


class MonthlyNews(ReportNews):
    """The report of what alerts of a month were worth; `month` is its first day."""

    month: date

    @property
    def about(self) -> str:
        """The month."""
        return f"{self.month:%Y-%m}"


class ScheduledNews(ReportNews):
    """A report of reports.yml: which, and of which period."""

    report: str
    period: str

    @property
    def about(self) -> str:
        """The report and its period."""
        return f"{self.report} {self.period}"
