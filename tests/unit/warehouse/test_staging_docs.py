"""The committed documentation of the staging models says what entities.yml says."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from forewarn.config.entities import entities

FOLDER = Path(__file__).resolve().parents[3] / "dbt_project" / "models" / "staging"
MODELS = {model["name"]: model for model in YAML(typ="safe").load((FOLDER / "staging.yml").read_text())["models"]}


def _model(entity: str) -> str:
    return f"stg_{entity.removesuffix('y')}ies" if entity.endswith("y") else f"stg_{entity}s"


def test_every_entity_has_one_model_and_every_model_an_entity():
    expected = {_model(name) for name in entities()}
    assert set(MODELS) == expected
    assert {file.stem for file in FOLDER.glob("*.sql")} == expected


@pytest.mark.parametrize("name", sorted(entities()))
def test_columns_and_descriptions_agree(name):
    entity, model = entities()[name], MODELS[_model(name)]
    documented = {column["name"]: column["description"] for column in model["columns"]}
    added = {"source", "_loaded_at", "_batch_id"} | ({"account_source"} if entity.refers else set())
    assert set(documented) - added == set(entity.columns)
    assert {column: documented[column] for column in entity.columns} == {
        column: spec.description for column, spec in entity.columns.items()
    }


@pytest.mark.parametrize("name", sorted(entities()))
def test_the_grain_is_tested_and_required_columns_are_not_null(name):
    entity, model = entities()[name], MODELS[_model(name)]
    keys = [key.strip() for key in entity.key.split(",")]
    assert model["data_tests"] == [{"one_row_per": {"arguments": {"columns": ["source", *keys]}}}]
    checked = {column["name"] for column in model["columns"] if "not_null" in column.get("data_tests", [])}
    assert checked == {column for column, spec in entity.columns.items() if spec.required} - set(keys)
