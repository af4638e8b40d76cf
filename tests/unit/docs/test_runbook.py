"""Whatever Forewarn tells by itself has a section in the runbook."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from forewarn.alerts.dispatch import KINDS
from forewarn.alerts.operations import Trouble

RUNBOOK = (Path(__file__).resolve().parents[3] / "docs" / "runbook.md").read_text("utf-8")
TROUBLES = get_args(get_type_hints(Trouble)["kind"])
# What says itself what is to do; troubles stand under their own kind.
SELF_EXPLAINING = {"action", "reminder", "report", "stage", "operations"}


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("kind", sorted({*TROUBLES, *KINDS} - SELF_EXPLAINING))
def test_each_kind_of_message_leads_to_a_section(kind: str) -> None:
    (row,) = re.findall(rf"^\| `{kind}` \|.*", RUNBOOK, re.MULTILINE)
    sections = {anchor(heading) for heading in re.findall(r"^## (.*)", RUNBOOK, re.MULTILINE)}
    named = re.findall(r"\]\(#(.*?)\)", row)
    assert named
    assert set(named) <= sections
