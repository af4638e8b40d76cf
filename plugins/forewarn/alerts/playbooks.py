"""What to do next: the suggested step by route, family and level, and how soon."""

from __future__ import annotations

from datetime import date, timedelta

from pydantic import BaseModel, ConfigDict, Field

from forewarn.alerts.language import ORIGINAL, Language
from forewarn.alerts.levels import LEVELS, Level, Route
from forewarn.alerts.rules import FAMILIES, Texts
from forewarn.config.project import Project
from forewarn.config.yaml import Document, did_you_mean

SATURDAY = 5


class LevelBook(BaseModel):
    """How fast a level is answered, and the probability that a case of rules alone is reckoned with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    response_days: int = Field(ge=0, le=365)
    probability_by_rules: float = Field(ge=0, le=1)


class ModelBook(BaseModel):
    """Where the model's signals go; `high_from` is the probability from which one is high by itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    route: Route = "account_manager"
    level: Level = "medium"
    high_from: float = Field(default=0.8, gt=0, le=1)


class Step(BaseModel):
    """A suggested step and when it applies; a condition left out holds always."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    route: Route | None = None
    family: str | None = None
    level: Level | None = None
    step: Texts

    def fits(self, route: str, family: str, level: str) -> bool:
        """Tell whether every condition holds."""
        return all(
            wanted in (None, given)
            for wanted, given in ((self.route, route), (self.family, family), (self.level, level))
        )


class Playbooks(BaseModel):
    """The content of `playbooks.yml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    levels: dict[Level, LevelBook]
    model: ModelBook = ModelBook()
    steps: list[Step] = Field(min_length=1)

    def next_step(
        self,
        *,
        route: str,
        family: str,
        level: Level,
        customer: str,
        contact: str | None,
        due: date,
        language: Language,
    ) -> str:
        """Return the first step that fits, filled; the contact is named when known."""
        found = next(step for step in self.steps if step.fits(route, family, level))
        return str(language.choose(found.step)).format(
            contact=contact or language.text("contact_unknown", customer=customer),
            customer=customer,
            due=language.day_of_week(due),
        )

    def due(self, level: Level, as_of_date: date) -> date:
        """Return the day until which a case of a level wants an answer, never on a weekend."""
        day = as_of_date + timedelta(days=self.levels[level].response_days)
        return day + timedelta(days=max(0, 7 - day.weekday()) if day.weekday() >= SATURDAY else 0)


def load_playbooks(project: Project) -> Playbooks:
    """Read `playbooks.yml`.

    Raises
    ------
    ConfigError
        With file, line, column and a hint; also when a level is left out, a step cannot be filled, or no step is left
        for a case that fits none of the others.
    """
    document = Document(project.path(project.playbooks))
    playbooks = document.read(Playbooks)
    for level in LEVELS:
        if level not in playbooks.levels:
            raise document.error(["levels"], f"no level `{level}`", f"add `{level}: …`")
    for number, step in enumerate(playbooks.steps):
        if step.family is not None and step.family not in FAMILIES:
            hint = did_you_mean(step.family, list(FAMILIES))
            raise document.error(["steps", number, "family"], f"unknown family `{step.family}`", hint)
        if ORIGINAL not in step.step:
            raise document.error(["steps", number, "step"], f"no `{ORIGINAL}` text", f"add `{ORIGINAL}: …`")
        for language, text in step.step.items():
            try:
                text.format(contact="", customer="", due="")
            except (KeyError, IndexError, ValueError) as error:
                hint = "known in braces: contact, customer, due"
                raise document.error(["steps", number, "step", language], f"unknown `{error}`", hint) from error
    if not any(step.route is step.family is step.level is None for step in playbooks.steps):
        raise document.error(["steps"], "no step without a condition", "end with one that fits every case")
    return playbooks
