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
