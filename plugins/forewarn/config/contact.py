"""When and how often people are told: hours, working days, holidays, the morning's digest, caps and the breaker."""

from __future__ import annotations

from datetime import date, time
from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WorkingDays = Annotated[list[Weekday], Field(min_length=1)]


def _is_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("no such time zone; an IANA name is wanted, such as Europe/Berlin")
    return name


TimeZone = Annotated[str, AfterValidator(_is_zone)]


class QuietHours(BaseModel):
    """From when to when nobody is told, by the reader's clock: the first minute is quiet, the last is not.

    Where `from` is later than `to` they go through midnight.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    begin: time = Field(alias="from")
    end: time = Field(alias="to")

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.begin == self.end:
            raise ValueError("`from` and `to` are the same, which could mean always or never")
        return self


class Holidays(BaseModel):
    """Days on which nobody is told, as on days that are not worked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    country: str | None = None
    subdivision: str | None = None
    days: list[date] = []

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        if self.country is None:
            if self.subdivision:
                raise ValueError("a subdivision without its country")
            return self
        from holidays import list_supported_countries

        known = list_supported_countries()
        if self.country not in known:
            raise ValueError(f"no holidays of country `{self.country}` are known; two letters, such as DE, CN or US")
        if self.subdivision is not None and self.subdivision not in known[self.country]:
            raise ValueError(f"{self.country} has no subdivision `{self.subdivision}`; it has {known[self.country]}")
        return self


class Digest(BaseModel):
    """One message a day and reader for what is not urgent; `at` is by the reader's clock, null is the next dispatch."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: time | None = time(8)
    levels: list[Literal["low", "medium", "high"]] = ["low", "medium"]


class Touches(BaseModel):
    """How many times in so many days people are told about one customer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    times: int = Field(ge=0, le=100)
    days: int = Field(ge=1, le=730)


class ContactCap(Touches):
    """The same for everybody, and other figures for customers of a tier, the account's `segment`."""

    tiers: dict[str, Touches] = {}

    def of(self, tier: str | None) -> Touches:
        """Return what holds for customers of a tier."""
        return self.tiers.get(tier or "", self)


class CircuitBreaker(BaseModel):
    """From which share of the eligible customers on, and from how many cases on, a day's messages wait for a person."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    share: float = Field(default=0.25, gt=0, le=1)
    at_least: int = Field(default=50, ge=1)
