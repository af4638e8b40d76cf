"""Whatever Forewarn tells by itself has a section in the runbook."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from ruamel.yaml import YAML

from forewarn.alerts.dispatch import KINDS
from forewarn.alerts.operations import Trouble
from forewarn.telemetry import FIGURES

PROJECT = Path(__file__).resolve().parents[3]
RUNBOOK = (PROJECT / "docs" / "runbook.md").read_text("utf-8")
TROUBLES = get_args(get_type_hints(Trouble)["kind"])
# What says itself what is to do; troubles stand under their own kind.
SELF_EXPLAINING = {"action", "reminder", "report", "stage", "operations"}


RULES = YAML(typ="safe").load(PROJECT / "docker" / "prometheus-rules.yml")["groups"][0]["rules"]
WATCH = (PROJECT / "docs" / "how-to" / "watch-the-platform.md").read_text("utf-8")
MEASURED = {figure.name for figure in FIGURES} | {"forewarn_workbench_request_seconds_count"}


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


SECTIONS = {anchor(heading) for heading in re.findall(r"^## (.*)", RUNBOOK, re.MULTILINE)}


@pytest.mark.parametrize("kind", sorted({*TROUBLES, *KINDS} - SELF_EXPLAINING))
def test_each_kind_of_message_leads_to_a_section(kind: str) -> None:
    (row,) = re.findall(rf"^\| `{kind}` \|.*", RUNBOOK, re.MULTILINE)
    named = re.findall(r"\]\(#(.*?)\)", row)
    assert named
    assert set(named) <= SECTIONS


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_each_alert_asks_for_a_figure_that_is_there_and_leads_to_a_section(rule: dict[str, Any]) -> None:
    assert set(re.findall(r"forewarn_\w+", rule["expr"])) <= MEASURED
    page, _, section = rule["annotations"]["runbook"].partition("#")
    assert (PROJECT / page).is_file()
    assert section in {*SECTIONS, ""}
    assert f"`{rule['expr']}`" in WATCH
