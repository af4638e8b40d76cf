"""Which models are tried, what a contact costs and saves, and when a model may replace another."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from forewarn.config.watch import Watch

CANDIDATES = ["rule", "bg_nbd", "logistic", "boosting", "average", "blend", "hazard"]


class Model(BaseModel):
    """What is tried as a churn model, what an alert costs and saves, and when a model may replace another.

    Attributes
    ----------
    candidates
        Names of the candidates that are judged, of those in `churn_model.candidates`. `rule` must be among them: it is
        there to be beaten.
    contact_cost
        What contacting one customer costs, in the project's currency; none: the threshold minds capacity alone.
    saved_share
        Share of a leaver's value at stake that a contact saves on average.
    weekly_capacity
        Customers that can be contacted in a week: no more are at or above the threshold on one date. None: no limit but
        `churn.alert_share`.
    cutoffs_to_promote
        A champion is replaced only by what was better on so many test cut-offs with closed labels.
    margin
        By how much in mean AUC a candidate must beat the champion and the simple rules.
    must_pay
        Refuse a model that does not beat the simple rules. Off, it is taken all the same, and its reason says so.
    challenged_share
        Share of the customers whom an A/B split gives to the challenger; 0 keeps it in the shadow.
    watch
        From where on the night's watch warns of the model, and from where on it holds the scores.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    candidates: list[str] = Field(default=CANDIDATES, min_length=2)
    contact_cost: float | None = Field(default=None, gt=0)
    saved_share: float = Field(default=0.2, gt=0, le=1)
    weekly_capacity: int | None = Field(default=None, ge=1)
    cutoffs_to_promote: int = Field(default=5, ge=1, le=24)
    margin: float = Field(default=0.001, ge=0, lt=0.5)
    must_pay: bool = True
    challenged_share: float = Field(default=0, ge=0, le=0.5)
    watch: Watch = Watch()

    @model_validator(mode="after")
    def _with_the_rule(self) -> Self:
        if "rule" not in self.candidates:
            raise ValueError("candidates must hold `rule`, which a model has to beat")
        if len(set(self.candidates)) < len(self.candidates):
            raise ValueError("a candidate stands twice")
        return self
