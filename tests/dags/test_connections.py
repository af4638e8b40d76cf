"""A connection comes from elsewhere only where Airflow says that it has none of that name."""

from __future__ import annotations

import pytest
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from forewarn.config.settings import Settings
from forewarn.errors import SourceUnavailable
from forewarn_airflow.connections import resolve

INSTALLED = "postgresql+psycopg2://reader@elsewhere/erp"


def _answer(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def get_connection(name: str) -> None:
        raise error

    monkeypatch.setattr(BaseHook, "get_connection", get_connection)
    monkeypatch.setenv("FOREWARN_CONN_ERP", INSTALLED)


@pytest.mark.parametrize(
    "error",
    [
        AirflowNotFoundException("none"),
        AirflowRuntimeError(ErrorResponse(error=ErrorType.CONNECTION_NOT_FOUND)),
    ],
)
def test_what_airflow_does_not_know_the_installation_may(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, error: Exception
) -> None:
    _answer(monkeypatch, error)
    assert resolve("erp", settings) == INSTALLED


@pytest.mark.parametrize("kind", [ErrorType.API_SERVER_ERROR, ErrorType.PERMISSION_DENIED, ErrorType.GENERIC_ERROR])
def test_an_airflow_that_cannot_tell_is_not_one_that_knows_nothing(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, kind: ErrorType
) -> None:
    _answer(monkeypatch, AirflowRuntimeError(ErrorResponse(error=kind)))
    with pytest.raises(SourceUnavailable, match=f"connection erp: .*got {kind.value}"):
        resolve("erp", settings)


@pytest.mark.parametrize(
    ("uri", "url"),
    [
        ("postgres://reader:p%40ss@db.example:5433/erp", "postgresql+psycopg2://reader:p%40ss@db.example:5433/erp"),
        ("postgresql://reader@db.example/erp", "postgresql+psycopg2://reader@db.example/erp"),
        ("mssql+pymssql://reader:word@db.example/erp", "mssql+pymssql://reader:word@db.example/erp"),
        ("http://robot:key@api.example:8080/v2", "http://robot:key@api.example:8080/v2"),
    ],
)
def test_a_connection_of_airflow_gives_the_url_that_a_source_reads(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, uri: str, url: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ERP", uri)
    monkeypatch.setenv("FOREWARN_CONN_ERP", INSTALLED)
    assert resolve("erp", settings) == url
