"""health.yml: errors name file, line and column, and the nearest known name; the files that we ship are sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from forewarn.config.health import STANDARD, load_health
from forewarn.config.segments import Lifecycle, Value
from forewarn.config.settings import Settings
from forewarn.errors import ConfigError
from forewarn.warehouse.dbt import measures

PROJECT = Path(__file__).resolve().parents[3]
SOUND = """\
components:
  orders:
    order_gap_ratio: {2: 50, 1: 100, 4: 0}
  service:
    complaints_90d: {0: 100, 3: 0}
weights: {orders: 3, service: 1}
types:
  Key: {orders: 1}
"""


@pytest.fixture
def known() -> list[str]:
    return measures(Settings(PROJECT, PROJECT / "config", PROJECT, "postgresql://", "sqlite://"))


def test_the_variable_has_ordered_points_and_a_weight_for_every_component(tmp_path: Path, known: list[str]) -> None:
    file = tmp_path / "health.yml"
    file.write_text(SOUND)
    assert load_health(file, known).variable() == {
        "components": {
            "orders": {"order_gap_ratio": [(1, 100), (2, 50), (4, 0)]},
            "service": {"complaints_90d": [(0, 100), (3, 0)]},
        },
        "weights": {"orders": 3, "service": 1},
        "types": {"key": {"orders": 1, "service": 0}},
    }


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            ("order_gap_ratio", "order_gap_ration"),
            r"health\.yml:3:5: .*order_gap_ration.*did you mean `order_gap_ratio`",
        ),
        (("{0: 100, 3: 0}", "{0: 100}"), r"health\.yml:5:5: .*fewer than two points"),
        (("{0: 100, 3: 0}", "{0: 101, 3: 0}"), r"health\.yml:5:5: .*got 101"),
        (("service: 1", "usage: 1"), r"health\.yml:6:22: .*weight of `usage`, which has no measures"),
        (("orders: 3, service: 1", "orders: -3, service: 1"), r"health\.yml:6:11: .*got -3"),
        (("Key: {orders: 1}", "Key: {orders: 0}"), r"health\.yml:8:3: .*every weight is zero"),
        (("  service:", "  servise:"), r"health\.yml:4:3: .*servise"),
    ],
)
def test_an_error_has_its_place(tmp_path: Path, known: list[str], wrong: tuple[str, str], message: str) -> None:
    file = tmp_path / "health.yml"
    assert wrong[0] in SOUND
    file.write_text(SOUND.replace(*wrong))
    with pytest.raises(ConfigError, match=message):
        load_health(file, known)


@pytest.mark.parametrize("file", [STANDARD, PROJECT / "config" / "health.yml"])
def test_the_shipped_files_are_sound(file: Path, known: list[str]) -> None:
    assert len(load_health(file, known).components) == 6


def test_dbt_alone_has_the_same_thresholds() -> None:
    variables = YAML(typ="safe").load((PROJECT / "dbt_project" / "dbt_project.yml").read_text())["vars"]
    assert variables["lifecycle"] == Lifecycle().variable()
    assert variables["value"] == Value().model_dump()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dormant_days": 90}, "at_risk_days < dormant_days"),
        ({"won_back_days": 366}, "won_back_days must not be more"),
        ({"lost_usual_gaps": 1}, "dormant_usual_gaps <= lost_usual_gaps"),
        ({"types": {"key account": {"dormant_days": 80}}}, "types, key account: .*at_risk_days < dormant_days"),
        ({"types": {"key account": {"new_days": 80}}}, "types.key account.new_days"),
    ],
)
def test_thresholds_out_of_order_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Lifecycle(**wrong)
