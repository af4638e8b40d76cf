"""What to do next: who does what by when, by route, family, level, rule and customer, and how soon."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from forewarn.alerts.actions import Report, demand_known, load_actions
from forewarn.alerts.due_day import due_day
from forewarn.alerts.language import ORIGINAL, Language
from forewarn.alerts.levels import LEVELS, Level, Route
from forewarn.alerts.metrics import declared
from forewarn.alerts.rules import FAMILIES, Texts
from forewarn.alerts.yaml_place import read_expression
from forewarn.config.project import Project
from forewarn.config.yaml import Document, did_you_mean
from forewarn.expressions import Expression, parse

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Days = Annotated[int, Field(ge=0, le=365)]
BRACES = ("contact", "customer", "due")


class LevelBook(BaseModel):
    """How fast a level is answered, and the probability that a case of rules alone is reckoned with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    response_days: Days
    working_days: bool = False
    probability_by_rules: float = Field(ge=0, le=1)


class ModelBook(BaseModel):
    """Where the model's signals go; `high_from` is the probability from which one is high by itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    route: Route = "account_manager"
    level: Level = "medium"
    high_from: float = Field(default=0.8, gt=0, le=1)


class FollowUp(BaseModel):
    """A further task of a step; `who` is the route that does it, by default the step's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Name
    who: Route | None = None
    step: Texts
    due_days: Days
    working_days: bool = False
    actions: list[str] = Field(default_factory=list)


class Step(BaseModel):
    """What a route does about a case, and when that applies; a condition left out holds always."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Name | None = None
    route: Route | None = None
    family: str | None = None
    level: Level | None = None
    rule: str | None = None
    when: str | None = Field(default=None, max_length=4000)
    step: Texts
    offer: Texts | None = None
    due_days: Days | None = None
    working_days: bool = False
    contact_every_days: int | None = Field(default=None, ge=1, le=365)
    actions: list[str] = Field(default_factory=list)
    then: list[FollowUp] = Field(default_factory=list)

    @property
    def name(self) -> str:
        """Its id, or else its conditions."""
        return self.id or "_".join(filter(None, (self.route, self.family, self.level, self.rule))) or "otherwise"

    @property
    def version(self) -> str:
        """Twelve digits of its content's digest: what a task was made from."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]

    @property
    def unconditional(self) -> bool:
        """Whether it fits every case."""
        return all(one is None for one in (self.route, self.family, self.level, self.rule, self.when))

    def fits(self, route: str, family: str, level: str, rules: Collection[str], true: Collection[str]) -> bool:
        """Tell whether every condition holds; `true` names the steps whose `when` is true for the customer."""
        return (
            all(
                wanted in (None, given)
                for wanted, given in ((self.route, route), (self.family, family), (self.level, level))
            )
            and (self.rule is None or self.rule in rules)
            and (self.when is None or self.name in true)
        )


class AfterPurchase(BaseModel):
    """A reminder some days after a purchase of which `when` is true; a task without a case."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Name
    when: str = Field(max_length=4000)
    days: Annotated[int, Field(ge=1, le=365)]
    who: Route = "account_manager"
    step: Texts
    offer: Texts | None = None
    contact_every_days: int | None = Field(default=None, ge=1, le=365)
    actions: list[str] = Field(default_factory=list)

    @property
    def version(self) -> str:
        """Twelve digits of its content's digest."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]


class Playbooks(BaseModel):
    """The content of `playbooks.yml`; `each_day` names the reports of a day's cases."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    levels: dict[Level, LevelBook]
    model: ModelBook = ModelBook()
    steps: list[Step] = Field(min_length=1)
    each_day: list[str] = Field(default_factory=list)
    after_purchase: list[AfterPurchase] = Field(default_factory=list)

    @property
    def conditions(self) -> dict[str, Expression]:
        """The conditions over the customer's metrics and attributes, by the name of their step."""
        return {step.name: parse(step.when, declared().columns) for step in self.steps if step.when is not None}

    def choose(
        self, *, route: str, family: str, level: Level, rules: Collection[str] = (), true: Collection[str] = ()
    ) -> Step:
        """Return the first step that fits; see `Step.fits`."""
        return next(step for step in self.steps if step.fits(route, family, level, rules, true))

    def due(self, level: Level, as_of_date: date, step: Step | None = None) -> date:
        """Return the day until which a step is done, or else until which a case of a level wants an answer."""
        if step is not None and step.due_days is not None:
            return due_day(as_of_date, step.due_days, working=step.working_days)
        book = self.levels[level]
        return due_day(as_of_date, book.response_days, working=book.working_days)


