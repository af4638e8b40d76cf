"""What one message says, as values: kept in the outbox, worded and drawn only when it is sent.

A message that is sent a second time after a crash is therefore the same message, byte for byte.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from forewarn.alerts.levels import Level, Route

Why = Literal[
    "owner",
    "team",
    "routed",
    "deputy",
    "away",
    "no_owner",
    "no_address",
    "no_team",
    "rejected",
    "escalated",
    "operations",
]


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


class Envelope(BaseModel):
    """What every message has: to whom it goes, why, and the keys that tell a repeat.

    Attributes
    ----------
    why, cause, refused_by
        Why this reader gets it; the routing rule or the absent reader on account of which; the address that refused
        the message, or did not answer it, when it is passed on.
    fallback
        Who gets it when this reader's server refuses it; None for the fallback of the project.
    key, thread_key
        What Message-ID is made of; `thread_key` is the key of the first message about the same to the same reader.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    case_id: int | None = None
    as_of_date: date
    company: str
    reader_name: str | None = None
    locale: str
    why: Why
    cause: str | None = None
    fallback: str | None = None
    refused_by: str | None = None
    key: str
    thread_key: str | None = None

    @property
    def about(self) -> str:
        """Whom or what the message is about, in a few words."""
        raise NotImplementedError

    def in_place_of(self, reader: str, why: Why, key: str) -> Self:
        """Return the same message for somebody else than `reader`, who refused it or did not answer, as `why` says."""
        return self.model_copy(
            update={"why": why, "refused_by": reader, "reader_name": None, "key": key, "thread_key": None}
        )


class Content(Envelope):
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
    """

    case_id: int
    customer_id: str
    customer: str
    level: Level
    previous_level: Level | None = None
    route: Route
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
    owner_name: str | None = None

    @property
    def about(self) -> str:
        """The customer."""
        return self.customer


class Digest(Envelope):
    """One message about many cases to one reader: what is in it, the greatest expected loss first."""

    lines: list[Content] = Field(min_length=1)

    @property
    def about(self) -> str:
        """The day."""
        return f"digest-{self.as_of_date}"


class Affected(BaseModel):
    """One stream of a notice.

    Attributes
    ----------
    kind
        `late`: later than promised. `blocked`: its newest extraction failed, and what landed last still counts.
        `held`: of a model, whose scores are not used; `stream` is then what it foresees. `substituted`: of a champion
        that could not be reached; another version scored in its place. `low_stock`: of an article, which
        `stream` names. `stopped`: of a day whose messages are kept back. `silent`: of a DAG that did not run.
        `undelivered`: of a message that was given up.
    arrived_at
        When something came last; None when nothing ever did.
    promise_hours
        How old that may be; None where the stream promises nothing.
    reason
        What the source, or the attempt to read it, said; empty where it said nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    stream: str
    kind: Literal["late", "blocked", "held", "substituted", "low_stock", "stopped", "silent", "undelivered"]
    since: datetime
    arrived_at: datetime | None
    promise_hours: float | None
    reason: str = ""


class Notice(Envelope):
    """One message to operations about one source: what is wrong with its data, or that it is over.

    Attributes
    ----------
    features, rules
        What is unknown, and which rules cannot judge everybody, because of it.
    cases
        Open cases whose newest signals came from these rules.
    advice
        What the source's own error says to do next.
    """

    source: str
    streams: list[Affected]
    over: bool = False
    features: list[str] = Field(default_factory=list)
    rules: list[str] = Field(default_factory=list)
    cases: int = 0
    advice: str = ""

    @property
    def about(self) -> str:
        """The source."""
        return self.source


class ActionContent(Envelope):
    """What is to be done about one customer: by another system, or, as a reminder, by a person.

    Attributes
    ----------
    action
        Its name in `actions.yml`; `reminder` for a message to a person.
    external_id
        Under which the other system knows it, whatever becomes of this message.
    task_id
        The task that it carries out; None where a rule asked for it.
    text
        What is to be done, and what to offer.
    state, outcome
        Of the task, and what came of it.
    written_again
        Whether the other system may be told the same again under `external_id`: of a day that moved, or of the end.
    """

    action: str
    external_id: str
    task_id: int | None = None
    customer_id: str
    customer: str
    role: Route
    step: str
    text: str
    due_on: date
    owner_name: str | None = None
    level: Level | None = None
    expected_loss: float | None = None
    currency: str
    reasons: list[Said] = Field(default_factory=list)
    order_key: str | None = None
    state: Literal["open", "done", "dropped"] = "open"
    outcome: str | None = None
    written_again: bool = False

    @property
    def about(self) -> str:
        """The customer."""
        return self.customer

    @classmethod
    def values_of(cls) -> list[str]:
        """Return the names of `values`."""
        hidden = {"why", "refused_by", "key", "thread_key", "locale", "reader_name", "written_again"}
        return [name for name in cls.model_fields if name not in hidden]

    def values(self) -> dict[str, Any]:
        """Return what a template may name, as JSON has it; reasons are one text."""
        plain = self.model_dump(mode="json", include=set(self.values_of()))
        said = "\n".join(f"{one.title}: {one.text}" if one.title else one.text for one in self.reasons)
        return plain | {"reasons": said}


class ReportRow(BaseModel):
    """One case of a report."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    case_id: int
    customer: str
    level: Level
    state: str
    owner: str
    expected_loss: float
    due_on: date | None
    reasons: list[str]
    next_step: str


class ReportContent(Envelope):
    """Cases to be written as a page and a table; `name` is that of the files, without ending."""

    name: str
    title: str
    currency: str
    rows: list[ReportRow]

    @property
    def about(self) -> str:
        """The report."""
        return self.title
