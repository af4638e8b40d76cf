"""superset_config.py: it starts with its secrets alone, and connects as a reader."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

FILE = Path(__file__).resolve().parents[3] / "bi" / "superset" / "superset_config.py"
WAREHOUSE = "postgresql+psycopg2://superset:hidden@db.internal:5433/forewarn"
ENVIRONMENT = {
    "FOREWARN_SUPERSET_SECRET_KEY": "k" * 32,
    "FOREWARN_SUPERSET_STORE_URL": "sqlite:////tmp/store.db",
    "FOREWARN_SUPERSET_WAREHOUSE_URL": WAREHOUSE,
}


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(FILE))


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_it_refuses_to_start_without(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for known, value in ENVIRONMENT.items():
        monkeypatch.setenv(known, value)
    monkeypatch.delenv(name)
    with pytest.raises(SystemExit, match=f"{name}: expected .*, got 0 characters"):
        runpy.run_path(str(FILE))


def test_it_refuses_a_short_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for known, value in ENVIRONMENT.items():
        monkeypatch.setenv(known, value)
    monkeypatch.setenv("FOREWARN_SUPERSET_SECRET_KEY", "k" * 31)
    with pytest.raises(SystemExit, match="expected a random secret of 32 characters or more, got 31"):
        runpy.run_path(str(FILE))


def test_the_warehouses_address_takes_the_place_of_the_placeholder(settings: dict[str, Any]) -> None:
    mutate = settings["DB_CONNECTION_MUTATOR"]
    named = make_url("postgresql+psycopg2://reader@warehouse/forewarn")
    url, params = mutate(named, {"connect_args": {"connect_timeout": 3}}, "ana", None, None)
    assert url.render_as_string(hide_password=False) == WAREHOUSE
    assert params == {
        "connect_args": {
            "connect_timeout": 3,
            "application_name": "superset",
            "options": "-c default_transaction_read_only=on",
        }
    }
    other = make_url("postgresql+psycopg2://ana@elsewhere/db")
    assert mutate(other, {}, "ana", None, None) == (other, {})


def test_pages_speak_to_their_own_server_alone(settings: dict[str, Any]) -> None:
    policy = settings["TALISMAN_CONFIG"]["content_security_policy"]
    allowed = {one for sources in policy.values() for one in ([sources] if isinstance(sources, str) else sources)}
    assert allowed == {"'self'", "'none'", "blob:", "data:", "'unsafe-inline'", "'strict-dynamic'"}
    assert settings["TALISMAN_DEV_CONFIG"] == settings["TALISMAN_CONFIG"]
