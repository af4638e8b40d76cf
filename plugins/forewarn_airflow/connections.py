"""Connections by name: Airflow's own first, then those of the installation."""

from __future__ import annotations

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError

from forewarn.config.settings import Settings

# Airflow writes `postgres://`; SQLAlchemy reads a bare `postgresql://` as psycopg 3, which is not installed.
_DRIVERS = {"postgres": "postgresql+psycopg2", "postgresql": "postgresql+psycopg2"}


def resolve(name: str, settings: Settings) -> str:
    """Return the URL of a connection.

    Raises
    ------
    ForewarnError
        Neither Airflow nor the installation knows the name.
    """
    from forewarn.sources.connections import resolve as installed

    try:
        uri = str(BaseHook.get_connection(name).get_uri())
    except (AirflowNotFoundException, AirflowRuntimeError):
        return installed(name, settings)
    scheme, _, rest = uri.partition("://")
    return f"{_DRIVERS.get(scheme, scheme)}://{rest}"
