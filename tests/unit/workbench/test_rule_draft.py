"""A rule's condition in parts says the same as the whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from forewarn.alerts.metrics import declared
from forewarn.alerts.rules import Rule, load_rules
from forewarn.config.project import load_project
from forewarn.expressions import parse
from forewarn.workbench.rule_draft import Draft

RULES = load_rules(load_project(Path(__file__).resolve().parents[3] / "config"))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_parts_of_each_rule_say_what_the_rule_says(rule: Rule) -> None:
    draft = Draft.of(rule)
    texts = [one.text for one in draft.conditions()]
    join, _ = draft._parts()
    again = parse(f"\n{join} ".join(texts), declared().columns, expect="boolean")
    assert again == parse(rule.content.when.strip(), declared().columns, expect="boolean")


def test_a_condition_taken_into_the_fields_and_added_again_says_the_same() -> None:
    draft = Draft(when="segment = 'it''s retail'\nand mrr is not null\nand days_since_last_order >= 90")
    for place, metric in ((0, "segment"), (0, "mrr"), (0, "days_since_last_order")):
        taken = draft.model_copy(update={"change": place}).without_condition()
        assert (taken.metric, taken.metric in taken.when) == (metric, False)
        draft = taken.with_condition()
    texts = [one.text for one in draft.conditions()]
    assert texts == ["segment = 'it''s retail'", "NOT mrr IS NULL", "days_since_last_order >= 90"]


def test_a_part_reads_as_it_was_written() -> None:
    draft = Draft(when="revenue_30d <= 0.5 * revenue_prior_90d / 3\nand orders_365d >= 12")
    assert [one.text for one in draft.conditions()] == [
        "revenue_30d <= 0.5 * revenue_prior_90d / 3",
        "orders_365d >= 12",
    ]


@pytest.mark.parametrize("when", ["", "days_since_last_ordr > 1", "mrr > ((1"])
def test_what_cannot_be_read_has_no_parts(when: str) -> None:
    assert Draft(when=when, change=0).without_condition().when == when
    assert Draft(when=when).conditions() == []
