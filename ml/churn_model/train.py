"""Train, judge and register a model of the project's churn definition."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from psycopg2.errors import UndefinedTable

from churn_model import candidates, decisions, metrics, plots, registry
from churn_model.card import CARD, model_card
from churn_model.champion import has_champion
from churn_model.economy import one_thread
from churn_model.evaluate import Evaluation, assess
from churn_model.evidence import demand_known
from churn_model.features import NAMES, TABLE
from churn_model.leak import demand_sound
from churn_model.pipelines import guard_of
from churn_model.promotion import Verdict, learning_pays
from churn_model.quiet import quiet
from churn_model.reader import Floats
from churn_model.snapshots import Snapshots, read_snapshots
from churn_model.tracking import experiment
from forewarn.config.project import Churn, Project
from forewarn.config.settings import Settings
from forewarn.errors import ModelRejected
from forewarn.progress import Progress, untold
from forewarn.warehouse.engine import connect

if TYPE_CHECKING:
    from mlflow.models.model import ModelInfo
    from mlflow.tracking import MlflowClient

EXAMPLE_ROWS = 5


@dataclass(frozen=True)
class TrainingReport:
    """What a training did: what became of the model, counts, its out-of-time figures, and where it is kept."""

    model: str
    version: str
    candidate: str
    role: str
    reason: str
    auc: float
    average_precision: float
    lift_at_10: float
    threshold: float
    threshold_reason: str
    customers: int
    rows: int
    snapshots: int
    test_cutoffs: int
    mlflow_run: str
    sha256: str


def train(
    settings: Settings,
    project: Project,
    *,
    as_of_date: date,
    run_id: str,
    now: datetime,
    progress: Progress = untold,
) -> TrainingReport:
    """Judge the candidates out of time, train the best one on all mature snapshots, and register it.

    It becomes champion where there is none, and challenger of a champion otherwise: `promote` decides between them. The
    hazard model is registered beside it, for the other horizons.

    Parameters
    ----------
    as_of_date : date
        Only labels whose window had closed by this day are used.
    run_id, now
        Recorded with the MLflow run.

    Raises
    ------
    ModelRejected
        Too little history, fewer than 100 customers, one class only, a renamed feature, a feature that leaks, or no
        candidate that beats the simple rules. A champion that there is stays.
    """
    churn = project.churn
    keep = partial(
        decisions.keep,
        as_of_date=as_of_date,
        run_id=run_id,
        definition=churn.definition,
        model=registry.model_name(churn),
        now=now,
    )
    try:
        snapshots, evaluation = _judged(settings, project, as_of_date, progress)
        chosen, why = evaluation.best()
    except ModelRejected as rejected:
        # A warehouse that was never migrated has nowhere to keep it; why it was refused is told all the same.
        with connect(settings.warehouse_url) as connection, suppress(UndefinedTable):
            keep(connection, version=None, candidate=None, outcome="refused", reason=str(rejected))
        raise
    verdict = learning_pays(evaluation, chosen, why, project.model)
    client = registry.open_store(settings)
    role = registry.CHALLENGER if has_champion(settings, project) else registry.CHAMPION
    import mlflow

    run = client.create_run(
        experiment(client, settings),
        start_time=int(now.timestamp() * 1000),
        run_name=f"{registry.model_name(churn)} {as_of_date}",
        tags={
            "forewarn.run_id": run_id,
            "forewarn.as_of_date": as_of_date.isoformat(),
            "forewarn.outcome": role if verdict.taken else "refused",
            "forewarn.reason": verdict.reason,
        },
    )
    registered = None
    with quiet(), mlflow.start_run(run_id=run.info.run_id):
        _log_figures(evaluation, chosen)
        _log_lineage(snapshots, as_of_date)
        if verdict.taken:
            progress(f"fitting {chosen}", len(evaluation.cutoffs), len(evaluation.cutoffs))
            make = _Registering(client, churn, snapshots, as_of_date)
            registered = make(chosen, role, evaluation.threshold(chosen).probability, verdict.reason)
            if "hazard" in evaluation.methods:
                make("hazard", registry.HORIZONS, evaluation.threshold("hazard").probability, "for other horizons")
            mlflow.log_params(make.params(chosen) | {"threshold": evaluation.threshold(chosen).probability})
        card = model_card(
            evaluation,
            chosen,
            snapshots,
            title=f"{registry.model_name(churn)} of {as_of_date}: {chosen}",
            as_of_date=as_of_date,
            verdict=verdict.reason if verdict.taken else f"refused; {verdict.reason}",
            eligible_days=churn.eligible_days,
        )
        mlflow.log_text(card, CARD)
        if registered:
            told = f"{verdict.reason}\n\nIts card: {CARD} among the artefacts of run {run.info.run_id}."
            client.update_model_version(registry.model_name(churn), registered.version, description=told)
    with connect(settings.warehouse_url) as connection:
        keep(
            connection,
            version=registered.version if registered else None,
            candidate=chosen,
            outcome=role if registered else "refused",
            reason=verdict.reason,
        )
    if registered is None:
        raise _refused(churn, verdict)
    threshold = evaluation.threshold(chosen)
    return TrainingReport(
        model=registry.model_name(churn),
        version=registered.version,
        candidate=chosen,
        role=role,
        reason=verdict.reason,
        auc=evaluation.mean(chosen, "auc"),
        average_precision=evaluation.mean(chosen, "average_precision"),
        lift_at_10=evaluation.mean(chosen, "lift_at_10"),
        threshold=threshold.probability,
        threshold_reason=threshold.reason,
        customers=snapshots.customers,
        rows=len(snapshots.churned),
        snapshots=len(snapshots.dates),
        test_cutoffs=len(evaluation.cutoffs),
        mlflow_run=run.info.run_id,
        sha256=registered.sha256,
    )


def _judged(settings: Settings, project: Project, as_of_date: date, progress: Progress) -> tuple[Snapshots, Evaluation]:
    """Read the snapshots, refuse what leaks, and judge the candidates on the rest."""
    churn = project.churn
    with connect(settings.warehouse_url) as connection:
        snapshots = read_snapshots(connection, churn, as_of_date=as_of_date)
        demand_sound(snapshots, NAMES)
        demand_known(connection, _first_and_last(snapshots.dates), snapshots.customers)
    return snapshots, assess(
        snapshots, churn.definition, model=project.model, alert_share=churn.alert_share, progress=progress
    )


def _first_and_last(dates: Sequence[date]) -> list[date]:
    return sorted({dates[0], dates[-1]})


def _refused(churn: Churn, verdict: Verdict) -> ModelRejected:
    return ModelRejected(
        f"model of {churn.definition} churn",
        expected="a candidate that beats the simple rules out of time",
        got=verdict.reason,
        next_step="let the rules alone judge; connect more departments or load more history, and train again",
    )


def _log_figures(evaluation: Evaluation, chosen: str) -> None:
    import mlflow

    summary: dict[str, float] = {}
    for method in evaluation.methods:
        for metric in metrics.NAMES:
            if evaluation.figures(method, metric):
                summary[f"{method}.{metric}"] = evaluation.mean(method, metric)
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
    for name, figure in plots.pictures(evaluation, chosen).items():
        mlflow.log_figure(figure, f"plots/{name}.png")


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


@dataclass(frozen=True)
class _Registered:
    version: str
    sha256: str


class _Registering:
    """Fits candidates on all snapshots and registers them, within one MLflow run."""

    def __init__(self, client: MlflowClient, churn: Churn, snapshots: Snapshots, as_of_date: date) -> None:
        self._client, self._churn, self._snapshots, self._day = client, churn, snapshots, as_of_date
        self._fitted: dict[str, Any] = {}

    def __call__(self, name: str, alias: str, threshold: float, reason: str) -> _Registered:
        """Fit, log, pin the file's hash, and only then move the alias: a champion without a pin never exists."""
        with one_thread():
            model = candidates.ALL[name].fit(self._snapshots, self._fitted)
        self._fitted[name] = model
        registered = registry.model_name(self._churn)
        logged = _log_model(model, name, self._snapshots.features[:EXAMPLE_ROWS])
        with tempfile.TemporaryDirectory(prefix="forewarn-model-") as folder:
            sha256 = registry.sha256_of(registry.download(logged.model_uri, Path(folder), f"{registered}, as logged"))
        tags = registry.definition_tags(self._churn) | {
            "sha256": sha256,
            "threshold": repr(threshold),
            "reason": reason,
            "candidate": name,
            "as_of_date": self._day.isoformat(),
        }
        # By the client: mlflow's own convenience prints to stderr.
        if not self._client.search_registered_models(f"name = '{registered}'"):
            self._client.create_registered_model(registered)
        made = self._client.create_model_version(
            registered, logged.model_uri, run_id=logged.run_id, model_id=logged.model_id, tags=tags
        )
        version = str(made.version)
        self._client.set_registered_model_alias(registered, alias, version)
        return _Registered(version, sha256)

    def params(self, name: str) -> dict[str, object]:
        """Return what MLflow keeps of a fitted candidate."""
        kept = [place for place in guard_of(self._fitted[name]).kept_.tolist() if place < len(NAMES)]
        return {
            **registry.definition_tags(self._churn),
            "candidate": name,
            "snapshots": len(self._snapshots.dates),
            "rows": len(self._snapshots.churned),
            "customers": self._snapshots.customers,
            "features": len(kept),
            "features_never_known": ", ".join(one for place, one in enumerate(NAMES) if place not in kept) or "none",
        }


def _log_model(model: Any, name: str, example: Floats) -> ModelInfo:
    """Log a model with its signature; one that may be champion with an example, by which MLflow tries to serve it."""
    import mlflow
    import pandas as pd
    from mlflow.models import infer_signature

    frame = pd.DataFrame(example, columns=list(NAMES))
    logged: ModelInfo = mlflow.sklearn.log_model(
        model,
        name="model" if name != "hazard" else "hazard",
        serialization_format="skops",
        skops_trusted_types=registry.TRUSTED,
        signature=infer_signature(frame, model.predict_proba(example)),
        input_example=None if candidates.ALL[name].withheld else frame,
        pip_requirements=_requirements(),
        pyfunc_predict_fn="predict_proba",
    )
    return logged


def _requirements() -> list[str]:
    from importlib.metadata import version

    return [f"{package}=={version(package)}" for package in ("numpy", "scikit-learn", "skops")]
