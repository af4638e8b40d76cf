"""What `churn_features` says its features rest on is what its SQL reads."""

import re
from pathlib import Path
from typing import Any

import jinja2
import pytest

from forewarn.config.entities import entities
from forewarn.config.settings import Settings
from forewarn.warehouse.late import reads

PROJECT = Path(__file__).parents[3]
SQL = (PROJECT / "dbt_project" / "models" / "marts" / "churn_features.sql").read_text(encoding="utf-8")
ASKED = sorted(set(re.findall(r"is_fed\('(\w+)'", SQL)))


def features(missing: str = "") -> tuple[set[str], set[str]]:
    """Return the model's features, and those that it leaves unknown without an entity."""

    def feature(fed: bool, *_: str) -> str:
        return "KNOWN" if fed else "UNKNOWN"

    def anything(*_: Any, **more: Any) -> str:
        return more["caller"]() if "caller" in more else ""

    names: dict[str, Any] = dict.fromkeys(re.findall(r"\b([a-z_]+)\(", SQL), anything)
    names |= dict.fromkeys(["feature", "feature_count", "feature_ratio"], feature)
    names["is_fed"] = lambda entity, column=None: entity != missing
    written = jinja2.Environment(autoescape=True, extensions=["jinja2.ext.do"]).from_string(SQL).render(names)
    found = re.findall(r"\b(KNOWN|UNKNOWN) as (\w+)", written)
    return {name for _, name in found}, {name for known, name in found if known == "UNKNOWN"}


@pytest.fixture(scope="module")
def declared() -> dict[str, list[str]]:
    return reads(Settings(PROJECT, PROJECT / "config", PROJECT, "", ""))


@pytest.mark.capability("B6")
@pytest.mark.parametrize("entity", ASKED)
def test_a_feature_that_is_unknown_without_an_entity_says_that_it_rests_on_it(
    entity: str, declared: dict[str, list[str]]
) -> None:
    every, unknown = features(entity)
    assert unknown <= set(declared.get(entity, [])) <= every, f"meta.reads.{entity} of churn_features.yml"


def test_every_feature_but_the_age_of_the_customer_rests_on_something(declared: dict[str, list[str]]) -> None:
    every, _ = features()
    assert len(every) > 70
    assert every - {name for names in declared.values() for name in names} == {"tenure_days"}
    assert set(ASKED) <= set(declared) <= set(entities())
