"""The features contract and the mart agree."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from churn_model.explain import FAMILIES
from churn_model.features import FEATURES, HELD_BACK, NAMES
from forewarn.warehouse.records import TRACES

MART = Path(__file__).resolve().parents[3] / "dbt_project" / "models" / "marts" / "churn_features.yml"


def test_every_feature_is_a_number_of_the_mart():
    models = YAML(typ="safe").load(MART.read_text(encoding="utf-8"))["models"]
    columns = next(model["columns"] for model in models if model["name"] == "churn_features")
    types = {column["name"]: column["data_type"] for column in columns}
    assert {name: types.get(name) for name in NAMES} == dict.fromkeys(NAMES, "double precision")
    # A contract's row tells today's price and term only: on a past date they would say who stayed (decision 0010).
    assert {feature.name for feature in HELD_BACK} == {"mrr", "days_to_renewal"}
    assert set(types) - set(NAMES) == {"customer_id", "as_of_date", "mrr", "days_to_renewal"}


def test_each_feature_is_declared_once():
    assert len(set(NAMES)) == len(NAMES) == 108


@pytest.mark.capability("B4")
def test_of_every_feature_the_records_behind_it_can_be_found():
    assert {*NAMES, *(feature.name for feature in HELD_BACK)} == set(TRACES)


def test_the_families_are_those_that_the_playbooks_speak_of():
    assert FAMILIES == (
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
    assert all(feature.unit for feature in FEATURES)
