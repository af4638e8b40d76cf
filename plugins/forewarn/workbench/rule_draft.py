"""A rule as the editor's form has it, and the rule that it becomes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from forewarn.alerts.metrics import declared
from forewarn.alerts.rules import Rule, State, drafted_rule
from forewarn.errors import Permanent
from forewarn.expressions import ExpressionError, parse, parts

COMPARISONS = (">=", "<=", ">", "<", "=", "<>", "is null", "is not null")
# A condition that the fields can say: a metric, a comparison, and a number or a text.
_PLAIN = re.compile(r"(?P<metric>\w+) (?P<comparison>>=|<=|<>|>|<|=) (?:(?P<number>-?[\d.]+)|'(?P<text>(?:[^']|'')*)')")
_NULL = re.compile(r"(?P<not>NOT )?(?P<metric>\w+) IS NULL")
Act = Literal["add", "try", "shadow", "live", "retired"]


@dataclass(frozen=True)
class Condition:
    """One condition of a rule as it reads, and the fields that say it; None where it takes more than those."""

    text: str
    fields: dict[str, str] | None


class Draft(BaseModel):
    """What the form posts.

    Attributes
    ----------
    join, metric, comparison, value
        A condition to add: how it is joined to what stands, what is compared, how, and with what.
    change, remove
        Place of a condition that goes back into those fields, or away.
    why
        Why the rule changes; kept with the change.
    """

    model_config = ConfigDict(extra="forbid")

    act: Act = "try"
    id: str = Field(default="", max_length=63)
    when: str = Field(default="", max_length=4000)
    level: str = "medium"
    route: str = "account_manager"
    family: str = "rhythm"
    title: str = Field(default="", max_length=200)
    title_zh: str = Field(default="", max_length=200)
    reason: str = Field(default="", max_length=1000)
    reason_zh: str = Field(default="", max_length=1000)
    example: str = Field(default="", max_length=1000)
    matters: str = Field(default="", max_length=1000)
    remedy: str = Field(default="", max_length=1000)
    join: Literal["and", "or"] = "and"
    metric: str = Field(default="", max_length=63)
    comparison: str = Field(default=">=", max_length=12)
    value: str = Field(default="", max_length=200)
    change: int | None = Field(default=None, ge=0)
    remove: int | None = Field(default=None, ge=0)
    why: str = Field(default="", max_length=500)

    @classmethod
    def of(cls, rule: Rule) -> Draft:
        """Return the form of a rule that is there; of several sentences of a reason the first."""
        content = rule.content
        return cls(
            id=content.id,
            when=content.when.strip(),
            level=content.level,
            route=content.route,
            family=content.family,
            title=content.title["en"],
            title_zh=content.title.get("zh_CN", ""),
            reason=content.reason["en"][0],
            reason_zh=content.reason.get("zh_CN", [""])[0],
            example=content.description.example,
            matters=content.description.reason,
            remedy=content.description.remedy,
        )

    def conditions(self) -> list[Condition]:
        """Return the conditions that stand, where the text can be read and joins them all alike."""
        _, texts = self._parts()
        return [Condition(text, _fields(text)) for text in texts]

    def _parts(self) -> tuple[Literal["and", "or"], list[str]]:
        try:
            return parts(parse(self.when.replace("\r\n", "\n").strip(), declared().columns, expect="boolean"))
        except ExpressionError:
            return "and", []

    def without_condition(self) -> Draft:
        """Return the same without the condition to change or to remove; one to change is in the fields instead."""
        join, texts = self._parts()
        place = self.remove if self.change is None else self.change
        if place is None or place >= len(texts):
            return self.model_copy(update={"change": None, "remove": None})
        gone = texts.pop(place)
        left = {"when": f"\n{join} ".join(texts), "join": join, "change": None, "remove": None}
        return self.model_copy(update=left | (_fields(gone) or {} if self.change is not None else {}))

    def with_condition(self) -> Draft:
        """Return the same with the chosen condition added, if one is chosen: Return presses the first button.

        Raises
        ------
        Permanent
            The metric is not declared, or the value is no number.
        """
        if not self.metric:
            return self
        added = f"{self.metric} {self.comparison}{_value(self.metric, self.comparison, self.value)}"
        stands = self.when.strip()
        if stands and self.join == "or":
            added = f"({stands})\nor {added}"
        elif stands:
            # What joins weaker than `and` keeps its meaning.
            added = (
                f"({stands})\nand {added}"
                if " or " in f" {stands.lower()} ".replace("\n", " ")
                else f"{stands}\nand {added}"
            )
        return self.model_copy(update={"when": added, "value": ""})

    def rule(self, versions: list[Rule], state: State) -> Rule:
        """Return the checked rule: under the newest number while it judges as that version does, else under the next.

        Raises
        ------
        Permanent
            Something in it cannot be meant; the field is named.
        """
        newest = versions[0] if versions else None
        texts = {name: text for name, text in (("en", self.title), ("zh_CN", self.title_zh)) if text}
        reasons = {name: text for name, text in (("en", self.reason), ("zh_CN", self.reason_zh)) if text}
        if "en" not in texts or "en" not in reasons:
            raise Permanent(
                f"rule {self.id}, {'title' if 'en' not in texts else 'reason'}", expected="a text in English"
            )
        content: dict[str, Any] = {
            "id": self.id,
            "version": newest.content.version if newest else 1,
            "state": state,
            "when": self.when.replace("\r\n", "\n").strip(),
            "level": self.level,
            "route": self.route,
            "family": self.family,
            "title": texts,
            "reason": _reasons(newest, reasons),
            "description": {"example": self.example, "reason": self.matters, "remedy": self.remedy},
            "actions": newest.content.actions if newest else [],
        }
        rule = drafted_rule(content)
        if newest and rule.digest != newest.digest:
            rule = drafted_rule(content | {"version": newest.content.version + 1})
        return rule


def _fields(text: str) -> dict[str, str] | None:
    """Return the fields that say a condition; None where it takes more than those."""
    if absent := _NULL.fullmatch(text):
        return {"metric": absent["metric"], "comparison": "is not null" if absent["not"] else "is null", "value": ""}
    if plain := _PLAIN.fullmatch(text):
        value = plain["number"] or (plain["text"] or "").replace("''", "'")
        return {"metric": plain["metric"], "comparison": plain["comparison"], "value": value}
    return None


def _reasons(newest: Rule | None, typed: dict[str, str]) -> dict[str, list[str]]:
    """Put the typed sentences before the further ones that a rule has, of which the form shows none."""
    further = newest.content.reason if newest else {}
    return {name: [text, *further.get(name, [])[1:]] for name, text in typed.items()}


def _value(metric: str, comparison: str, value: str) -> str:
    known = declared()
    if metric not in known.columns:
        raise Permanent("condition", expected="one of the metrics", got=metric or "none")
    if comparison not in COMPARISONS:
        raise Permanent("condition", expected=", ".join(COMPARISONS), got=comparison)
    if comparison.startswith("is "):
        return ""
    if metric in known.attributes:
        return " '" + value.replace("'", "''") + "'"
    try:
        return f" {float(value):g}"
    except ValueError as error:
        raise Permanent(f"condition on {metric}", expected="a number", got=value or "none") from error
