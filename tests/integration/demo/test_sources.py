from __future__ import annotations

import dataclasses
import os
from datetime import UTC, datetime
from pathlib import Path

import psycopg2
import pyarrow.compute as pc
import pytest

from forewarn.config.entities import entities
from forewarn.config.project import load_project
from forewarn.config.settings import Settings
from forewarn.demo import Company, advance, serve
from forewarn.demo.company import DATABASES
from forewarn.demo.databases import TABLES
from forewarn.sources import Batch, canonical_mappings, extract_stream, load_sources
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.engine import connect

NOW = datetime(2026, 7, 1, 4, tzinfo=UTC)
ONLINE_RETAIL = Path(__file__).resolve().parents[4] / "shared/data/online_retail_ii/online_retail_ii.parquet"


def _land(settings: Settings, run_id: str) -> dict[str, Batch]:
    sources = load_sources(load_project(settings.config))
    return {
        f"{name}.{stream}": extract_stream(settings, source, stream, run_id=run_id, now=NOW)
        for name, source in sources.items()
        for stream in source.streams
    }


def _one(warehouse: psycopg2.extensions.connection, query: str) -> tuple[object, ...]:
    with warehouse.cursor() as cursor:
        cursor.execute(query)
        row: tuple[object, ...] = cursor.fetchone()
        return row


@pytest.fixture
def installation(settings: Settings, company: Company) -> Settings:
    return dataclasses.replace(settings, home=company.home)


@pytest.mark.capability("C1", "C5", "B15")
def test_every_department_lands_and_the_planted_faults_are_set_aside(
    installation: Settings, company: Company, warehouse: psycopg2.extensions.connection, postgres: EmbeddedServer
) -> None:
    with serve(company.home):
        batches = _land(installation, "first")
    assert len(batches) == 29
    for name, batch in batches.items():
        assert batch.rows_loaded > 0, name
        assert batch.rows_in == batch.rows_loaded + batch.rows_quarantined + batch.rows_deduplicated, name

    defects = company.truth.read("defects")
    before = defects.filter(pc.less(defects["delivered_at"], datetime(2026, 7, 1, tzinfo=UTC)))
    planted = {
        row["kind"]: row["record_count"] for row in before.group_by("kind").aggregate([("record", "count")]).to_pylist()
    }
    quarantined = {name: batch.rows_quarantined for name, batch in batches.items() if batch.rows_quarantined}
    assert quarantined == {"finance.invoices": planted["bad amount"]}
    assert planted["bad amount"] > 0
    assert _one(warehouse, "select count(*), min(column_name), max(column_name) from quarantine.row") == (
        planted["bad amount"],
        "amount",
        "amount",
    )
    assert planted["duplicate delivery"] == 1
    again = [file for file in (company.home / "finance" / "payments").iterdir() if file.stem.endswith("-again")]
    lines = len(again[0].read_text().splitlines()) - 1
    assert batches["finance.payments"].rows_deduplicated == lines > 0
    assert batches["finance.subscriptions"].rows_deduplicated > 0

    mapping = canonical_mappings(load_sources(load_project(installation.config)))["account"]
    country = next(entry["columns"]["country"] for entry in mapping if entry["source"] == "erp")
    assert _one(warehouse, f"select count(distinct {country}), count(distinct country) > 5 from raw_erp.customers") == (
        5,
        True,
    )
    assert planted["country spelling"] > 0

    assert advance(company.home, postgres) == company.world.history_end.replace(day=2)
    with serve(company.home):
        second = _land(installation, "second")
    assert 0 < second["erp.orders"].rows_loaded < 200
    assert 0 < second["usage.daily_usage"].rows_loaded < 200
    assert second["finance.invoices"].rows_loaded > 0


def test_the_sources_together_feed_every_entity_that_the_company_has() -> None:
    project = load_project(Path(__file__).resolve().parents[3] / "config")
    assert set(canonical_mappings(load_sources(project))) == set(entities())


