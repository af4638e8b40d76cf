"""Train, judge and register a model of the project's churn definition."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from churn_model import metrics, plots, registry
from churn_model.economy import one_thread
from churn_model.evaluate import CANDIDATES, RULE, Evaluation, assess
from churn_model.features import NAMES, TABLE
from churn_model.leak import demand_no_leak
from churn_model.pipelines import candidate, guard_of
from churn_model.quiet import quiet
from churn_model.snapshots import Snapshots, read_snapshots
from churn_model.tracking import experiment
from forewarn.config.project import Churn, Project
from forewarn.config.settings import Settings
from forewarn.warehouse.engine import connect

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

EXAMPLE_ROWS = 5
SIGNIFICANT = 6


@dataclass(frozen=True)
class TrainingReport:
    """What a training did: counts, out-of-time figures of the champion, and where it is kept."""

    model: str
    version: str
    candidate: str
    reason: str
    auc: float
    average_precision: float
    lift_at_10: float
    threshold: float
    customers: int
    rows: int
    snapshots: int
    test_cutoffs: int
    mlflow_run: str
    sha256: str


def train(settings: Settings, project: Project, *, as_of_date: date, run_id: str, now: datetime) -> TrainingReport:
    """Train on all mature snapshots, after judging the candidates out of time, and make the best one champion.

    Parameters
    ----------
    as_of_date : date
        Only labels whose window had closed by this day are used.
    run_id, now
        Recorded with the MLflow run.

    Raises
    ------
    ModelRejected
        Too little history, fewer than 100 customers, one class only, a renamed feature, or a feature that leaks.
    """
    churn = project.churn
    with connect(settings.warehouse_url) as connection:
        snapshots = read_snapshots(connection, churn, as_of_date=as_of_date)
    demand_no_leak(snapshots, NAMES)
    evaluation = assess(snapshots, definition=churn.definition)
    chosen, reason = evaluation.best()
    with one_thread():
        model = candidate(chosen, len(snapshots.churned)).fit(snapshots.features, snapshots.churned)
    threshold = float(np.quantile(evaluation.out_of_time(chosen)[1], 1 - churn.alert_share))

    client = registry.open_store(settings)
    import mlflow

    started = int(now.timestamp() * 1000)
    run = client.create_run(
        experiment(client, settings),
        start_time=started,
        run_name=f"{registry.model_name(churn)} {as_of_date}",
        tags={"forewarn.run_id": run_id, "forewarn.as_of_date": as_of_date.isoformat()},
    )
    with quiet(), mlflow.start_run(run_id=run.info.run_id):
        mlflow.log_params(_params(churn, snapshots, model, chosen, threshold))
        _log_figures(evaluation, chosen)
        _log_lineage(snapshots, as_of_date)
        version, sha256 = _register(client, churn, model, snapshots=snapshots, threshold=threshold, reason=reason)
    return TrainingReport(
        model=registry.model_name(churn),
        version=version,
        candidate=chosen,
        reason=reason,
        auc=evaluation.mean(chosen, "auc"),
        average_precision=evaluation.mean(chosen, "average_precision"),
        lift_at_10=evaluation.mean(chosen, "lift_at_10"),
        threshold=threshold,
        customers=snapshots.customers,
        rows=len(snapshots.churned),
        snapshots=len(snapshots.dates),
        test_cutoffs=len(evaluation.cutoffs),
        mlflow_run=run.info.run_id,
        sha256=sha256,
    )


def _params(churn: Churn, snapshots: Snapshots, model: Any, chosen: str, threshold: float) -> dict[str, object]:
    kept = guard_of(model).kept_
    return {
        **registry.definition_tags(churn),
        "candidate": chosen,
        "alert_share": churn.alert_share,
        "threshold": round(threshold, SIGNIFICANT),
        "snapshots": len(snapshots.dates),
        "rows": len(snapshots.churned),
        "customers": snapshots.customers,
        "features": len(kept),
        "features_never_known": ", ".join(name for place, name in enumerate(NAMES) if place not in kept) or "none",
    }


def _log_figures(evaluation: Evaluation, chosen: str) -> None:
    import mlflow

    for method in (RULE, *CANDIDATES):
        for metric in metrics.NAMES:
            values = evaluation.figures(method, metric)
            if not values:
                continue
            summary = {f"{method}.{metric}": evaluation.mean(method, metric)}
            if (sd := evaluation.sd(method, metric)) is not None:
                summary[f"{method}.{metric}.sd"] = sd
            mlflow.log_metrics(summary)
    for step, cutoff in enumerate(evaluation.cutoffs):
        measured = cutoff.metrics[chosen]
        by_cutoff = {f"by_cutoff.{name}": getattr(measured, name) for name in metrics.NAMES}
        mlflow.log_metrics(by_cutoff | {"by_cutoff.base_rate": float(cutoff.churned.mean())}, step=step)
    mlflow.log_dict(
        {str(step): cutoff.test.isoformat() for step, cutoff in enumerate(evaluation.cutoffs)}, "cutoffs.json"
    )
    mlflow.log_figure(plots.calibration(evaluation, chosen), "plots/calibration.png")
    mlflow.log_figure(plots.lift(evaluation, chosen), "plots/lift.png")
    mlflow.log_figure(plots.precision_recall(evaluation, chosen), "plots/precision_recall.png")


def _log_lineage(snapshots: Snapshots, as_of_date: date) -> None:
    """Record which rows were learned from, without a row of them."""
    import mlflow
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset

    digest = snapshots.sha256()
    counts = {day.isoformat(): int(n) for day, n in zip(snapshots.dates, _rows_per_date(snapshots), strict=True)}
    tables = [TABLE, "marts.churn_labels"]
    mlflow.log_dict(
        {"tables": tables, "as_of_date": as_of_date.isoformat(), "rows_by_as_of_date": counts, "sha256": digest},
        "lineage.json",
    )
    source = CodeDatasetSource(tags={"tables": ", ".join(tables)})
    # MLflow marks the class abstract by an oversight and makes instances of it itself.
    dataset = MetaDataset(source, name="churn snapshots", digest=digest[:36])  # type: ignore[abstract]
    mlflow.log_input(dataset, context="training")


def _rows_per_date(snapshots: Snapshots) -> list[int]:
    return [int(n) for n in np.unique(snapshots.days, return_counts=True)[1]]


def _register(
    client: MlflowClient, churn: Churn, model: Any, *, snapshots: Snapshots, threshold: float, reason: str
) -> tuple[str, str]:
    """Log the model, pin its file's hash, and only then move the alias: a champion without a pin never exists."""
    import mlflow
    import pandas as pd
    from mlflow.models import infer_signature

    name = registry.model_name(churn)
    example = pd.DataFrame(snapshots.features[:EXAMPLE_ROWS], columns=list(NAMES))
    logged = mlflow.sklearn.log_model(
        model,
        name="model",
        serialization_format="skops",
        skops_trusted_types=registry.TRUSTED,
        signature=infer_signature(example, model.predict_proba(example.to_numpy())),
        input_example=example,
        pip_requirements=_requirements(),
        pyfunc_predict_fn="predict_proba",
    )
    # By the client: mlflow's own convenience prints to stderr.
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    version = str(
        client.create_model_version(name, logged.model_uri, run_id=logged.run_id, model_id=logged.model_id).version
    )
    subject = f"{name} version {version}"
    with tempfile.TemporaryDirectory(prefix="forewarn-model-") as folder:
        sha256 = registry.sha256_of(registry.download(f"models:/{name}/{version}", Path(folder), subject))
    tags = registry.definition_tags(churn) | {"sha256": sha256, "threshold": repr(threshold), "reason": reason}
    for key, value in tags.items():
        client.set_model_version_tag(name, version, key, value)
    client.set_registered_model_alias(name, registry.CHAMPION, version)
    return version, sha256


def _requirements() -> list[str]:
    from importlib.metadata import version

    return [f"{package}=={version(package)}" for package in ("numpy", "scikit-learn", "skops")]
