"""The schemas for editors accept every file that is shipped, and mark what Forewarn itself would refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

PROJECT = Path(__file__).resolve().parents[3]
FILES = {
    "source": [*PROJECT.glob("config/sources/*.yml"), *PROJECT.glob("config/datasets/*/sources/*.yml")],
    "rule": [*PROJECT.glob("config/rules/*.yml"), *PROJECT.glob("config/datasets/*/rules/*.yml")],
    "forewarn": [PROJECT / "config/forewarn.yml", *PROJECT.glob("config/datasets/*/forewarn.yml")],
}


PLAYBOOKS = PROJECT / "config/playbooks.yml"


def _validator(name: str) -> Draft202012Validator:
    schema = json.loads((PROJECT / f"docs/reference/{name}.schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def _content(file: Path) -> Any:
    # Editors see a date as the text that it is.
    return json.loads(json.dumps(YAML(typ="safe").load(file), default=str))


@pytest.mark.parametrize("name", FILES)
def test_every_file_that_is_shipped_fits(name: str) -> None:
    assert len(FILES[name]) >= 3
    for file in FILES[name]:
        assert [error.message for error in _validator(name).iter_errors(_content(file))] == [], file


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("streams", "orders", "curser"), "placed_at"),
        (("streams", "orders", "entities", "ordre"), {"columns": {}}),
        (("streams", "orders", "entities", "order", "columns", "order_nr"), "order_no"),
        (("streams", "orders", "mode"), "upsert"),
        (("streams", "orders", "freshness", "warn_after"), "2 fortnights"),
        (("streams", "orders", "min_share"), 2),
        (("kind",), "ftp"),
    ],
)
def test_a_mistake_in_a_source_is_marked(keys: tuple[str, ...], value: object) -> None:
    content = _content(PROJECT / "config/sources/erp.yml")
    assert _validator("source").is_valid(content)
    place = content
    for key in keys[:-1]:
        place = place.setdefault(key, {})
    place[keys[-1]] = value
    assert not _validator("source").is_valid(content)


@pytest.mark.parametrize(
    ("change", "valid"),
    [
        ({}, True),
        ({"each_day": ["list"]}, True),
        ({"each_day": "list"}, False),
        ({"after_purchase": [{"id": "a", "when": "amount > 1", "days": 3, "step": "Ask."}]}, True),
        ({"after_purchase": [{"id": "a", "when": "amount > 1", "days": 0, "step": "Ask."}]}, False),
        ({"stepps": []}, False),
    ],
)
def test_a_mistake_in_playbooks_is_marked(change: dict[str, object], valid: bool) -> None:
    assert _validator("playbooks").is_valid(_content(PLAYBOOKS) | change) == valid


@pytest.mark.parametrize(
    ("action", "valid"),
    [
        ({"kind": "report"}, True),
        ({"kind": "reports"}, False),
        ({"kind": "airflow_dag"}, False),
        ({"kind": "crm_task", "connection": "c", "path": "/t/{external_id}", "body": {}}, True),
        ({"kind": "crm_task", "connection": "c", "path": "/t/{external_id}", "body": {}, "methd": "PUT"}, False),
    ],
)
def test_a_mistake_in_actions_is_marked(action: dict[str, object], valid: bool) -> None:
    assert _validator("actions").is_valid({"actions": {"one": action}}) == valid
