"""Training over a real warehouse into a real MLflow store."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path

import mlflow
import numpy as np
import pytest
from planted_base import contact
from rich.console import Console

import churn_model
from churn_model.features import NAMES
from churn_model.registry import open_store
from forewarn.errors import ModelRejected


def _train(settings, project, as_of_date, now):
    return churn_model.train(settings, project, as_of_date=as_of_date, run_id="run-1", now=now)


@pytest.mark.capability("C26", "C29")
def test_a_trained_model_is_champion_with_everything_that_led_to_it(settings, project, base, as_of_date, now, capfd):
    base.write()
    assert not churn_model.has_champion(settings, project)
    report = _train(settings, project, as_of_date, now)
    assert churn_model.has_champion(settings, project)
    assert (report.snapshots, report.customers, report.rows, report.test_cutoffs) == (6, 270, 1620, 4)
    assert capfd.readouterr() == ("", "")

    client = open_store(settings)
    version = client.get_model_version_by_alias("churn_non_contractual", "champion")
    assert str(version.version) == report.version == "1"
    assert version.tags["sha256"] == report.sha256
    assert float(version.tags["threshold"]) == report.threshold
    assert version.tags["reason"] == report.reason
    assert version.tags["horizon_days"] == "60"

    run = client.get_run(report.mlflow_run)
    assert run.data.tags["forewarn.run_id"] == "run-1"
    assert run.data.params["candidate"] == report.candidate
    assert "disputes_180d" in run.data.params["features_never_known"]
    assert run.data.metrics[f"{report.candidate}.auc"] == report.auc
    assert len(client.get_metric_history(report.mlflow_run, "by_cutoff.auc")) == 4
    assert run.inputs.dataset_inputs[0].dataset.name == "churn snapshots"
    files = {file.path for file in client.list_artifacts(report.mlflow_run)}
    assert {"lineage.json", "cutoffs.json", "plots", "model_card.md"} <= files
    card = Path(client.download_artifacts(report.mlflow_run, "model_card.md")).read_text(encoding="utf-8")
    assert version.description.endswith(f"Its card: model_card.md among the artefacts of run {report.mlflow_run}.")
    assert f"| **{report.candidate}** | {report.auc:.3f} ±" in card
    assert f"Decision: {report.reason}." in card
    assert "1,620 rows of 270 customers on 6 as-of dates" in card
    assert "In no figure, since the label windows are still open: 270 rows of the newest as-of dates (1)." in card
    assert "![lift](plots/lift.png)" in card
    plots = {file.path for file in client.list_artifacts(report.mlflow_run, "plots")}
    assert plots == {"plots/calibration.png", "plots/lift.png", "plots/precision_recall.png"}

    info = mlflow.models.get_model_info("models:/churn_non_contractual@champion")
    assert [column.name for column in info.signature.inputs] == list(NAMES)
    assert info.saved_input_example_info is not None


def test_lineage_says_which_rows_were_learned_from(settings, project, base, as_of_date, now):
    base.write()
    first = _train(settings, project, as_of_date, now)
    again = _train(settings, project, as_of_date, now)
    base.write(change=lambda features, churned: features["revenue_90d"].__setitem__(0, 1.0))
    changed = _train(settings, project, as_of_date, now)
    client = open_store(settings)
    lineages = [
        json.loads(Path(client.download_artifacts(report.mlflow_run, "lineage.json")).read_text(encoding="utf-8"))
        for report in (first, again, changed)
    ]
    mature = sorted(day.isoformat() for day in base.dates if day + timedelta(days=60) <= as_of_date)
    assert lineages[0]["rows_by_as_of_date"] == dict.fromkeys(mature, 270)
    assert lineages[0]["sha256"] == lineages[1]["sha256"] != lineages[2]["sha256"]


def test_no_customer_number_is_kept_in_the_store(settings, project, base, as_of_date, now):
    base.write()
    _train(settings, project, as_of_date, now)
    files = [file for file in settings.artifacts.rglob("*") if file.is_file()]
    assert len(files) > 5
    assert [file for file in files if b"c00001" in file.read_bytes()] == []


@pytest.mark.capability("B15")
def test_the_planted_cause_gives_a_lift(settings, project, base, as_of_date):
    base.write(customers=1000, snapshots=8)
    evaluation = churn_model.evaluate(settings, project, as_of_date=as_of_date)
    chosen, _ = evaluation.best()
    assert evaluation.mean(chosen, "lift_at_10") >= 3
    assert evaluation.mean(chosen, "auc") > evaluation.mean("rule", "auc")


@pytest.mark.capability("B11")
def test_whoever_was_contacted_within_the_label_window_is_told_apart_in_the_evaluation(
    settings, project, base, warehouse, as_of_date
):
    base.write()
    dates = [as_of_date - timedelta(days=days) for days in (120, 90)]
    with warehouse.cursor() as cursor:
        # The last day of the first one's window; on the date after both it was over.
        contact(cursor, "eligible and customer_id < 'c00100'", as_of_date - timedelta(days=61))
        cursor.execute(
            "select as_of_date, count(*), count(*) filter (where churned) from marts.churn_labels"
            " where as_of_date = any(%s) and eligible and customer_id < 'c00100' group by 1",
            [dates],
        )
        asked = {day: (count, left) for day, count, left in cursor.fetchall()}
    found = churn_model.evaluate(settings, project, as_of_date=as_of_date)
    assert found.contacted == asked
    assert list(asked) == dates
    assert [len(cutoff.churned) for cutoff in found.cutoffs] == [270, 180, 180, 270]


@pytest.mark.capability("B11")
def test_labels_that_close_after_the_as_of_date_take_no_part(settings, project, base, as_of_date, now):
    base.write(snapshots=6)
    evaluation = churn_model.evaluate(settings, project, as_of_date=as_of_date - timedelta(days=30))
    assert max(cutoff.test for cutoff in evaluation.cutoffs) == as_of_date - timedelta(days=90)
    # What is not known yet is counted apart, and said.
    asked = project.churn.training_dates(as_of_date - timedelta(days=30))
    open_windows = {day for day in base.dates if day in asked and day > as_of_date - timedelta(days=90)}
    assert evaluation.unripe == dict.fromkeys(sorted(open_windows), 270)
    out = StringIO()
    Console(file=out, width=140).print(evaluation)
    told = "; ".join(f"{day} 270" for day in sorted(open_windows))
    assert f"Label window still open, and in none of the figures: {told}." in out.getvalue()


def test_the_threshold_is_the_out_of_time_quantile(settings, project, base, as_of_date, now):
    base.write()
    report = _train(settings, project, as_of_date, now)
    _, scores = churn_model.evaluate(settings, project, as_of_date=as_of_date).out_of_time(report.candidate)
    assert (scores >= report.threshold).mean() == pytest.approx(project.churn.alert_share, abs=1 / len(scores))


def test_three_mature_snapshots_are_enough(settings, project, base, as_of_date, now):
    base.write(snapshots=3)
    report = _train(settings, project, as_of_date, now)
    assert (report.snapshots, report.test_cutoffs) == (3, 1)


def test_a_history_too_short_to_hold_out_time_holds_out_customers_and_says_so(settings, project, base, as_of_date, now):
    base.write(snapshots=1)
    report = _train(settings, project, as_of_date, now)
    assert (report.snapshots, report.test_cutoffs) == (1, 5)
    assert "AUC on customers held out, not out of time, " in report.reason


def test_a_champion_of_another_definition_does_not_count(settings, project, base, as_of_date, now):
    base.write()
    _train(settings, project, as_of_date, now)
    other = project.model_copy(update={"churn": project.churn.model_copy(update={"horizon_days": 28})})
    assert not churn_model.has_champion(settings, other)
    with pytest.raises(ModelRejected, match="horizon_days 60 where 28 is asked"):
        churn_model.score(settings, other, as_of_date=as_of_date, run_id="run-1", now=now)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"snapshots": 0}, "expected at least 1 as-of dates whose label window has closed, got 0"),
        ({"customers": 90}, "expected at least 100 eligible customers, got 81"),
        ({"label": np.zeros_like}, "got 0 of 1620 rows churned"),
        ({"label": np.ones_like}, "got 1620 of 1620 rows churned"),
    ],
    ids=["no history", "few customers", "nobody left", "everybody left"],
)
def test_a_base_that_cannot_teach_is_rejected_with_the_reason(
    settings, project, base, as_of_date, now, written, message
):
    base.write(**written)
    with pytest.raises(ModelRejected, match=message):
        _train(settings, project, as_of_date, now)
    assert not churn_model.has_champion(settings, project)


def test_a_warehouse_that_was_never_built_is_rejected(settings, project, as_of_date, now):
    with pytest.raises(ModelRejected, match="expected the feature table, got no such table"):
        _train(settings, project, as_of_date, now)


def test_an_empty_database_is_rejected_for_what_it_lacks(settings, project, database_url, as_of_date, now):
    with pytest.raises(ModelRejected, match="expected the feature table, got no such table"):
        _train(replace(settings, warehouse_url=database_url), project, as_of_date, now)


def test_a_planted_leak_stops_the_training_by_name(settings, project, base, as_of_date, now):
    def leak(features, churned):
        features["has_subscription"] = 100.0 - 100 * churned

    base.write(change=leak)
    with pytest.raises(ModelRejected, match=r"got has_subscription \(AUC 1\.0000 alone\)"):
        _train(settings, project, as_of_date, now)


def test_a_store_in_postgresql_serves_as_well(settings, project, base, database_url, as_of_date, now):
    base.write()
    settings = replace(settings, mlflow_url=database_url)
    assert _train(settings, project, as_of_date, now).version == "1"
    assert churn_model.has_champion(settings, project)
    assert churn_model.score(settings, project, as_of_date=as_of_date, run_id="run-1", now=now) == 270


def test_above_the_row_limit_whole_customers_are_left_out(settings, project, base, warehouse, as_of_date, monkeypatch):
    from churn_model import snapshots

    base.write()
    monkeypatch.setattr(snapshots, "MAXIMUM_ROWS", 1000)
    sampled, again = (snapshots.read_snapshots(warehouse, project.churn, as_of_date=as_of_date) for _ in range(2))
    assert 100 <= sampled.customers < 270
    assert len(sampled.churned) == 6 * sampled.customers
    assert sampled.sha256() == again.sha256()