@pytest.mark.capability("B15")
def test_no_source_reaches_the_truth(installation: Settings, company: Company, postgres: EmbeddedServer) -> None:
    from forewarn.sources import resolve

    sources = load_sources(load_project(installation.config))
    truth = (company.home / "truth").resolve()
    assert {part.name for part in truth.iterdir()} == {"accounts", "customers", "defects", "future", "hazards"}
    for source in sources.values():
        assert source.connection is not None
        url = resolve(source.connection, installation)
        for stream in source.streams.values():
            if source.kind == "files":
                found = [file.resolve() for file in Path(url).glob(stream.path)]
                assert found, stream.path
                assert not [file for file in found if file.is_relative_to(truth)]
    tables = {(table.database, table.schema, table.name.split(".")[1]) for table in TABLES}
    for database in DATABASES:
        with connect(postgres.url(database)) as connection, connection.cursor() as cursor:
            cursor.execute(
                "select table_schema, table_name, array_agg(column_name::text) from information_schema.columns"
                " where table_schema not in ('pg_catalog', 'information_schema') group by 1, 2"
            )
            for schema, table, columns in cursor.fetchall():
                assert (database, schema, table) in tables
                assert not {"churned_on", "cause", "hazard_per_day", "_until", "gap_days"} & set(columns)


def _dataset(settings: Settings, name: str) -> Settings:
    return dataclasses.replace(settings, config=settings.project / "config" / "datasets" / name)


@pytest.mark.capability("C51")
def test_complete_journey_is_connected_by_configuration_alone(
    settings: Settings, warehouse: psycopg2.extensions.connection
) -> None:
    installation = _dataset(settings, "complete-journey")
    batches = _land(installation, "first")
    assert {name: batch.rows_loaded for name, batch in batches.items()} == {
        "loyalty.demographics": 801,
        "loyalty.campaigns": 6_589,
        "loyalty.coupon_redemptions": 2_102,
        "tills.transactions": 1_469_307,
        "tills.products": 92_331,
    }
    mappings = canonical_mappings(load_sources(load_project(installation.config)))
    assert set(mappings) == {"account", "account_link", "marketing_event", "order", "order_line", "product"}
    orders = mappings["order"][0]["columns"]
    assert _one(
        warehouse,
        f"select count(distinct {orders['order_id']}), count(distinct {orders['account_id']}),"
        f" max({orders['ordered_at']}) from raw_tills.transactions",
    ) == (155_848, 2_469, datetime(2018, 1, 1, 4, 1, 20, tzinfo=UTC))
    sent = mappings["marketing_event"][0]["columns"]
    assert _one(
        warehouse,
        f"select count({sent['occurred_at']}), count(distinct {sent['marketing_event_id']}),"
        f" min({sent['occurred_at']}) from raw_loyalty.campaigns",
    ) == (6_589, 6_589, datetime(2016, 11, 14, tzinfo=UTC))
    discount = mappings["order_line"][0]["columns"]["discount_amount"]
    assert _one(warehouse, f"select min({discount}) >= 0, sum({discount}) > 0 from raw_tills.transactions") == (
        True,
        True,
    )


@pytest.mark.capability("C51")
def test_online_retail_is_connected_by_configuration_alone(
    settings: Settings, warehouse: psycopg2.extensions.connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Path(os.environ.get("ONLINE_RETAIL", ONLINE_RETAIL))
    if not file.is_file():
        pytest.skip(f"Online Retail II is not at {file}; set ONLINE_RETAIL")
    monkeypatch.setenv("ONLINE_RETAIL", str(file))
    installation = _dataset(settings, "online-retail")
    batch = _land(installation, "first")["invoicing.lines"]
    assert (batch.rows_in, batch.rows_loaded, batch.rows_deduplicated, batch.rows_quarantined) == (
        836_992,
        827_876,
        9_116,
        0,
    )
    mappings = canonical_mappings(load_sources(load_project(installation.config)))

    def count(entity: str, key: str) -> object:
        mapping = mappings[entity][0]
        columns, where = mapping["columns"], mapping["where"] or "true"
        return _one(warehouse, f"select count(distinct {columns[key]}) from raw_invoicing.lines where {where}")[0]

    assert count("order", "order_id") == 30_343
    assert count("account", "account_id") == 5_346
    assert count("return", "return_id") == 15_247
