"""The bounds that a model is watched by."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Watch(BaseModel):
    """From where on the night's watch warns of the model, and from where on it holds the scores.

    Attributes
    ----------
    moved_psi, beyond_usual
        A feature has moved when its PSI from the training is above `moved_psi` and above `beyond_usual` times the
        largest distance that a date of the training had.
    gone_share
        A feature has fallen silent when less than this share of what was known in training is known.
    drift_holds, gap_holds
        Scores are held when features that moved, or fell silent, carry more than this share of what moves scores.
    scores_hold_psi
        Scores are held when they lie further than this from those of the training, and beyond what is usual.
    ratio_warns, ratio_holds
        How many times too many or too few leavers earlier scores may have promised.
    standard_errors
        By how many of them the promise must have been missed, so that it is no chance.
    lift_warns, lift_holds
        How many times as many must have left of the tenth with the highest scores as of all.
    fewest_leavers
        Of fewer matured leavers nothing is said.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    moved_psi: float = Field(default=0.25, gt=0)
    beyond_usual: float = Field(default=2.0, ge=1)
    gone_share: float = Field(default=0.2, gt=0, lt=1)
    drift_holds: float = Field(default=0.33, gt=0, le=1)
    gap_holds: float = Field(default=0.10, gt=0, le=1)
    scores_hold_psi: float = Field(default=1.0, gt=0)
    ratio_warns: float = Field(default=1.25, gt=1)
    ratio_holds: float = Field(default=2.0, gt=1)
    standard_errors: float = Field(default=3.0, gt=0)
    lift_warns: float = Field(default=1.5, gt=0)
    lift_holds: float = Field(default=1.0, gt=0)
    fewest_leavers: int = Field(default=20, ge=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ratio_warns > self.ratio_holds:
            raise ValueError("ratio_warns must not be more than ratio_holds")
        if self.lift_warns < self.lift_holds:
            raise ValueError("lift_warns must not be less than lift_holds")
        return self
