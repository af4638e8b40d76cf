"""What the forms that close a case ask beside the outcome: what was done, and what it cost."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from forewarn.alerts.answers import Answer
from forewarn.alerts.interventions import Intervention, presumed


class WhatWasDone(BaseModel):
    """Two fields of a form; both may be left open, so that one press closes a case."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    intervention: Intervention | Literal[""] = ""
    cost: str = Field(default="", pattern=r"^\s*(\d{1,9}(\.\d{1,2})?)?\s*$")

    def of(self, given: Answer) -> Answer:
        """Return an answer with what was done: where nobody says, what the outcome suggests, marked as presumed."""
        if given.outcome is None:
            return given
        did = self.intervention or presumed(given.outcome)
        cost = float(self.cost) if self.cost.strip() else None
        return replace(given, intervention=did, cost=cost, presumed=not self.intervention)


NOTHING_SAID = WhatWasDone()
