"""Every model says its grain first, describes every column, and is tested."""

from pathlib import Path

import pytest
from dbt_models import documented

PROJECT = Path(__file__).resolve().parents[3] / "dbt_project"
DOCUMENTED = documented(PROJECT / "models")
MODELS = sorted(file.stem for file in (PROJECT / "models").rglob("*.sql"))


def test_every_model_is_documented():
    assert len(MODELS) > 30
    assert sorted(DOCUMENTED) == MODELS


@pytest.mark.parametrize("name", MODELS)
def test_the_description_begins_with_the_grain(name):
    assert DOCUMENTED[name]["description"].startswith("One row per ")


@pytest.mark.parametrize("name", MODELS)
def test_every_column_is_described(name):
    columns = DOCUMENTED[name]["columns"]
    assert columns
    assert [column["name"] for column in columns if not column.get("description")] == []


@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_a_test_of_its_rows(name):
    model = DOCUMENTED[name]
    if "deprecation_date" in model:
        # A view of the newest version, whose rows are tested there.
        assert f"Deprecated until {model['deprecation_date']}: read " in " ".join(model["description"].split())
        return
    assert [*model.get("data_tests", []), *(test for one in model["columns"] for test in one.get("data_tests", []))]
