"""dbt's Jinja without dbt: the project's macros and models, rendered for an engine whose adapter is not installed."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
from ruamel.yaml import YAML

from forewarn.config.entities import entities
from forewarn.config.health import STANDARD, load_health
from forewarn.warehouse.dbt import entity_columns

PROJECT = Path(__file__).resolve().parents[3]
DBT = PROJECT / "dbt_project"
_MACRO = re.compile(r"\{% macro (\w+)\(.*?\{%-? endmacro -?%\}", re.DOTALL)


class _Return(Exception):
    def __init__(self, value: Any) -> None:
        self.value = value


def _return(value: Any) -> None:
    raise _Return(value)


class Engine:
    """The macros as `adapter.dispatch` finds them for an engine: `spark__name` before `default__name`."""

    def __init__(self, prefix: str) -> None:
        self.environment = jinja2.Environment(extensions=["jinja2.ext.do"])
        variables = YAML(typ="safe").load((DBT / "dbt_project.yml").read_text("utf-8"))["vars"]
        health = load_health(STANDARD, _figures()).variable()
        feed = {name: [_feed(name)] for name in entities()}
        variables |= {"entities": entity_columns(), "canonical": feed, "health": health}
        settings = {"FOREWARN_AS_OF_DATES": "2024-06-01,2024-07-01", "FOREWARN_TAKE_VERSIONS": "1"}
        self.environment.globals |= {
            "return": _return,
            "var": lambda name, default=None: variables.get(name, default),
            "env_var": lambda name, default="": settings.get(name, default),
            "config": _Config(),
            "ref": lambda name, v=None: f"some.{name}",
            "source": lambda name, table: _Relation(f"raw_{name}.{table}"),
            "this": _Relation("some.this_model"),
            "is_incremental": lambda: True,
            "execute": True,
            "flags": SimpleNamespace(WHICH="build", FULL_REFRESH=False),
            "run_query": lambda query: SimpleNamespace(
                rows=[[datetime.date(2022, 1, 1)]] if "settled_until" in query else [[7, 7, 7]]
            ),
            "fromjson": json.loads,
            "modules": SimpleNamespace(datetime=datetime),
            "exceptions": SimpleNamespace(raise_compiler_error=_return),
            "adapter": SimpleNamespace(
                dispatch=self._dispatch, quote=lambda name: f'"{name}"', get_columns_in_relation=lambda _: _COLUMNS
            ),
            "dbt": SimpleNamespace(
                string_literal=lambda text: "'" + text.replace("'", "''") + "'",
                date_trunc=lambda part, day: f"date_trunc('{part}', {day})",
            ),
            "model": SimpleNamespace(columns=dict.fromkeys(_figures()), config=SimpleNamespace(materialized="table")),
        }
        self.prefix = prefix
        for file in sorted((DBT / "macros").glob("*.sql")):
            for found in _MACRO.finditer(file.read_text("utf-8")):
                self.environment.globals[found[1]] = self._macro(found[0], found[1])

    def macro(self, name: str) -> Callable[..., Any]:
        """Return a macro as a function."""
        return self.environment.globals[name]  # type: ignore[no-any-return]

    def model(self, file: Path) -> str:
        """Return the SQL of a model."""
        return self.environment.from_string(file.read_text("utf-8")).render()

    def _dispatch(self, name: str, namespace: str) -> Callable[..., Any]:
        assert namespace == "forewarn"
        known = self.environment.globals
        return known.get(f"{self.prefix}__{name}") or known[f"default__{name}"]  # type: ignore[no-any-return]

    def _macro(self, text: str, name: str) -> Callable[..., Any]:
        template = self.environment.from_string(text)

        def call(*arguments: Any, **named: Any) -> Any:
            try:
                return getattr(template.module, name)(*arguments, **named)
            except _Return as returned:
                return returned.value

        return call


class _Config:
    """A model's configuration, of which nothing is known here."""

    def __call__(self, **_: Any) -> str:
        return ""

    def get(self, _: str, default: Any = None) -> Any:
        return default


class _Relation(str):
    __slots__ = ()

    @property
    def name(self) -> str:
        return self.identifier

    @property
    def schema(self) -> str:
        return self.partition(".")[0]

    @property
    def identifier(self) -> str:
        return self.partition(".")[2]


_COLUMNS = [SimpleNamespace(name="order_id", dtype="string"), SimpleNamespace(name="_batch_id", dtype="bigint")]


def _figures() -> list[str]:
    models = YAML(typ="safe").load((DBT / "models/marts/churn_features.yml").read_text("utf-8"))["models"]
    return [column["name"] for column in models[0]["columns"]]


def _feed(entity: str) -> dict[str, Any]:
    columns = {name: name for name in entities()[entity].columns}
    return {"source": "s", "table": entity, "columns": columns, "where": None, "distinct": True, "account_source": "s"}
