"""How sure a link between two accounts must be before they are one customer."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Identity(BaseModel):
    """Thresholds of identity resolution.

    Attributes
    ----------
    link_from
        Accounts that are one customer with at least this probability become one.
    show_from
        Pairs from this probability on are kept, for a person to look at; no more than `link_from`.
    shared_limit
        A tax id, domain, telephone number or other key that more accounts share is no evidence.
    learn_from
        With fewer accounts the stated weights hold; with as many they are learnt from the accounts.
    default_country
        Two letters: where telephone numbers without country code belong when the account names no country.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    link_from: float = Field(default=0.95, ge=0.5, le=1)
    show_from: float = Field(default=0.5, ge=0.01, le=1)
    shared_limit: int = Field(default=20, ge=2, le=1000)
    learn_from: int = Field(default=500, ge=100)
    default_country: str | None = Field(default=None, pattern="^[A-Z]{2}$")

    @model_validator(mode="after")
    def _ordered(self) -> Identity:
        if self.show_from > self.link_from:
            raise ValueError("show_from is no more than link_from")
        return self
