"""What one message says, as values: kept in the outbox, worded and drawn only when it is sent.

A message that is sent a second time after a crash is therefore the same message, byte for byte.
"""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from forewarn.alerts.levels import Level, Route
from forewarn.alerts.recipients import Why


class Said(BaseModel):
    """One reason: what happened, and the figures."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str | None
    text: str


class Past(BaseModel):
    """The score of an earlier date."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of_date: date
    probability: float


class Content(BaseModel):
    """One message about one case to one reader.

    Attributes
    ----------
    previous_level
        The level before it was raised; None for a new case.
    probability, threshold, model
        None when the model did not score the customer: the case then rests on rules alone.
    value_at_stake, expected_loss
        Per year, in `currency`.
    history
        Weekly scores, oldest first, the last one of `as_of_date` itself.
    why, refused_by
        Why this reader gets it; the address that refused the message when it is passed on.
    key, thread_key
        What Message-ID is made of; `thread_key` is the key of the case's first message to the same reader.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    case_id: int
    customer_id: str
    customer: str
    level: Level
    previous_level: Level | None = None
    route: Route
    as_of_date: date
    horizon_days: int
    probability: float | None = None
    threshold: float | None = None
    model: str | None = None
    rules: list[str] = Field(default_factory=list)
    value_at_stake: float
    expected_loss: float
    currency: str
    renewal_on: date | None = None
    last_order_on: date | None = None
    last_contact_on: date | None = None
    overdue_amount: float | None = None
    history: list[Past] = Field(default_factory=list)
    reasons: list[Said]
    next_step: str
    company: str
    owner_name: str | None = None
    reader_name: str | None = None
    locale: str
    why: Why
    refused_by: str | None = None
    key: str
    thread_key: str | None = None
