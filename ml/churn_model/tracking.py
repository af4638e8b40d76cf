"""MLflow's experiment of an installation, and runs in it for what is not a training: drivers, segments, suggestions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from churn_model import registry
from churn_model.quiet import quiet
from forewarn.config.settings import Settings

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


def experiment(client: MlflowClient, settings: Settings) -> str:
    """Return the id of the experiment, made where there is none."""
    found = client.get_experiment_by_name(registry.EXPERIMENT)
    if found is not None:
        return str(found.experiment_id)
    # A tracking server keeps artefacts where it is told to; a database alone would put them in the current folder.
    served = settings.mlflow_url.startswith(("http://", "https://"))
    location = None if served else settings.artifacts.resolve().as_uri()
    return str(client.create_experiment(registry.EXPERIMENT, artifact_location=location))


@contextmanager
def logged_run(settings: Settings, name: str, tags: dict[str, str], *, now: datetime) -> Iterator[str]:
    """Open an MLflow run that `mlflow.log_*` writes to, and yield its id.

    Parameters
    ----------
    tags : dict
        At least `forewarn.kind`: drivers, segments or suggestions.
    """
    client = registry.open_store(settings)
    import mlflow

    run = client.create_run(
        experiment(client, settings), start_time=int(now.timestamp() * 1000), run_name=name, tags=tags
    )
    with quiet(), mlflow.start_run(run_id=run.info.run_id):
        yield str(run.info.run_id)
