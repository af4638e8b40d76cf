"""`forewarn doctor` on a real warehouse, mail server and MLflow address: a failure stops no other check."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import AuthResult, LoginPassword
from mail_receiver import free_port

from forewarn.config.settings import Settings
from forewarn.local.checkup import Finding, examine
from forewarn.local.link_key import ensure_link_key

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("age", "ok"), [(timedelta(hours=72), True), (timedelta(hours=72, seconds=1), False)])
def test_a_stale_stream_is_a_failure_with_a_command(
    settings: Settings, warehouse: Any, monkeypatch: pytest.MonkeyPatch, age: timedelta, ok: bool
) -> None:
    monkeypatch.setenv("FOREWARN_WAREHOUSE_URL", settings.warehouse_url)
    monkeypatch.setenv("FOREWARN_MLFLOW_URL", settings.mlflow_url)
    with warehouse.cursor() as cursor:
        for source, stream in (("crm", "contacts"), ("crm", "accounts"), ("erp", "orders"), ("erp", "order_lines"),
                               ("erp", "customers"), ("erp", "returns")):  # fmt: skip
            landed_at = NOW - age if stream == "orders" else NOW
            for finished_at, status in ((landed_at - timedelta(days=1), "landed"), (landed_at, "landed"),
                                        (NOW, "failed")):  # fmt: skip
                cursor.execute(
                    "insert into ops.batch (source, stream, run_id, started_at, finished_at, status)"
                    " values (%s, %s, 'run', %s, %s, %s)",
                    [source, stream, finished_at, finished_at, status],
                )
    found = {finding.check: finding for finding in examine(settings.config, settings.home, now=NOW)}
    assert found["warehouse"].found.startswith("PostgreSQL 18.")
    assert found["migrations"].ok
    with warehouse.cursor() as cursor:
        cursor.execute("create table marts.by_hand (a int)")
    again = {finding.check: finding for finding in examine(settings.config, settings.home, now=NOW)}["migrations"]
    assert not again.ok
    assert "marts.by_hand" in again.found
    assert again.remedy == "forewarn migrate"
    assert not found["source erp"].ok, "its connection is named nowhere"
    assert found["source erp"].remedy.startswith("export FOREWARN_CONN_DEMO_ERP=postgresql+psycopg2://USER:PASSWORD@")
    assert (found["link key"].ok, found["link key"].remedy) == (False, "forewarn access rotate-link-key")
    assert found["workbench"].found.startswith("not started; `forewarn up` serves it")
    extraction = found["extraction"]
    assert not extraction.ok
    assert "crm.contacts, crm.accounts, erp.orders, erp.order_lines" in extraction.found
    freshness = found["freshness"]
    assert freshness.ok is ok
    assert "erp.orders landed 2026-02-27" in freshness.found
    if not ok:
        assert freshness.remedy == "forewarn run --stage extract"
        assert freshness.found.count("error_after") == 1


def test_a_mistake_in_a_source_file_is_told_once_and_what_needs_the_sources_is_not_tried(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOREWARN_WAREHOUSE_URL", settings.warehouse_url)
    monkeypatch.setenv("FOREWARN_MLFLOW_URL", settings.mlflow_url)
    ensure_link_key(settings.home)
    broken = tmp_path / "config"
    shutil.copytree(PROJECT / "config", broken, ignore=shutil.ignore_patterns("datasets"))
    (broken / "sources" / "erp.yml").write_text("kind: sql\nconection: erp\n", encoding="utf-8")
    found = examine(broken, settings.home, now=NOW)
    assert [(one.check, one.ok) for one in found if not one.ok or "erp.yml" in one.found] == [("configuration", False)]
    assert {"warehouse", "extraction", "MLflow"} <= {one.check for one in found}
    assert [one.check for one in found if "fresh" in one.check or one.check.startswith("source")] == []


@pytest.fixture
def mail_server() -> Iterator[Controller]:
    """A mail server that knows one user, `robot` with the password `right`."""

    def authenticate(*arguments: Any) -> AuthResult:
        known = arguments[-1] == LoginPassword(b"robot", b"right")
        return AuthResult(success=known, handled=False)

    server = Controller(
        Sink(), hostname="127.0.0.1", port=free_port(), auth_require_tls=False, authenticator=authenticate
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture
def without_warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Examine an installation that has no warehouse and sends by mail."""
    config = tmp_path / "config"
    config.mkdir()
    (config / "forewarn.yml").write_text(
        (PROJECT / "config" / "forewarn.yml")
        .read_text(encoding="utf-8")
        .replace("channels: [file]", "channels: [email, wecom, feishu]")
    )
    for variable in ("WAREHOUSE_URL", "WAREHOUSE_URL_FILE", "MLFLOW_URL", "MLFLOW_URL_FILE"):
        monkeypatch.delenv(f"FOREWARN_{variable}", raising=False)

    def run(**connections: str) -> dict[str, Finding]:
        for name, url in connections.items():
            monkeypatch.setenv(f"FOREWARN_{name}", url)
        return {finding.check: finding for finding in examine(config, tmp_path / "home", now=NOW)}

    return run


@pytest.mark.parametrize(("password", "ok"), [("right", True), ("wr0ng", False)])
def test_without_a_warehouse_mail_is_checked_up_to_the_log_in(
    without_warehouse: Any, mail_server: Controller, password: str, ok: bool
) -> None:
    found = without_warehouse(
        CONN_SMTP=f"smtp://robot:{password}@127.0.0.1:{mail_server.port}", CONN_WECOM="https://wecom.example/?key=k3y"
    )
    assert (found["channel wecom"].ok, "k3y" in found["channel wecom"].found) == (True, False)
    assert (found["channel feishu"].ok, found["channel feishu"].remedy) == (False, "export FOREWARN_CONN_FEISHU=URL")
    assert (found["warehouse"].ok, found["warehouse"].remedy) == (False, "forewarn up --database-only")
    mail = found["mail"]
    assert mail.ok is ok
    if ok:
        assert mail.found == f"127.0.0.1:{mail_server.port} answers, not encrypted, log-in accepted"
    else:
        assert "expected greeting, encryption and log-in, got 535" in mail.found
        assert password not in mail.found
        assert mail.remedy.startswith("export FOREWARN_CONN_SMTP=smtp://USER:PASSWORD@")


def test_without_a_warehouse_an_mlflow_server_that_is_not_there_is_found_out(without_warehouse: Any) -> None:
    found = without_warehouse(MLFLOW_URL=f"http://127.0.0.1:{free_port()}")["MLflow"]
    assert not found.ok
    assert "MLflow: expected a healthy server, got" in found.found
    assert found.remedy == "export FOREWARN_MLFLOW_URL=http://HOST:5000"
