"""What the pages show can be copied: their examples pass the checks that a reader's own files would meet."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from forewarn.alerts.actions import load_actions
from forewarn.alerts.playbooks import load_playbooks
from forewarn.alerts.rules import load_rules
from forewarn.config.health import load_health
from forewarn.config.project import load_project
from forewarn.expressions.grammar import FUNCTION_NAMES
from forewarn.quality import load_gates
from forewarn.sources import load_sources

PROJECT = Path(__file__).resolve().parents[3]
DOCS = PROJECT / "docs"


def _examples(page: str) -> list[str]:
    found = re.findall(r"^```yaml\n(.*?)^```", (DOCS / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert found, page
    return found


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "sources").mkdir()
    (tmp_path / "rules").mkdir()
    (tmp_path / "forewarn.yml").write_text(_examples("tutorial.md")[0])
    for name in ("playbooks.yml", "routes.yml"):
        shutil.copy(PROJECT / "config" / name, tmp_path)
    return tmp_path


@pytest.mark.capability("C51")
def test_the_source_of_the_tutorial_is_sound(config: Path) -> None:
    (config / "sources" / "shop.yml").write_text(_examples("tutorial.md")[1])
    sources = load_sources(load_project(config))
    assert set(sources["shop"].streams["kunden"].entities) == {"account"}
    assert set(sources["shop"].streams["bestellungen"].entities) == {"order"}


def test_the_source_of_the_how_to_is_sound(config: Path) -> None:
    (config / "sources" / "erp.yml").write_text(_examples("how-to/add-a-source.md")[0])
    assert load_sources(load_project(config))["erp"].streams["orders"].key == ["order_no"]


def test_the_rule_of_the_how_to_is_sound(config: Path) -> None:
    (config / "rules" / "discount_hunger.yml").write_text(_examples("how-to/add-a-rule.md")[0])
    assert [rule.name for rule in load_rules(load_project(config))] == ["discount_hunger"]


def test_the_playbook_and_the_actions_of_the_how_to_are_sound(config: Path) -> None:
    (config / "actions.yml").write_text(_examples("how-to/act-in-other-systems.md")[0])
    levels = "levels: {low: &one {response_days: 1, probability_by_rules: 0.1}, medium: *one, high: *one}\n"
    step = _examples("how-to/write-a-playbook.md")[0].replace("contact_every_days: 7", "actions: [crm, win_back]")
    care = _examples("how-to/write-a-playbook.md")[1]
    (config / "playbooks.yml").write_text(f"each_day: [list_of_the_day]\n{levels}{step}  - {{step: Call.}}\n{care}")
    project = load_project(config)
    assert set(load_actions(project)) == {"crm", "crm_by_post", "win_back", "list_of_the_day"}
    assert load_playbooks(project).steps[0].actions == ["crm", "win_back"]


def test_the_expectations_of_the_how_to_are_those_of_the_repository() -> None:
    shown = "".join(_examples("how-to/add-an-expectation.md"))
    committed = {
        e.name: e
        for gate in load_gates(PROJECT / "expectations").values()
        for _, suites in gate.checks
        for suite in suites
        for e in suite.expectations
    }
    names = re.findall(r"- name: (\w+)", shown)
    assert names == ["discount_share_90d_is_a_share", "every_row_is_accounted_for"]
    for name in names:
        assert all(text in shown for text in (committed[name].example, committed[name].reason, committed[name].remedy))


def test_the_health_of_the_how_to_is_sound(tmp_path: Path) -> None:
    (tmp_path / "health.yml").write_text(_examples("how-to/weigh-health.md")[0])
    known = ["order_gap_ratio", "revenue_trend_90d", "complaints_90d"]
    assert list(load_health(tmp_path / "health.yml", known).types) == ["key account"]


def test_every_function_of_the_language_is_in_its_manual() -> None:
    manual = (DOCS / "reference" / "expressions.md").read_text("utf-8")
    assert [name for name in FUNCTION_NAMES if f"`{name}(" not in manual] == []
