"""Keys are made once and kept from others; no process is told more than it must know."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from forewarn.config.settings import Settings
from forewarn.local.environment import (
    Ports,
    admin_password,
    airflow_environment,
    child_environment,
    mlflow_environment,
)
from forewarn.local.ports import free_ports
from forewarn.stages import OWN_DAY

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture
def installation(tmp_path: Path) -> Settings:
    return Settings(
        project=PROJECT,
        config=PROJECT / "config",
        home=tmp_path,
        warehouse_url="postgresql+psycopg2://w@127.0.0.1/forewarn",
        mlflow_url="postgresql+psycopg2://m:secret@127.0.0.1/mlflow",
    )


def test_keys_are_made_once(installation: Settings) -> None:
    url = "postgresql+psycopg2://a@127.0.0.1/airflow"
    first = airflow_environment(installation, url, Ports(8080, 5000))
    assert airflow_environment(installation, url, Ports(8080, 5000)) == first
    assert len(first["AIRFLOW__API_AUTH__JWT_SECRET"]) == 64
    keys = ("AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__CORE__FERNET_KEY")
    assert len({first[name] for name in keys}) == 3


def test_keys_can_be_read_by_their_owner_alone(installation: Settings) -> None:
    airflow_environment(installation, "postgresql+psycopg2://a@127.0.0.1/airflow", Ports())
    files = list((installation.home / "secrets").iterdir())
    assert len(files) == 4
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_another_installation_has_other_keys(installation: Settings, tmp_path: Path) -> None:
    assert admin_password(tmp_path / "one") != admin_password(tmp_path / "two")


def test_everything_is_bound_to_loopback(installation: Settings) -> None:
    found = airflow_environment(installation, "postgresql+psycopg2://a@127.0.0.1/airflow", Ports(8081, 5001))
    assert found["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert found["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8081/execution/"


def test_the_schedule_is_off_where_the_day_is_the_datas_own(installation: Settings) -> None:
    url = "postgresql+psycopg2://a@127.0.0.1/airflow"
    assert "FOREWARN_SCHEDULE" not in airflow_environment(installation, url, Ports())
    (installation.home / OWN_DAY).write_text("2026-07-01")
    assert airflow_environment(installation, url, Ports())["FOREWARN_SCHEDULE"] == ""


def test_telemetry_is_off(installation: Settings) -> None:
    found = mlflow_environment(installation)
    assert found["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert found["DBT_SEND_ANONYMOUS_USAGE_STATS"] == "False"
    assert found["GX_ANALYTICS_ENABLED"] == "False"


def test_children_may_keep_their_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    found = child_environment({"A": "b"})
    assert "PYTHONDONTWRITEBYTECODE" not in found
    assert found["A"] == "b"


def test_a_port_that_is_taken_is_replaced() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        first, second = free_ports([port, 0])
    assert port not in (first, second)
    assert first != second
