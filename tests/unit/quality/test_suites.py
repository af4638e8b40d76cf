"""The expectations in the repository are sound, and unsound ones are refused with their place."""

from __future__ import annotations

from pathlib import Path

import pytest
from dbt_models import documented
from ruamel.yaml import YAML

from forewarn.config.entities import entities
from forewarn.errors import ConfigError
from forewarn.quality.batches import Bound
from forewarn.quality.suites import Suite, load_gates, load_suite, with_own
from forewarn.quality.validate import build

FOLDER = Path(__file__).resolve().parents[3] / "expectations"
SUITE = """
description: d
owner: data-platform
expectations:
  - name: a
    type: expect_column_values_to_not_be_null
    kwargs: {column: c}
    severity: critical
    example: e
    reason: n
    remedy: r
"""
CHECKPOINTS = """
gates:
  scores:
    description: d
    checks:
      - {suites: [one], table: ml.score, batch: as_of_date}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "one.yml").write_text(SUITE)
    (tmp_path / "checkpoints.yml").write_text(CHECKPOINTS)
    return tmp_path


def suites() -> list[Suite]:
    return [load_suite(file) for file in sorted(FOLDER.rglob("*.yml")) if file.name != "checkpoints.yml"]


def test_the_gates_of_a_day_are_there() -> None:
    gates = load_gates(FOLDER)
    assert list(gates) == ["raw", "features", "scores"]
    assert [check.table for check, _ in gates["scores"].checks] == ["ml.score"]
    used = {suite.name for gate in gates.values() for _, found in gate.checks for suite in found}
    used |= {suite.name for found in gates["raw"].of_entity.values() for suite in found}
    assert used == {suite.name for suite in suites()}, "a suite that no gate uses"


def test_every_gate_can_stop_a_run() -> None:
    for gate in load_gates(FOLDER).values():
        severities = {one.severity for _, found in gate.checks for suite in found for one in suite.expectations}
        assert "critical" in severities


@pytest.mark.capability("C5")
def test_every_expectation_has_an_example_a_reason_a_remedy_and_an_owner() -> None:
    checked = 0
    for suite in suites():
        for one in suite.expectations:
            said = (one.example, one.reason, one.remedy)
            assert all(len(text) > 15 for text in said), f"{suite.name}: {one.name}"
            assert len(set(said)) == 3, f"{suite.name}: {one.name}"
            assert one.owner, f"{suite.name}: {one.name}"
            checked += 1
    assert checked > 100


def test_every_mart_that_is_read_has_a_suite_and_says_its_key() -> None:
    checks = load_gates(FOLDER)["features"].checks
    models = documented(FOLDER.parent / "dbt_project" / "models" / "marts")
    marts = {name for name, model in models.items() if "deprecation_date" not in model} - {"time_spine"}
    held = {check.table: [suite.name for suite in found] for check, found in checks if check.table.startswith("marts.")}
    assert held == {f"marts.{name}": ["mart", name] for name in marts}
    assert all(check.key for check, _ in checks if check.table in held)


def test_every_entity_that_a_stream_may_feed_has_a_suite_of_its_own() -> None:
    assert {file.stem for file in (FOLDER / "entities").glob("*.yml")} == entities().keys()


def test_columns_that_are_expected_are_columns_of_the_models_and_entities() -> None:
    """A misspelt column would stop the run as a critical failure; better to hear of it here."""
    tables: dict[str, set[str]] = {f"entity {name}": set(spec.columns) for name, spec in entities().items()}
    for file in (FOLDER.parent / "dbt_project" / "models" / "marts").rglob("*.yml"):
        for model in YAML(typ="safe").load(file).get("models", []):
            tables[f"marts.{model['name']}"] = {column["name"] for column in model.get("columns", [])}
    gates = load_gates(FOLDER)
    held = [(check.table, suite) for check, found in gates["features"].checks for suite in found]
    held += [(f"entity {name}", suite) for name, found in gates["raw"].of_entity.items() for suite in found]
    checked = 0
    for table, suite in held:
        for expectation in suite.expectations:
            column = expectation.kwargs.get("column", "{")
            if "{" not in column:
                assert column in tables[table], f"{suite.name}: {expectation.name}"
                checked += 1
    assert checked > 30


def _bound(suite: Suite) -> list[Bound]:
    return [
        Bound(e.name, e, suite, {k: 1 if v == "{streams}" or isinstance(v, dict) else v for k, v in e.kwargs.items()})
        for e in suite.expectations
        if e.type
    ]


def test_every_expectation_is_one_that_great_expectations_has() -> None:
    built = [(build(bound), bound) for suite in suites() for bound in _bound(suite)]
    assert len(built) > 50
    assert all(kind.severity.value == bound.expectation.severity for kind, bound in built)


def test_a_company_adds_a_suite_to_a_stream_of_its_own(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "erp.orders.yml").write_text(SUITE)
    gate = with_own(load_gates(folder)["scores"], own, [("erp", "orders")])
    assert [(check.table, [suite.name for suite in found]) for check, found in gate.checks] == [
        ("ml.score", ["one"]),
        ("raw_erp.orders", ["erp.orders"]),
    ]
    with pytest.raises(ConfigError, match=r"erp\.orders\.yml:1:1: there is no stream `erp\.orders`.*`erp\.order`"):
        with_own(load_gates(folder)["scores"], own, [("erp", "order")])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "values_to_not_be_null",
            "values_to_not_be_nul",
            r":6:5: there is no expectation .*did you mean .*not_be_null",
        ),
        ("{column: c}", "{colum: c}", r":7:14: there is no argument `colum`.*did you mean `column`"),
        ("{column: c}", "{}", r":7:5: `column`: .*required"),
        ("{column: c}", "{column: c, mostly: 7}", r":7:25: `mostly`: .*less than or equal to 1"),
        ("severity: critical", "severity: fatal", r":8:5: .*'critical', 'warning' or 'info'"),
        ("    remedy: r\n", "", r":5:5: `remedy` is missing"),
        ("    example: e\n", "", r":5:5: `example` is missing"),
        ("owner: data-platform\n", "", r":1:1: `owner` is missing"),
        ("owner: data-platform", "owner: The Platform", r":3:1: .*pattern"),
        ("name: a", "name: A b", r":5:5: .*pattern"),
        ("reason: n", "reason: n\n    reasn: n", r":11:5: unknown key `reasn`.*did you mean `reason`"),
        ("    reason: n", "    reason: n\n    when: [ordr]", r":11:12: unknown entity `ordr`.*did you mean `order`"),
        (
            "    reason: n",
            "    reason: n\n    when: [order.amont]",
            r":11:12: entity `order` has no column `amont`.*did you mean `amount`",
        ),
        ("    type: expect_column_values_to_not_be_null\n", "", r":5:5: .*expected either `type` or `rows`"),
        ("    severity: critical", "    says: s\n    severity: critical", r":5:5: .*`says` beside `rows`"),
        (SUITE[SUITE.index("  - name") :], SUITE[SUITE.index("  - name") :] * 2, r":12:5: `a` is used twice"),
        ("  - name: a", "  - : :", r":5:\d+: "),
    ],
)
def test_a_suite_that_cannot_be_meant_names_its_place(folder: Path, old: str, new: str, message: str) -> None:
    (folder / "one.yml").write_text(SUITE.replace(old, new))
    with pytest.raises(ConfigError, match=r"one\.yml" + message):
        build(_bound(load_gates(folder)["scores"].checks[0][1][0])[0])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("suites: [one]", "suites: [on]", r":6:19: there is no suite `on`.*did you mean `one`"),
        ("batch: as_of_date", "batch: date", r":6:42: .*'as_of_date', 'run', 'new' or 'whole'"),
        ("table: ml.score", "table: score; drop", r":6:25: .*pattern"),
        ("as_of_date}", "whole, required: [acount]}", r"unknown entity `acount`.*did you mean `account`"),
        ("    description: d\n", "", r":3:3: `description` is missing"),
    ],
)
def test_checkpoints_that_cannot_be_meant_name_their_place(folder: Path, old: str, new: str, message: str) -> None:
    (folder / "checkpoints.yml").write_text(CHECKPOINTS.replace(old, new))
    with pytest.raises(ConfigError, match=r"checkpoints\.yml.*" + message):
        load_gates(folder)
