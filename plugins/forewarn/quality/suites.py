"""Read `expectations/`: suites of expectations, and `checkpoints.yml`: what each gate checks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from forewarn.config.entities import entities
from forewarn.config.yaml import Document, did_you_mean

Severity = Literal["critical", "warning", "info"]
# Columns whose values may be shown to people and kept: they name a place, never a customer.
Shown = Literal["source", "stream", "column_name", "month", "definition", "as_of_date", "stage", "kind"]
# The suite that every entity is held to, and what stands for it and the entity's own in `checkpoints.yml`.
ENTITY, OF_ENTITY = "entity", "{entity}"
CHECKPOINTS = "checkpoints.yml"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Expectation(_Strict):
    """One expectation of a suite, either of Great Expectations (`type`, `kwargs`) or in SQL (`rows`, `says`).

    Attributes
    ----------
    name
        Unique in the suite; results are recorded under it.
    type, kwargs
        As Great Expectations names them. A text `{key}` stands for each key column, `{required}` for each column that
        the entity must have; `{share_of_before: 0.5}` for half of the rows of the date before, without which the
        expectation is left out.
    rows, says
        SQL of the rows that should not be there, and what is expected in words. The placeholders of the SQL stand in
        docs/how-to/add-an-expectation.md.
    names
        Columns of `rows` that say where it is wrong, for the report; only such as hold no customer's data.
    severity
        `critical` stops the run, `warning` is reported, `info` is kept.
    owner
        Who is to act; by default the suite's.
    when
        Entities, or columns as `entity.column`: expected only where sources feed all of them.
    example, reason, remedy
        A made-up row that breaks it; why it matters; what to do about it.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    type: str | None = None
    kwargs: dict[str, Any] = Field(default_factory=dict)
    rows: str | None = None
    says: str = ""
    names: tuple[Shown, ...] = ()
    severity: Severity
    owner: str = Field(default="", pattern=r"^([a-z][a-z0-9-]*)?$")
    when: tuple[str, ...] = ()
    example: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    remedy: str = Field(min_length=1)

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.type is None) == (self.rows is None):
            raise ValueError("expected either `type` or `rows`")
        if (self.rows is not None) != bool(self.says):
            raise ValueError("expected `says` beside `rows`, and only there")
        return self


class _Suite(_Strict):
    description: str
    owner: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    expectations: tuple[Expectation, ...] = Field(min_length=1)


class Check(_Strict):
    """Suites on one table.

    Attributes
    ----------
    suites
        Names of files. `{entity}` stands for `entity` and the suite of each entity that a stream feeds: its rows are
        then seen as rows of that entity, under the entity's names of columns.
    table
        `schema.table`; `raw_{source}.{stream}` stands for the table of every configured stream.
    batch
        Which rows: `as_of_date` those of the date, `run` the batches of the run, `new` those that landed since the gate
        last let a run pass, `whole` all.
    where
        SQL condition of the rows that are looked at, where all would be too many; may hold `{as_of_date}`.
    key
        Columns that are unique among the rows; a stream's and an entity's are known.
    allow_empty
        Whether there may be no row.
    required
        For tables of streams: those that feed one of these entities must hold rows. Others may be empty,
        with a warning; one that says `allow_empty` without.
    """

    suites: tuple[str, ...] = Field(min_length=1)
    table: str = Field(pattern=r"^[a-z_{][\w{}]*\.[\w{}]+$")
    batch: Literal["as_of_date", "run", "new", "whole"]
    where: str = ""
    allow_empty: bool = False
    key: tuple[str, ...] = ()
    required: tuple[str, ...] = ()


class _Gate(_Strict):
    description: str
    checks: tuple[Check, ...] = Field(min_length=1)


class _Checkpoints(_Strict):
    gates: dict[str, _Gate]


@dataclass(frozen=True)
class Suite:
    """One file of expectations; each has its owner."""

    name: str
    description: str
    expectations: tuple[Expectation, ...]
    document: Document


@dataclass(frozen=True)
class Gate:
    """What one gate checks: suites with where they apply; `of_entity` are those that `{entity}` stands for."""

    name: str
    description: str
    checks: tuple[tuple[Check, tuple[Suite, ...]], ...]
    of_entity: dict[str, tuple[Suite, ...]]


def load_gates(folder: Path) -> dict[str, Gate]:
    """Return every gate of an `expectations/` folder by name.

    Raises
    ------
    ConfigError
        With file, line, column and a hint.
    """
    document = Document(folder / CHECKPOINTS)
    files = [file for file in sorted(folder.rglob("*.yml")) if file.name != CHECKPOINTS]
    suites: dict[str, Suite] = {}
    for file in files:
        suite = load_suite(file)
        if suite.name in suites:
            raise suite.document.error((), f"there are two suites `{suite.name}`", "give the file another name")
        suites[suite.name] = suite
    of_entity = {entity: tuple(suites[name] for name in (ENTITY, entity) if name in suites) for entity in entities()}
    gates = {}
    for name, gate in document.read(_Checkpoints).gates.items():
        checks = []
        for index, check in enumerate(gate.checks):
            place = ("gates", name, "checks", index)
            for number, wanted in enumerate(check.suites):
                if wanted != OF_ENTITY and wanted not in suites:
                    hint = did_you_mean(wanted, list(suites))
                    raise document.error((*place, "suites", number), f"there is no suite `{wanted}`", hint)
            _check_known(document, (*place, "required"), check.required)
            checks.append((check, tuple(suites[wanted] for wanted in check.suites if wanted != OF_ENTITY)))
        gates[name] = Gate(name, gate.description, tuple(checks), of_entity)
    return gates


def with_own(gate: Gate, folder: Path, streams: Collection[tuple[str, str]]) -> Gate:
    """Return a gate with a company's own suites of its streams, files named `SOURCE.STREAM.yml`.

    Raises
    ------
    ConfigError
        A file's name is no configured stream, or it says something that cannot be meant.
    """
    known = [f"{source}.{stream}" for source, stream in streams]
    checks = []
    for file in sorted(folder.glob("*.yml")):
        suite = load_suite(file)
        if suite.name not in known:
            raise suite.document.error((), f"there is no stream `{suite.name}`", did_you_mean(suite.name, known))
        check = Check(suites=(suite.name,), table=f"raw_{suite.name}", batch="new")
        checks.append((check, (suite,)))
    return replace(gate, checks=(*gate.checks, *checks))


def load_suite(file: Path) -> Suite:
    """Return one suite.

    Raises
    ------
    ConfigError
        With file, line, column and a hint.
    """
    document = Document(file)
    content = document.read(_Suite)
    seen: set[str] = set()
    for index, expectation in enumerate(content.expectations):
        place = ("expectations", index)
        if expectation.name in seen:
            raise document.error((*place, "name"), f"`{expectation.name}` is used twice", "give it another name")
        seen.add(expectation.name)
        _check_known(document, (*place, "when"), expectation.when)
    owned = tuple(one.model_copy(update={"owner": one.owner or content.owner}) for one in content.expectations)
    return Suite(file.stem, content.description, owned, document)


def _check_known(document: Document, place: tuple[str | int, ...], named: tuple[str, ...]) -> None:
    for index, name in enumerate(named):
        entity, _, column = name.partition(".")
        if entity not in entities():
            hint = did_you_mean(entity, list(entities()))
            raise document.error((*place, index), f"unknown entity `{entity}`", hint)
        columns = entities()[entity].columns
        if column and column not in columns:
            hint = did_you_mean(column, list(columns))
            raise document.error((*place, index), f"entity `{entity}` has no column `{column}`", hint)
