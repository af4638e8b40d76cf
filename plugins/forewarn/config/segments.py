"""How customers are divided: the stages of their life cycle and what they are worth."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Stage = Literal["prospect", "new", "active", "at_risk", "dormant", "lost", "won_back"]
Silence = Literal[
    "at_risk_days", "at_risk_usual_gaps", "dormant_days", "dormant_usual_gaps", "lost_days", "lost_usual_gaps"
]


class Lifecycle(BaseModel):
    """Thresholds of the life cycle, in days without a purchase or a running term.

    A silence counts once it is as long as the days and as the customer's own rhythm: who buys once a year is not lost
    after a year.

    Attributes
    ----------
    new_days
        A customer is new for so long after the first purchase or term.
    at_risk_days, at_risk_gap_ratio
        At risk after so many days, or after so many times the customer's own mean gap between purchases.
    dormant_days, lost_days
        Dormant and lost after so many days.
    at_risk_usual_gaps, dormant_usual_gaps, lost_usual_gaps
        And not before so many times the customer's own mean gap between purchases, as far as it is known.
    won_back_days
        Won back for so long after a return from a silence that made the customer lost.
    types
        Other thresholds by customer type (`segment` of the account).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    new_days: int = Field(default=90, ge=1, le=3650)
    at_risk_days: int = Field(default=90, ge=1, le=3650)
    at_risk_usual_gaps: float = Field(default=1, ge=0, le=100)
    at_risk_gap_ratio: float = Field(default=3, gt=1)
    dormant_days: int = Field(default=180, ge=1, le=3650)
    dormant_usual_gaps: float = Field(default=1.5, ge=0, le=100)
    lost_days: int = Field(default=365, ge=1, le=3650)
    lost_usual_gaps: float = Field(default=2, ge=0, le=100)
    won_back_days: int = Field(default=90, ge=1, le=3650)
    types: dict[str, dict[Silence, float]] = {}

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.at_risk_days < self.dormant_days < self.lost_days:
            raise ValueError("at_risk_days < dormant_days < lost_days must hold")
        if not self.at_risk_usual_gaps <= self.dormant_usual_gaps <= self.lost_usual_gaps:
            raise ValueError("at_risk_usual_gaps <= dormant_usual_gaps <= lost_usual_gaps must hold")
        if self.won_back_days > self.lost_days:
            raise ValueError("won_back_days must not be more than lost_days")
        for name, own in self.types.items():
            try:
                Lifecycle.model_validate(self.model_dump(exclude={"types"}) | own)
            except ValidationError as error:
                raise ValueError(f"types, {name}: {error.errors()[0]['msg']}") from error
        return self

    def variable(self) -> dict[str, Any]:
        """Return the form that the models read: types in lower case, each threshold by type where one has its own."""
        return self.model_dump() | {"types": {name.strip().lower(): own for name, own in self.types.items()}}


class Value(BaseModel):
    """What the customer lifetime value is computed with.

    Attributes
    ----------
    margin
        Share of revenue that is kept; 1 gives the value in revenue.
    discount_rate
        Yearly rate at which later money counts less.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    margin: float = Field(default=1, gt=0, le=1)
    discount_rate: float = Field(default=0.1, gt=0, le=1)
