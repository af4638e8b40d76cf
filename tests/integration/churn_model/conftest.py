"""Installations with a planted base, and one with a champion of it."""

from __future__ import annotations

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
def trained(postgres: EmbeddedServer, template: str, tmp_path_factory, project: Project) -> Trained:
    """The planted base and a champion of it, made once; tests work on copies of the base."""
    url = postgres.ensure_database("trained_base", template=template)
    connection = psycopg2.connect(dsn(url))
    connection.autocommit = True
    Base(connection).write()
    connection.close()
    home = tmp_path_factory.mktemp("trained")
    settings = Settings(
        project=PROJECT,
        config=PROJECT / "config",
        home=home,
        warehouse_url=url,
        mlflow_url=f"sqlite:///{home / 'mlflow.db'}",
    )
    return Trained(settings, churn_model.train(settings, project, as_of_date=AS_OF, run_id="run-1", now=NOW))


@pytest.fixture
def champion(trained: Trained) -> churn_model.TrainingReport:
    """The report of the champion that `settings` lead to."""
    return trained.report
