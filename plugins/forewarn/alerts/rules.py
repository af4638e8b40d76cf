"""Rules: one YAML file each, checked with place and hint before anything runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from forewarn.alerts import sentence
from forewarn.alerts.actions import demand_known, load_actions
from forewarn.alerts.language import CATALOGS, ORIGINAL
from forewarn.alerts.levels import Level, Route
from forewarn.alerts.metrics import Metrics, declared
from forewarn.alerts.yaml_place import read_expression
from forewarn.config.project import Project
from forewarn.config.yaml import Document, did_you_mean
from forewarn.errors import Permanent
from forewarn.expressions import Expression, ExpressionError, names, parse, written

FAMILIES = (
    "rhythm",
    "spend",
    "breadth",
    "returns",
    "service",
    "contact",
    "marketing",
    "usage",
    "finance",
    "contract",
    "voice",
)


def by_language(value: Any) -> Any:
    """Read a bare text as the English one."""
    return value if isinstance(value, dict) else {ORIGINAL: value}


def as_variants(value: Any) -> Any:
    """Read a bare sentence as the only variant, in each language."""
    texts = by_language(value)
    return {name: [text] if isinstance(text, str) else text for name, text in texts.items()}


State = Literal["draft", "shadow", "live", "retired"]

_SENTENCE = {"type": "string"}
_SENTENCES = {"anyOf": [_SENTENCE, {"type": "array", "items": _SENTENCE}]}
Texts = Annotated[
    dict[str, str],
    BeforeValidator(by_language),
    WithJsonSchema({"anyOf": [_SENTENCE, {"type": "object", "additionalProperties": _SENTENCE}]}),
]
Variants = Annotated[
    dict[str, list[str]],
    BeforeValidator(as_variants),
    WithJsonSchema({"anyOf": [_SENTENCE, {"type": "object", "additionalProperties": _SENTENCES}]}),
]


class Description(BaseModel):
    """What a rule is for: an example, the reason why it matters, and the remedy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    example: str
    reason: str
    remedy: str


class RuleFile(BaseModel):
    """The content of one file under `config/rules`.

    Attributes
    ----------
    when
        Condition in the expression language; true fires, false and unknown do not.
    state
        What `forewarn rules apply` makes of it once it is back-tested: `live` opens cases, `shadow` judges every night
        and tells nobody, `draft` waits, `retired` is out of use.
    title, reason
        What a message says, by language; a bare text is English. `reason` shows metrics in braces and may be a list of
        sentences, of which the first with every value known is used.
    actions
        Actions of `actions.yml` that are done once for a case in which the rule is true.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    version: int = Field(ge=1)
    description: Description
    state: State = "live"
    when: str = Field(max_length=4000)
    level: Level
    route: Route
    family: str
    title: Texts
    reason: Variants
    actions: list[str] = Field(default_factory=list)


@dataclass(frozen=True)
class Rule:
    """A checked rule: its file's content, its parsed condition, and the metrics that it reads."""

    content: RuleFile
    condition: Expression
    metrics: frozenset[str]

    @property
    def name(self) -> str:
        """The rule's id."""
        return self.content.id

    @property
    def digest(self) -> str:
        """Of what decides whom the rule alerts, and how strongly: another wording of its texts is the same rule."""
        judged = [written(self.condition), self.content.level, self.content.route]
        return hashlib.sha256(json.dumps(judged).encode()).hexdigest()


def load_rules(project: Project) -> list[Rule]:
    """Read every rule of a project, by file name.

    Raises
    ------
    ConfigError
        With file, line, column and a hint; also when two files claim one id.
    """
    folder, metrics, actions = project.path(project.rules), declared(), load_actions(project)
    rules: list[Rule] = []
    for file in sorted(folder.glob("*.yml")):
        rule = load_rule(file, metrics)
        if rule.name in {other.name for other in rules}:
            raise Document(file).error(["id"], f"a second rule `{rule.name}`", "give it an id of its own")
        if rule.content.actions:
            demand_known(Document(file), ["actions"], rule.content.actions, actions)
        rules.append(rule)
    return rules


def load_rule(file: Path, metrics: Metrics) -> Rule:
    """Read one rule file; see `load_rules`."""
    document = Document(file)
    content = document.read(RuleFile)
    condition = read_expression(document, ["when"], content.when, metrics.columns)
    if content.family not in FAMILIES:
        raise document.error(
            ["family"], f"unknown family `{content.family}`", did_you_mean(content.family, list(FAMILIES))
        )
    _check_texts(document, content, metrics)
    return _rule(content, condition)


def drafted_rule(content: dict[str, Any]) -> Rule:
    """Check a rule that was typed, not read from a file.

    Raises
    ------
    Permanent
        With the field, and within a condition the line and column, of what cannot be meant.
    """
    subject, metrics = f"rule {content.get('id', '')}", declared()
    try:
        rule = RuleFile.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise Permanent(f"{subject}, {where}", expected=first["msg"], got=str(first["input"])[:80]) from error
    try:
        condition = parse(rule.when, metrics.columns)
    except ExpressionError as error:
        place = f"{subject}, condition, line {error.line}, column {error.column}"
        raise Permanent(place, got=error.problem, next_step=error.hint) from error
    if rule.family not in FAMILIES:
        raise Permanent(f"{subject}, family", expected=", ".join(FAMILIES), got=rule.family)
    for variants in rule.reason.values():
        for variant in variants:
            try:
                sentence.check(variant, metrics)
            except sentence.SentenceError as error:
                raise Permanent(f"{subject}, reason", got=str(error)) from error
    return _rule(rule, condition)


def stored_rule(content: dict[str, Any]) -> Rule:
    """Return a rule as `alerts.rule_version` keeps it.

    Raises
    ------
    Permanent
        It names a metric that is no longer declared.
    """
    rule = RuleFile.model_validate(content)
    try:
        return _rule(rule, parse(rule.when, declared().columns))
    except ExpressionError as error:
        raise Permanent(
            f"rule {rule.id}, version {rule.version}, in alerts.rule_version",
            expected="a condition on declared metrics",
            got=error.problem,
            next_step=error.hint or "give the rule a new version that names other metrics, and apply it",
        ) from error


def _rule(content: RuleFile, condition: Expression) -> Rule:
    shown = {name for variants in content.reason.values() for variant in variants for name in sentence.names(variant)}
    return Rule(content, condition, frozenset(names(condition) | shown))


def _check_texts(document: Document, content: RuleFile, metrics: Metrics) -> None:
    for key, texts in (("title", content.title), ("reason", content.reason)):
        if ORIGINAL not in texts:
            raise document.error(
                [key], f"no `{ORIGINAL}` text", f"add `{ORIGINAL}: …`; other languages fall back to it"
            )
        for language in texts:
            if language not in CATALOGS.values():
                hint = did_you_mean(language, sorted(CATALOGS.values()))
                raise document.error([key, language], f"unknown language `{language}`", hint)
    for language, variants in content.reason.items():
        for number, variant in enumerate(variants):
            _check_sentence(document, ["reason", language, number], variant, metrics)


def _check_sentence(document: Document, path: Sequence[str | int], variant: str, metrics: Metrics) -> None:
    try:
        sentence.check(variant, metrics)
    except sentence.SentenceError as error:
        known = [*metrics.metrics, *metrics.attributes]
        unknown = next((name for name in _names_of(variant) if name not in known), "")
        raise document.error(path, str(error), did_you_mean(unknown, known) if unknown else "") from error


def _names_of(variant: str) -> list[str]:
    try:
        return sorted(sentence.names(variant))
    except ValueError:
        return []
