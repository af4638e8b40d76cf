"""`forewarn.yml`: what this company means by churn, whom alerts reach, and where the other files are."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from forewarn.config.contact import (
    WEEKDAYS,
    CircuitBreaker,
    ContactCap,
    Digest,
    Holidays,
    QuietHours,
    TimeZone,
    WorkingDays,
)
from forewarn.config.identity import Identity
from forewarn.config.model import Model
from forewarn.config.readers import Readers
from forewarn.config.retention import Retention
from forewarn.config.segments import Lifecycle, Value
from forewarn.config.yaml import Document

Channel = Literal["file", "email", "webhook", "wecom", "dingtalk", "feishu", "slack", "teams", "sms"]


CoolDown = dict[Literal["saved", "churned", "false_alarm", "no_answer"], Annotated[int, Field(ge=0, le=730)]]


class Churn(BaseModel):
    """The definition of churn.

    Attributes
    ----------
    definition
        `non_contractual`: no purchase within the horizon. `contractual`: the subscription ends within the horizon.
    horizon_days, eligible_days
        Length of the label window after an as-of date, and how recently a customer must have bought to be judged.
    snapshot_days, snapshots
        Spacing and number of the as-of dates that training and evaluation look back to.
    alert_share
        Greatest share of eligible customers whose score is worth an alert; `model` may say costs and capacity as well.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    definition: Literal["non_contractual", "contractual"]
    horizon_days: int = Field(ge=1, le=730)
    eligible_days: int = Field(ge=1, le=730)
    snapshot_days: int = Field(default=30, ge=1, le=365)
    snapshots: int = Field(default=12, ge=1, le=120)
    alert_share: float = Field(default=0.05, gt=0, lt=1)

    def training_dates(self, as_of_date: date) -> list[date]:
        """Return the as-of dates that training looks back to, newest first, all before the given day.

        They stand on a fixed grid of `snapshot_days`, so that the next day's run finds them built already.
        """
        newest = as_of_date - timedelta(days=(as_of_date.toordinal() - 1) % self.snapshot_days + 1)
        return [newest - timedelta(days=self.snapshot_days * back) for back in range(self.snapshots)]


class Alerts(BaseModel):
    """How alerts leave: channels in use, sender, and the day after which an unsent alert is worthless."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channels: list[Channel] = Field(default=["file"], min_length=1)
    sender: str = "Forewarn <forewarn@localhost>"
    fallback_recipient: str
    operations_recipient: str | None = None
    smtp_connection: str = "smtp"
    pilot: str | None = Field(default=None, max_length=4000)
    control_share: float = Field(default=0, ge=0, le=0.5)
    weekly_capacity: int | None = Field(default=None, ge=1)
    escalation_recipient: str | None = None
    stays_from: float = Field(default=0.8, gt=0, le=1)
    quiet_days: int = Field(default=14, ge=1)
    cool_down_days: CoolDown = Field(default={"saved": 30, "churned": 90, "false_alarm": 60, "no_answer": 14})
    expires_after_days: int = Field(default=7, ge=1)
    quiet_hours: QuietHours | None = None
    working_days: WorkingDays = list(WEEKDAYS)
    holidays: Holidays | None = None
    digest: Digest | None = None
    contact_cap: ContactCap | None = None
    circuit_breaker: CircuitBreaker | None = None
    heartbeat_hours: int = Field(default=26, ge=1)
    webhook_may_reach_private: bool = False
    # Links act for whoever opens them, so that only this machine may go without encryption.
    workbench_url: str | None = Field(
        default=None, pattern=r"^(https://[^/?#@\s]+|http://(localhost|127\.0\.0\.1)(:\d{1,5})?)$"
    )
    report_recipients: list[str] = []
    links_valid_days: int = Field(default=30, ge=1, le=365)

    def gathers(self, level: str) -> bool:
        """Tell whether messages of a level wait for the reader's digest instead of going on their own."""
        return self.digest is not None and level in self.digest.levels

    def at_any_hour(self) -> Alerts:
        """Return the same without hours, for data whose days are not the wall clock's; a digest goes at once."""
        digest = self.digest.model_copy(update={"at": None}) if self.digest else None
        days = {"quiet_hours": None, "working_days": list(WEEKDAYS), "holidays": None, "digest": digest}
        return self.model_copy(update=days)


class Project(BaseModel):
    """The whole of `forewarn.yml`; folders are relative to the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    company: str
    currency: str = "USD"
    time_zone: TimeZone = "UTC"
    locale: str = "en"
    churn: Churn
    alerts: Alerts
    lifecycle: Lifecycle = Lifecycle()
    value: Value = Value()
    identity: Identity = Identity()
    model: Model = Model()
    readers: Readers = Readers()
    retention: Retention = Retention()
    as_of_date: date | None = Field(default=None, description="The demo's as-of date for data that end in the past.")
    sources: Path = Path("sources")
    rules: Path = Path("rules")
    playbooks: Path = Path("playbooks.yml")
    health: Path = Path("health.yml")
    words: Path = Path("words.yml")
    folder: Path = Field(default=Path(), exclude=True)

    def path(self, relative: Path) -> Path:
        """Return a path of this file as an absolute one."""
        return (self.folder / relative).resolve()


def load_project(folder: Path) -> Project:
    """Read `forewarn.yml` in a folder.

    Raises
    ------
    ConfigError
        With file, line, column and a hint.
    """
    return Document(folder / "forewarn.yml").read(Project).model_copy(update={"folder": folder})
