"""Connections by name: Airflow's own first, then those of the installation."""

from __future__ import annotations

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError, ErrorType

from forewarn.config.settings import Settings
from forewarn.errors import SourceUnavailable

# Airflow writes `postgres://`; SQLAlchemy reads a bare `postgresql://` as psycopg 3, which is not installed.
_DRIVERS = {"postgres": "postgresql+psycopg2", "postgresql": "postgresql+psycopg2"}


def resolve(name: str, settings: Settings) -> str:
    """Return the URL of a connection.

    Raises
    ------
    SourceRejected
        Neither Airflow nor the installation knows the name.
    SourceUnavailable
        Airflow could not tell: another address of that name must not be taken in its place.
    """
    from forewarn.sources.connections import resolve as installed

    try:
        uri = str(BaseHook.get_connection(name).get_uri())
    except AirflowNotFoundException:
        return installed(name, settings)
    except AirflowRuntimeError as error:
        if error.error.error is ErrorType.CONNECTION_NOT_FOUND:
            return installed(name, settings)
        raise SourceUnavailable(
            f"connection {name}",
            expected="an answer from Airflow's API server",
            got=error.error.error.value,
            next_step="a later attempt asks again; see the API server's log",
        ) from error
    scheme, _, rest = uri.partition("://")
    return f"{_DRIVERS.get(scheme, scheme)}://{rest}"
