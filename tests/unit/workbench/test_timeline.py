"""Every event has a department, so that none is missing from a timeline that is read by department."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from forewarn.config.entities import entities
from forewarn.warehouse.records import TELLS_OF
from forewarn.workbench.rendering import language
from forewarn.workbench.timeline import DEPARTMENTS

SPINE = Path(__file__).resolve().parents[3] / "dbt_project/models/intermediate/int_customer_events.sql"


@pytest.mark.capability("C50")
def test_each_entity_of_the_spine_is_of_one_department_and_tells_of_a_record_with_a_name() -> None:
    spine = re.findall(r"^        'entity': '(\w+)'|^    \{'entity': '(\w+)'", SPINE.read_text(encoding="utf-8"), re.M)
    of_departments = [entity for some in DEPARTMENTS.values() for entity in some]
    assert sorted(of_departments) == sorted(one or other for one, other in spine)
    for entity in {TELLS_OF.get(entity, entity) for entity in of_departments}:
        assert entity in entities()
        assert all(language(locale).knows("desk", "entity", entity) for locale in ("en", "zh_CN")), entity
