"""The embedded PostgreSQL of an installation, with one database each for the warehouse, Airflow and MLflow."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url

from forewarn.config.settings import Settings
from forewarn.local.files import once, write_private
from forewarn.warehouse.access import create_service
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.migrate import migrate

WEB = "forewarn_workbench"


@dataclass(frozen=True)
class Databases:
    """Addresses of the three databases, passwords included."""

    server: EmbeddedServer
    warehouse_url: str
    airflow_url: str
    mlflow_url: str


def start_databases(home: Path) -> Databases:
    """Start the server under `home`, bring the warehouse up to date, and remember where it is."""
    server = EmbeddedServer(home / "postgres")
    server.start()
    found = Databases(
        server,
        warehouse_url=server.ensure_database("forewarn"),
        airflow_url=server.ensure_database("airflow"),
        mlflow_url=server.ensure_database("mlflow"),
    )
    write_private(home / "warehouse_url", found.warehouse_url)
    write_private(home / "mlflow_url", found.mlflow_url)
    migrate(found.warehouse_url)
    return found


def web_url(home: Path, databases: Databases) -> str:
    """Return the warehouse as the workbench reaches it: a login of the role `web`, made on first use."""
    password = once(home / "secrets" / "web_password", lambda: secrets.token_urlsafe(24))
    create_service(databases.warehouse_url, WEB, "web", password=password)
    return make_url(databases.warehouse_url).set(username=WEB, password=password).render_as_string(hide_password=False)


def stop_databases(home: Path) -> bool:
    """Stop the server under `home` and return whether one was running."""
    if not (home / "postgres" / "postmaster.pid").exists():
        return False
    EmbeddedServer(home / "postgres").stop()
    return True


def local_settings(project: Path, config: Path, home: Path, databases: Databases) -> Settings:
    """Return the settings of an installation on its own embedded server."""
    return Settings(
        project=project,
        config=config.resolve(),
        home=home.resolve(),
        warehouse_url=databases.warehouse_url,
        mlflow_url=databases.mlflow_url,
    )
