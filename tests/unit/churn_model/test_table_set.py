"""A table of customers by configuration alone, and the ways in which it can be wrong."""

import re
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from churn_model.table_set import encode, judge_table
from forewarn.config.table_set import TableSet
from forewarn.errors import ConfigError, ModelRejected

PROJECT = Path(__file__).resolve().parents[3]
SHARED = PROJECT.parent / "shared" / "data"
YAML = "file: customers.csv\ntarget: left\npositive: 'yes'\ncustomer_id: id\nexclude: [note]\n"


def _frame(rows: int = 400) -> pd.DataFrame:
    random = np.random.default_rng(2)
    plan = random.choice(["month", "year"], rows)
    age = random.integers(18, 90, rows).astype(float)
    risk = 1 / (1 + np.exp(1.5 - 2 * (plan == "month") - 0.002 * (age - 50) ** 2))
    frame = pd.DataFrame({"id": range(rows), "plan": plan, "age": age, "empty": None, "note": "x"})
    frame["left"] = np.where(random.random(rows) < risk, "yes", "no")
    frame["charges"] = np.where(random.random(rows) < 0.03, " ", random.integers(10, 99, rows).astype(str))
    return frame


def _write(folder: Path, frame: pd.DataFrame, yaml: str = YAML) -> Path:
    frame.to_csv(folder / "customers.csv", index=False)
    (folder / "customers.yml").write_text(yaml)
    return folder / "customers.yml"


def test_columns_become_numbers_and_categories_and_what_says_nothing_is_left_out():
    table = encode(
        TableSet(file=Path("f.csv"), target="left", positive="yes", customer_id="id", exclude=["note"]), _frame()
    )
    assert table.names == ["plan", "age", "charges"]
    assert table.categorical.tolist() == [True, False, False]
    assert np.isnan(table.features[:, 2]).mean() == pytest.approx(0.03, abs=0.02)


def test_a_table_is_judged_with_its_spread(tmp_path):
    found = judge_table(_write(tmp_path, _frame()))
    assert list(found.metrics) == ["one column", "logistic", "boosting", "average"]
    assert {len(parts) for parts in found.metrics.values()} == {5}
    assert 0.65 < found.mean(found.best(), "auc") < 0.95
    assert found.verdict().taken, found.verdict().reason


def _weak(kind: str, rows: int = 300) -> pd.DataFrame:
    """Twelve columns of a small base: of nothing, of one thing that says it all, or of several that add up."""
    random = np.random.default_rng(11)
    frame = pd.DataFrame(random.normal(size=(rows, 12)), columns=[f"c{number}" for number in range(12)]).round(3)
    told = {"nothing": 0 * frame.c0, "one": 1.5 * (frame.c0 > 1), "several": frame.c0 - frame.c1 + frame.c2}[kind]
    left = random.random(rows) < 1 / (1 + np.exp(1.6 - told))
    return frame.assign(id=range(rows), left=np.where(left, "yes", "no"), note="x")


@pytest.mark.capability("C29")
@pytest.mark.parametrize(
    ("kind", "refused"),
    [
        ("nothing", r"does not beat .*chance \(AUC 0\.\d+, standard error"),
        ("one", r"one column \(AUC"),
        ("several", ""),
    ],
)
def test_on_a_small_table_that_teaches_too_little_the_gate_refuses_the_model_and_says_so(tmp_path, kind, refused):
    found = judge_table(_write(tmp_path, _weak(kind)))
    verdict = found.verdict()
    assert verdict.taken is not bool(refused), verdict.reason
    assert re.search(refused, verdict.reason)
    out = StringIO()
    Console(file=out, width=200).print(found)
    assert ("Refused: " if refused else "Best: ") + verdict.reason in out.getvalue()


def _drop(column: str):
    return lambda frame: frame.drop(columns=column)


def _set(**columns: object):
    return lambda frame: frame.assign(**columns)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_drop("left"), r"missing left"),
        (lambda frame: frame.rename(columns={"note": "notes"}), r"missing note \(renamed to notes\?\)"),
        (lambda frame: frame.head(80), "expected at least 100 customers, got 80"),
        (_set(left="no"), r"got 0 of 400 with left = yes \(values: no\)"),
        (_set(id=1), "got 399 rows of customers that are there already"),
        (lambda frame: frame.assign(score=(frame["left"] == "yes") * 50 + 3), r"got score \(AUC 1\.0000 alone\)"),
        (lambda frame: frame.assign(why=frame["left"].map({"yes": "a", "no": "b"})), r"got why \(AUC 1\.0000 alone\)"),
        (lambda frame: frame[["id", "note", "left"]], "expected a column to learn from, got none that varies"),
    ],
    ids=["no target", "renamed", "few", "one class", "twice", "number that knows", "category that knows", "nothing"],
)  # fmt: skip
def test_a_table_that_cannot_teach_is_refused_with_the_reason(tmp_path, change, message):
    with pytest.raises(ModelRejected, match=message):
        judge_table(_write(tmp_path, change(_frame())))


def test_a_file_that_is_missing_or_no_table_is_named(tmp_path):
    yaml = _write(tmp_path, _frame())
    (tmp_path / "customers.csv").unlink()
    with pytest.raises(ModelRejected, match=r"table customers\.csv: expected a readable table"):
        judge_table(yaml)
    with pytest.raises(ModelRejected, match=r"expected a file of \.csv, \.parquet, \.xlsx, \.xls, got \.pdf"):
        judge_table(_write(tmp_path, _frame(), YAML.replace("customers.csv", "customers.pdf")))
    with pytest.raises(ConfigError, match="targt"):
        judge_table(_write(tmp_path, _frame(), YAML.replace("target", "targt")))


@pytest.mark.capability("C28")
@pytest.mark.parametrize(
    ("name", "folder", "auc", "ceiling", "brier"),
    [
        ("telco", "telco", 0.849, 0.87, 0.134),
        ("bank", "bank", 0.868, 0.89, 0.102),
        ("mlc-churn", "mlc_churn", 0.92, 0.94, 0.042),
    ],
)
def test_public_tables_are_judged_above_their_floors_and_below_a_leak(name, folder, auc, ceiling, brier):
    if not (SHARED / folder).is_dir():
        pytest.skip(f"no {folder} in ../shared/data: see its README")
    found = judge_table(PROJECT / "config" / "tables" / f"{name}.yml")
    assert auc <= found.mean(found.best(), "auc") < ceiling
    assert found.mean(found.best(), "brier") <= brier
    assert found.verdict().taken
