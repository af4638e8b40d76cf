"""The champion: found by its alias in MLflow, pinned by hash, loaded without trusting its file.

MLflow's own loader takes the list of trusted types from the model's own file, so it is no security boundary. Here the
file is downloaded, its sha256 compared with the one pinned when it was registered, and read by skops with a list of
types that stands in this module.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import make_url

from churn_model import last_good
from churn_model.features import CONTRACT, NAMES
from churn_model.pipelines import width_of
from churn_model.quiet import quiet
from forewarn.config.project import Churn, Project
from forewarn.config.settings import Settings
from forewarn.errors import ModelRejected

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

EXPERIMENT = "forewarn"
CHAMPION = "champion"
CHALLENGER = "challenger"
HORIZONS = "horizons"
PREVIOUS = "previous"
MODEL_FILE = "model.skops"
TRUSTED = [
    "churn_model.bg_nbd.BgNbd",
    "churn_model.calibration.Straightened",
    "churn_model.hazard.Hazard",
    "churn_model.pipelines.Clip",
    "churn_model.pipelines.ColumnGuard",
    "churn_model.pipelines.LogitAverage",
    "churn_model.pipelines.SignedLog",
    "churn_model.rhythm.OwnRhythm",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
]


class RegistryDown(ModelRejected):
    """The registry does not answer: what it holds is unknown, and not gone."""


class ModelGone(ModelRejected):
    """A version's file is not there; one that was changed is no such case, and nothing takes its place."""


@dataclass(frozen=True)
class Champion:
    """A checked and loaded model.

    Attributes
    ----------
    model : fitted candidate
        `predict_proba` of a matrix with the columns of `features.NAMES`.
    threshold : float
        Probability from which a score is worth an alert.
    candidate : str
        Which of the candidates it is.
    trained_on : str
        The as-of date of its training; empty for one of an earlier release.
    note : str
        What operations should know of how it was found; empty where all is well.
    """

    name: str
    version: str
    model: Any
    threshold: float
    candidate: str = ""
    trained_on: str = ""
    note: str = ""


def model_name(churn: Churn) -> str:
    """Return the registered name of a churn definition."""
    return f"churn_{churn.definition}"


def definition_tags(churn: Churn) -> dict[str, str]:
    """Return what a model was trained to foresee and from which features, as tags of its version."""
    return {
        "definition": churn.definition,
        "horizon_days": str(churn.horizon_days),
        "eligible_days": str(churn.eligible_days),
        "feature_contract": CONTRACT,
    }


def open_store(settings: Settings) -> MlflowClient:
    """Return a client of the tracking store and registry, with MLflow's chatter and telemetry off.

    Raises
    ------
    RegistryDown
        The store does not answer.
    """
    for name, value in {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "GIT_PYTHON_REFRESH": "quiet",
        # A night that the registry misses is scored by the last good model: it need not wait for minutes.
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    }.items():
        os.environ.setdefault(name, value)
    with quiet():
        import mlflow
        from mlflow.tracking import MlflowClient
    for logger in ("mlflow", "alembic"):  # importing mlflow sets its level again
        logging.getLogger(logger).setLevel(logging.ERROR)
    if settings.mlflow_url.startswith("sqlite"):
        Path(make_url(settings.mlflow_url).database or "mlflow.db").parent.mkdir(parents=True, exist_ok=True)
    mlflow.set_tracking_uri(settings.mlflow_url)
    mlflow.set_registry_uri(settings.mlflow_url)
    with quiet(), _answered():
        return MlflowClient(settings.mlflow_url, settings.mlflow_url)


@contextmanager
def _answered() -> Iterator[None]:
    """Turn what a store that does not answer raises, of whatever kind it is, into one error."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise RegistryDown(
            "model registry",
            expected="an answer",
            got=(str(error).splitlines() or [type(error).__name__])[0],
            next_step="look whether MLflow runs, and at FOREWARN_MLFLOW_URL",
        ) from error


def find_champion(client: MlflowClient, churn: Churn) -> ModelVersion | None:
    """Return the registered version with the champion's alias, or None."""
    return find_alias(client, churn, CHAMPION)


def find_alias(client: MlflowClient, churn: Churn, alias: str) -> ModelVersion | None:
    """Return the registered version with an alias, or None.

    Raises
    ------
    RegistryDown
        The store does not answer.
    """
    from mlflow.exceptions import MlflowException

    with quiet(), _answered():
        try:
            return client.get_model_version_by_alias(model_name(churn), alias)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise


def has_alias(settings: Settings, project: Project, alias: str) -> bool:
    """Tell whether a version for the project's present definition of churn has an alias."""
    found = find_alias(open_store(settings), project.churn, alias)
    return found is not None and not differs(found.tags, project.churn)


