"""`forewarn doctor` on a real warehouse: one stale stream is one failure, and stops no other check."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from forewarn.config.settings import Settings
from forewarn.local.checkup import examine

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)


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
    assert not found["source erp"].ok, "its connection is named nowhere"
    extraction = found["extraction"]
    assert not extraction.ok
    assert "crm.contacts, crm.accounts, erp.orders, erp.order_lines" in extraction.found
    freshness = found["freshness"]
    assert freshness.ok is ok
    assert "erp.orders landed 2026-02-27" in freshness.found
    if not ok:
        assert freshness.remedy == "forewarn run --stage extract"
        assert freshness.found.count("error_after") == 1