def order_columns() -> dict[str, str | None]:
    """Return what the condition of a reminder may name, with its type."""
    return {
        "order_number": "numeric",
        "amount": "numeric",
        "category": "text",
        **dict.fromkeys(declared().attributes, "text"),
    }


def worded(
    texts: Sequence[Texts | None],
    *,
    customer: str,
    contact: str | None,
    due: date,
    language: Language,
    ordered: date | None = None,
) -> str:
    """Return texts of a playbook as one, filled; the contact is named when known, and so is the day of an order."""
    return " ".join(
        str(language.choose(text)).format(
            contact=contact or language.text("contact_unknown", customer=customer),
            customer=customer,
            due=language.day_of_week(due),
            ordered=language.day_of_week(ordered) if ordered else "",
        )
        for text in texts
        if text is not None
    )


def load_playbooks(project: Project) -> Playbooks:
    """Read `playbooks.yml`.

    Raises
    ------
    ConfigError
        With file, line, column and a hint; also when a level is left out, a step cannot be filled, two are called the
        same, or no step is left for a case that fits none of the others.
    """
    document = Document(project.path(project.playbooks))
    playbooks = document.read(Playbooks)
    for level in LEVELS:
        if level not in playbooks.levels:
            raise document.error(["levels"], f"no level `{level}`", f"add `{level}: …`")
    actions = load_actions(project)
    rules = sorted(file.stem for file in project.path(project.rules).glob("*.yml"))
    for number, step in enumerate(playbooks.steps):
        if step.rule is not None and step.rule not in rules:
            raise document.error(
                ["steps", number, "rule"], f"unknown rule `{step.rule}`", did_you_mean(step.rule, rules)
            )
        _check(document, number, step)
        demand_known(document, ["steps", number, "actions"], step.actions, actions)
        for place, further in enumerate(step.then):
            demand_known(document, ["steps", number, "then", place, "actions"], further.actions, actions)
    for number, reminder in enumerate(playbooks.after_purchase):
        path: list[str | int] = ["after_purchase", number]
        read_expression(document, [*path, "when"], reminder.when, order_columns())
        demand_known(document, [*path, "actions"], reminder.actions, actions)
        for key in ("step", "offer"):
            _check_texts(document, [*path, key], getattr(reminder, key) or {ORIGINAL: ""}, known=(*BRACES, "ordered"))
    reports = {name: action for name, action in actions.items() if isinstance(action, Report)}
    demand_known(document, ["each_day"], playbooks.each_day, reports)
    if not any(step.unconditional for step in playbooks.steps):
        raise document.error(["steps"], "no step without a condition", "end with one that fits every case")
    reminders = [reminder.id for reminder in playbooks.after_purchase]
    return playbooks.model_copy(update={"steps": _named(document, playbooks.steps, reminders)})


def _check(document: Document, number: int, step: Step) -> None:
    if step.family is not None and step.family not in FAMILIES:
        hint = did_you_mean(step.family, list(FAMILIES))
        raise document.error(["steps", number, "family"], f"unknown family `{step.family}`", hint)
    if step.when is not None:
        read_expression(document, ["steps", number, "when"], step.when, declared().columns)
    said: list[tuple[list[str | int], Texts | None]] = [(["step"], step.step), (["offer"], step.offer)]
    said += [(["then", place, "step"], further.step) for place, further in enumerate(step.then)]
    for path, texts in said:
        _check_texts(document, ["steps", number, *path], texts or {ORIGINAL: ""})


def _check_texts(document: Document, path: Sequence[str | int], texts: Texts, known: Sequence[str] = BRACES) -> None:
    if ORIGINAL not in texts:
        raise document.error(path, f"no `{ORIGINAL}` text", f"add `{ORIGINAL}: …`")
    for language, text in texts.items():
        try:
            text.format(**dict.fromkeys(known, ""))
        except (KeyError, IndexError, ValueError) as error:
            hint = f"known in braces: {', '.join(known)}"
            raise document.error([*path, language], f"unknown `{error}`", hint) from error


def _named(document: Document, steps: Sequence[Step], others: Sequence[str]) -> list[Step]:
    """Return steps that each have a name of their own: a number tells apart those with the same conditions."""
    ids = [*others, *(name for step in steps for name in (step.id, *(further.id for further in step.then)) if name)]
    for name, count in Counter(ids).items():
        if count > 1:
            raise document.error(["steps"], f"two steps are called `{name}`", "give each an id of its own")
    taken = Counter(ids)
    named = []
    for step in steps:
        name = step.name
        if step.id is None:
            taken[name] += 1
            name = name if taken[name] == 1 else f"{name}_{taken[name]}"
        named.append(step.model_copy(update={"id": name}))
    return named
