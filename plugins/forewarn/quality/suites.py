"""Read `expectations/`: one suite of expectations per table, and `checkpoints.yml`: what each gate checks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from forewarn.config.entities import entities
from forewarn.config.yaml import Document, did_you_mean

Severity = Literal["critical", "warning", "info"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Expectation(_Strict):
    """One expectation of a suite.

    Attributes
    ----------
    name
        Unique in the suite; results are recorded under it.
    type, kwargs
        As Great Expectations names them. A text `{key}` stands for each key column of a stream, `{streams}` for the
        number of configured streams; `{share_of_before: 0.5}` for half of the rows of the date before, without which
        the expectation is left out.
    severity
        `critical` stops the run, `warning` is reported, `info` is kept.
    when
        Canonical entities: expected only where a source feeds one of them.
    notes, remedy
        Why it is expected; what to do when it is not so.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    type: str
    kwargs: dict[str, Any] = Field(default_factory=dict)
    severity: Severity
    when: tuple[str, ...] = ()
    notes: str
    remedy: str


class _Suite(_Strict):
    description: str
    expectations: tuple[Expectation, ...] = Field(min_length=1)


class Check(_Strict):
    """One suite on one table.

    Attributes
    ----------
    table
        `schema.table`; `raw_{source}.{stream}` stands for the table of every configured stream.
    batch
        Which rows: `as_of_date` those of the date, `run` the batches of the run, `newest` those of the stream's last
        landing that brought rows, `whole` all.
    required
        For tables of streams: those that feed one of these entities must hold rows. Others may be empty,
        with a warning; one that says `allow_empty` without.
    """

    suite: str
    table: str = Field(pattern=r"^[a-z_{][\w{}]*\.[\w{}]+$")
    batch: Literal["as_of_date", "run", "newest", "whole"]
    required: tuple[str, ...] = ()


class _Gate(_Strict):
    description: str
    checks: tuple[Check, ...] = Field(min_length=1)


class _Checkpoints(_Strict):
    gates: dict[str, _Gate]


@dataclass(frozen=True)
class Suite:
    """One file of expectations."""

    name: str
    description: str
    expectations: tuple[Expectation, ...]
    document: Document


@dataclass(frozen=True)
class Gate:
    """What one gate checks: suites with where they apply."""

    name: str
    description: str
    checks: tuple[tuple[Check, Suite], ...]


def load_gates(folder: Path) -> dict[str, Gate]:
    """Return every gate of an `expectations/` folder by name.

    Raises
    ------
    ConfigError
        With file, line, column and a hint.
    """
    document = Document(folder / "checkpoints.yml")
    suites = {file.stem: file for file in sorted(folder.glob("*.yml")) if file.name != "checkpoints.yml"}
    gates = {}
    for name, gate in document.read(_Checkpoints).gates.items():
        checks = []
        for index, check in enumerate(gate.checks):
            place = ("gates", name, "checks", index)
            if check.suite not in suites:
                hint = did_you_mean(check.suite, list(suites))
                raise document.error((*place, "suite"), f"there is no suite `{check.suite}`", hint)
            _check_entities(document, (*place, "required"), check.required)
            checks.append((check, _load_suite(suites[check.suite])))
        gates[name] = Gate(name, gate.description, tuple(checks))
    return gates


def _load_suite(file: Path) -> Suite:
    document = Document(file)
    content = document.read(_Suite)
    seen: set[str] = set()
    for index, expectation in enumerate(content.expectations):
        place = ("expectations", index)
        if expectation.name in seen:
            raise document.error((*place, "name"), f"`{expectation.name}` is used twice", "give it another name")
        seen.add(expectation.name)
        _check_entities(document, (*place, "when"), expectation.when)
    return Suite(file.stem, content.description, content.expectations, document)


def _check_entities(document: Document, place: tuple[str | int, ...], named: tuple[str, ...]) -> None:
    for index, name in enumerate(named):
        if name not in entities():
            raise document.error((*place, index), f"unknown entity `{name}`", did_you_mean(name, list(entities())))