def load(settings: Settings, project: Project, alias: str) -> Champion:
    """Download, check and load the version with an alias.

    Raises
    ------
    ModelRejected
        There is none, it was trained for another definition, its file is not the one that was pinned, or it holds a
        type that is not ours.
    """
    client = open_store(settings)
    version = find_alias(client, project.churn, alias)
    name = model_name(project.churn)
    train_again = f"train a {alias} with `forewarn model train`"
    if version is None:
        raise ModelRejected(name, expected=f"a version with the alias {alias}", got="none", next_step=train_again)
    subject = f"{name} version {version.version}"
    if wrong := differs(version.tags, project.churn):
        raise ModelRejected(
            subject,
            expected="a model of forewarn.yml's definition and this release's features",
            got=wrong,
            next_step=train_again,
        )
    return load_registered(version, keep_in=settings if alias == CHAMPION else None)


def load_version(settings: Settings, name: str, number: str) -> Champion:
    """Load a version that scored once, checked like the champion.

    Raises
    ------
    ModelRejected
        It is gone, its file is not the one that was pinned, or it reads other features than this release.
    """
    from mlflow.exceptions import MlflowException

    try:
        version = open_store(settings).get_model_version(name, number)
    except MlflowException as error:
        raise ModelRejected(
            f"{name} version {number}",
            expected="a version of the registry",
            got=str(error).splitlines()[0],
            next_step="restore the registry; what it scored cannot be explained without it",
        ) from error
    return load_registered(version)


def load_registered(version: ModelVersion, *, keep_in: Settings | None = None) -> Champion:
    """Download, check and load a version; `keep_in` an installation keeps a copy of it as the one that scored last.

    Raises
    ------
    ModelRejected
        Its file is not the one that was pinned, or holds a type that is not ours; as `ModelGone` where it is gone.
    """
    subject = f"{version.name} version {version.version}"
    tags = version.tags
    if not {"sha256", "threshold"} <= set(tags):
        raise ModelRejected(
            subject,
            expected="tags sha256 and threshold",
            got="none",
            next_step="train a champion with `forewarn model train`",
        )
    with tempfile.TemporaryDirectory(prefix="forewarn-model-") as folder:
        file = download(f"models:/{version.name}/{version.version}", Path(folder), subject)
        model = load_pinned(file, tags["sha256"], subject)
        if keep_in:
            last_good.keep(keep_in, version.name, file, str(version.version), dict(tags))
    return champion_of(version.name, str(version.version), tags, model)


def champion_of(name: str, version: str, tags: Mapping[str, str], model: Any) -> Champion:
    """Return a loaded model with what its tags say of it."""
    return Champion(
        name=name,
        version=version,
        model=model,
        threshold=float(tags["threshold"]),
        candidate=tags.get("candidate", ""),
        trained_on=tags.get("as_of_date", ""),
    )


def download(uri: str, folder: Path, subject: str) -> Path:
    """Download a model's artefacts and return its model file.

    Raises
    ------
    ModelGone
        The artefacts are gone, or hold no model file.
    ModelRejected
        The file lies outside the folder.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        fetched = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(folder)))
    except (OSError, MlflowException) as error:
        raise ModelGone(
            subject, expected="its artefacts", got=str(error).splitlines()[0], next_step="restore the artefact store"
        ) from error
    file = (fetched / MODEL_FILE).resolve()
    outside = not file.is_relative_to(folder.resolve())
    if outside or not file.is_file():
        raise (ModelRejected if outside else ModelGone)(
            subject,
            expected=f"a file {MODEL_FILE} among its artefacts",
            got="a path that leads out of them" if outside else "none",
            next_step="restore the artefacts",
        )
    return file


def sha256_of(file: Path) -> str:
    """Return the hash of a file's content."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def load_pinned(file: Path, sha256: str, subject: str) -> Any:
    """Load a model file whose hash is the pinned one, building only types of `TRUSTED`.

    Raises
    ------
    ModelRejected
        Another hash, another format (a pickle is never opened), a type that is not ours, or another feature list.
    """
    found = sha256_of(file)
    if found != sha256:
        raise ModelRejected(
            subject,
            expected=f"a file with sha256 {sha256}",
            got=found,
            next_step="the file was changed after training: find out by whom, then restore it or train again",
        )
    with quiet():  # the import walks every loaded module, and thereby sets off the warnings of some
        import skops.io
        from skops.io.exceptions import UntrustedTypesFoundException
    try:
        model = skops.io.load(file, trusted=TRUSTED)
    except (UntrustedTypesFoundException, TypeError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ModelRejected(
            subject,
            expected="a skops file of Forewarn's own types",
            got=f"{type(error).__name__}: {error}",
            next_step="never load this file; train a champion with `forewarn model train`",
        ) from error
    width = width_of(model)
    if width != len(NAMES):
        raise ModelRejected(
            subject,
            expected=f"a model of the {len(NAMES)} features of this release",
            got=f"{width} features",
            next_step="train a champion with `forewarn model train`",
        )
    return model


def differs(tags: Mapping[str, str], churn: Churn) -> str:
    """Return how tags of a version differ from what the project asks for; empty where they do not."""
    found = [
        f"{name} {tags.get(name)} where {wanted} is asked"
        for name, wanted in definition_tags(churn).items()
        if tags.get(name) != wanted
    ]
    return ", ".join(found)
