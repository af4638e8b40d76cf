"""What one reader of schema bi may take of the warehouse's time."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field


class Readers(BaseModel):
    """Limits of the logins that read schema bi.

    Attributes
    ----------
    longest_query_minutes
        How long a query of theirs may run, and a transaction of theirs lie idle, before the watch ends the session. A
        login may lift its own `statement_timeout`, and not this.
    look_every_seconds
        How often the watch looks; a query may run so much longer than the limit.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    longest_query_minutes: float = Field(default=5, gt=0, le=1440)
    look_every_seconds: float = Field(default=10, ge=1, le=600)

    @property
    def longest_query(self) -> timedelta:
        """The limit as a duration."""
        return timedelta(minutes=self.longest_query_minutes)
