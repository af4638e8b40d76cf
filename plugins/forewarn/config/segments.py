"""How customers are divided: the stages of their life cycle and what they are worth."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Lifecycle(BaseModel):
    """Thresholds of the life cycle, in days without a purchase or a running term.

    Attributes
    ----------
    new_days
        A customer is new for so long after the first purchase or term.
    at_risk_days, at_risk_gap_ratio
        At risk after so many days, or after so many times the customer's own mean gap between purchases.
    dormant_days, lost_days
        Dormant and lost after so many days.
    won_back_days
        Won back for so long after a return from a silence of `lost_days`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    new_days: int = Field(default=90, ge=1, le=3650)
    at_risk_days: int = Field(default=90, ge=1, le=3650)
    at_risk_gap_ratio: float = Field(default=3, gt=1)
    dormant_days: int = Field(default=180, ge=1, le=3650)
    lost_days: int = Field(default=365, ge=1, le=3650)
    won_back_days: int = Field(default=90, ge=1, le=3650)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.at_risk_days < self.dormant_days < self.lost_days:
            raise ValueError("at_risk_days < dormant_days < lost_days must hold")
        if self.won_back_days > self.lost_days:
            raise ValueError("won_back_days must not be more than lost_days")
        return self


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
