"""The expectations in the repository are sound, and unsound ones are refused with their place."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from forewarn.errors import ConfigError
from forewarn.quality.batches import Batch
from forewarn.quality.suites import Suite, load_gates
from forewarn.quality.validate import build

FOLDER = Path(__file__).resolve().parents[3] / "expectations"
SUITE = """
description: d
expectations:
  - name: a
    type: expect_column_values_to_not_be_null
    kwargs: {column: c}
    severity: critical
    notes: n
    remedy: r
"""
CHECKPOINTS = """
gates:
  scores:
    description: d
    checks:
      - {suite: one, table: ml.score, batch: as_of_date}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "one.yml").write_text(SUITE)
    (tmp_path / "checkpoints.yml").write_text(CHECKPOINTS)
    return tmp_path


def test_the_gates_of_a_day_are_there() -> None:
    gates = load_gates(FOLDER)
    assert list(gates) == ["raw", "features", "scores"]
    assert [check.table for check, _ in gates["scores"].checks] == ["ml.score"]
    used = {suite.name for gate in gates.values() for _, suite in gate.checks}
    assert used == {file.stem for file in FOLDER.glob("*.yml")} - {"checkpoints"}, "a suite that no gate uses"


def test_every_gate_can_stop_a_run_and_every_expectation_says_what_to_do() -> None:
    for gate in load_gates(FOLDER).values():
        expectations = [expectation for _, suite in gate.checks for expectation in suite.expectations]
        assert any(expectation.severity == "critical" for expectation in expectations)
        assert all(len(expectation.remedy) > 15 and len(expectation.notes) > 15 for expectation in expectations)


def test_columns_that_are_expected_are_columns_of_the_models() -> None:
    """A misspelt column would stop the run as a critical failure; better to hear of it here."""
    models: dict[str, set[str]] = {}
    for file in (FOLDER.parent / "dbt_project" / "models" / "marts").glob("*.yml"):
        for model in YAML(typ="safe").load(file).get("models", []):
            models[f"marts.{model['name']}"] = {column["name"] for column in model.get("columns", [])}
    checked = 0
    for check, suite in load_gates(FOLDER)["features"].checks:
        for expectation in suite.expectations:
            if column := expectation.kwargs.get("column"):
                assert column in models[check.table], f"{suite.name}: {expectation.name}"
                checked += 1
    assert checked > 25


def _batch(suite: Suite) -> Batch:
    filled = [
        {k: 1 if v == "{streams}" or isinstance(v, dict) else v for k, v in e.kwargs.items()}
        for e in suite.expectations
    ]
    expectations = tuple((e.name, e, kwargs) for e, kwargs in zip(suite.expectations, filled, strict=True))
    return Batch(table="t", query=None, when_empty="critical", suite=suite, expectations=expectations)


def test_every_expectation_is_one_that_great_expectations_has() -> None:
    for gate in load_gates(FOLDER).values():
        for _, suite in gate.checks:
            built = build(_batch(suite))
            assert list(built) == ["not_empty", *(expectation.name for expectation in suite.expectations)]
            assert [b.severity.value for b in built.values()][1:] == [e.severity for e in suite.expectations]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "values_to_not_be_null",
            "values_to_not_be_nul",
            r":5:5: there is no expectation .*did you mean .*not_be_null",
        ),
        ("{column: c}", "{colum: c}", r":6:14: there is no argument `colum`.*did you mean `column`"),
        ("{column: c}", "{}", r":6:5: `column`: .*required"),
        ("{column: c}", "{column: c, mostly: 7}", r":6:25: `mostly`: .*less than or equal to 1"),
        ("severity: critical", "severity: fatal", r":7:5: .*'critical', 'warning' or 'info'"),
        ("    remedy: r\n", "", r":4:5: `remedy` is missing"),
        ("name: a", "name: A b", r":4:5: .*pattern"),
        ("notes: n", "notes: n\n    note: n", r":9:5: unknown key `note`.*did you mean `notes`"),
        ("    notes: n", "    notes: n\n    when: [ordr]", r":9:12: unknown entity `ordr`.*did you mean `order`"),
        (SUITE[SUITE.index("  - name") :], SUITE[SUITE.index("  - name") :] * 2, r":10:5: `a` is used twice"),
        ("  - name: a", "  - : :", r":4:\d+: "),
    ],
)
def test_a_suite_that_cannot_be_meant_names_its_place(folder: Path, old: str, new: str, message: str) -> None:
    (folder / "one.yml").write_text(SUITE.replace(old, new))
    with pytest.raises(ConfigError, match=r"one\.yml" + message):
        build(_batch(load_gates(folder)["scores"].checks[0][1]))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("suite: one", "suite: on", r":6:10: there is no suite `on`.*did you mean `one`"),
        ("batch: as_of_date", "batch: date", r":6:39: .*'as_of_date', 'run', 'newest' or 'whole'"),
        ("table: ml.score", "table: score; drop", r":6:22: .*pattern"),
        ("as_of_date}", "whole, required: [acount]}", r"unknown entity `acount`.*did you mean `account`"),
        ("    description: d\n", "", r":3:3: `description` is missing"),
    ],
)
def test_checkpoints_that_cannot_be_meant_name_their_place(folder: Path, old: str, new: str, message: str) -> None:
    (folder / "checkpoints.yml").write_text(CHECKPOINTS.replace(old, new))
    with pytest.raises(ConfigError, match=r"checkpoints\.yml.*" + message):
        load_gates(folder)
