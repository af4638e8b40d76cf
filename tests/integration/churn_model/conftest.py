"""Installations with a planted base, and one with a champion of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg2
import pytest
from planted_base import AS_OF, HORIZON, Base

import churn_model
from forewarn.config.model import Model
from forewarn.config.project import Alerts, Churn, Project
from forewarn.config.settings import Settings
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.engine import dsn

PROJECT = Path(__file__).resolve().parents[3]
Plant = Callable[..., tuple[Settings, Base]]

NOW = datetime(2026, 6, 1, 4, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Trained:
    """An installation with a champion, and the report of its training."""

    settings: Settings
    report: churn_model.TrainingReport


@pytest.fixture
def base(warehouse: psycopg2.extensions.connection) -> Base:
    """The empty base; call `write`."""
    return Base(warehouse)


@pytest.fixture(scope="session")
def project() -> Project:
    """A company that means by churn what the base was planted with."""
    return Project(
        company="Test",
        currency="EUR",
        churn=Churn(
            definition="non_contractual", horizon_days=HORIZON, eligible_days=90, snapshot_days=30, snapshots=12
        ),
        alerts=Alerts(fallback_recipient="lead@company.example"),
        # Silence is drawn anew on each date, so that it tells of no purchases for BG/NBD or a hazard to read.
        model=Model(candidates=["rule", "logistic", "boosting", "average"]),
    )


@pytest.fixture(scope="session")
def as_of_date() -> date:
    """The date to be scored."""
    return AS_OF


@pytest.fixture(scope="session")
def now() -> datetime:
    """The clock of the run."""
    return NOW


@pytest.fixture(scope="session")
def plant(postgres: EmbeddedServer, template: str, tmp_path_factory) -> Plant:
    """Write a planted base into a warehouse of a name, and return its installation, with nobody connected."""

    def write(name: str, **shape: int) -> tuple[Settings, Base]:
        url = postgres.ensure_database(f"{name}_base", template=template)
        connection = psycopg2.connect(dsn(url))
        connection.autocommit = True
        base = Base(connection)
        base.write(**shape)
        connection.close()
        home = tmp_path_factory.mktemp(name)
        mlflow_url = f"sqlite:///{home / 'mlflow.db'}"
        return Settings(PROJECT, PROJECT / "config", home, url, mlflow_url), base

    return write


@pytest.fixture(scope="session")
def trained(plant: Plant, project: Project) -> Trained:
    """The planted base and a champion of it, made once; tests work on copies of the base."""
    settings, _ = plant("trained")
    return Trained(settings, churn_model.train(settings, project, as_of_date=AS_OF, run_id="run-1", now=NOW))


@pytest.fixture
def champion(trained: Trained) -> churn_model.TrainingReport:
    """The report of the champion that `settings` lead to."""
    return trained.report
