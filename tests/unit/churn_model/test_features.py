"""The features contract and the mart agree."""

from pathlib import Path

from ruamel.yaml import YAML

from churn_model.explain import FAMILIES
from churn_model.features import FEATURES, NAMES

MART = Path(__file__).resolve().parents[3] / "dbt_project" / "models" / "marts" / "churn_features.yml"


def test_every_feature_is_a_number_of_the_mart():
    models = YAML(typ="safe").load(MART.read_text(encoding="utf-8"))["models"]
    columns = next(model["columns"] for model in models if model["name"] == "churn_features")
    types = {column["name"]: column["data_type"] for column in columns}
    assert {name: types.get(name) for name in NAMES} == dict.fromkeys(NAMES, "double precision")
    assert set(types) - set(NAMES) == {"customer_id", "as_of_date"}


def test_each_feature_is_declared_once():
    assert len(set(NAMES)) == len(NAMES) == 61


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
    )
    assert all(feature.unit for feature in FEATURES)
