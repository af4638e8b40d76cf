"""Companies' own systems, connected by configuration alone: from their files to united customers and alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import chain
import pytest

from forewarn import stages
from forewarn.config.project import load_project
from forewarn.warehouse.engine import connect

SHARED = chain.PROJECT.parent / "shared" / "data"
Rows = Callable[[str], list[tuple[Any, ...]]]


def needs(folder: str) -> pytest.MarkDecorator:
    """Skip a test where the data are not beside the project."""
    return pytest.mark.skipif(not (SHARED / folder).is_dir(), reason=f"no {folder} in ../shared/data: see its README")


@contextmanager
def built(data: str) -> Iterator[tuple[Any, stages.Run, Rows]]:
    """Land and build a data set in a warehouse of its own."""
    with chain.installation(chain.PROJECT / "config" / "datasets" / data) as (settings, _):
        project = load_project(settings.config)
        assert project.as_of_date is not None
        run = stages.Run(project.as_of_date, "own systems", datetime.now(UTC))
        chain.land(settings, run)
        stages.gate(settings, run, gate="raw")
        stages.build(settings, run)
        with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:

            def rows(query: str) -> list[tuple[Any, ...]]:
                cursor.execute(query)
                found = list(cursor.fetchall())
                connection.rollback()
                return found

            yield settings, run, rows


@pytest.fixture(scope="module")
def dirty() -> Iterator[Rows]:
    """A dealer's CRM and ERP."""
    with built("crm-erp-dirty") as (_, _, rows):
        yield rows


@needs("crm_erp_dirty")
@pytest.mark.timeout(900)
@pytest.mark.capability("C5", "C51")
def test_every_fault_of_the_dirty_files_is_quarantined_or_standardised_and_counted(dirty: Rows) -> None:
    batches = dirty(
        "select source, stream, rows_in, rows_loaded, rows_quarantined, rows_deduplicated from ops.batch order by 1, 2"
    )
    assert batches == [
        ("crm", "customers", 18_494, 18_484, 4, 6),
        ("crm", "products", 397, 397, 0, 0),
        ("crm", "sales", 60_398, 60_379, 19, 0),
        ("erp", "categories", 37, 37, 0, 0),
        ("erp", "customers", 18_484, 18_468, 16, 0),
        ("erp", "locations", 18_484, 18_484, 0, 0),
    ]
    assert all(came == loaded + aside + twice for _, _, came, loaded, aside, twice in batches)
    # Nine lines repeat a cst_id: six an older line of a customer, and of four without any, three.
    assert dirty(
        "select source, stream, left(reason, 40), count(*) from quarantine.row group by 1, 2, 3 order by 1, 2"
    ) == [
        ("crm", "customers", "cst_id: expected a key, got nothing", 4),
        ("crm", "sales", "sls_order_dt: expected a date like YYYYM", 19),
        ("erp", "customers", "born after the file was written", 16),
    ]
    aside = "(content::jsonb)"
    assert dirty(f"select count(*) from quarantine.row where {aside} ->> 'BDATE' like '9999-%'") == [(4,)]
    # 17 padded first names, which no account's name has any more.
    assert dirty("select count(*) from raw_crm.customers where cst_firstname <> trim(cst_firstname)") == [(17,)]
    assert dirty("select count(*) from staging.stg_accounts where name <> trim(name) or name like '%  %'") == [(0,)]
    # 30 wrong sums, 13 sums and 12 prices that are missing or not positive; one of them has no day as well.
    wrong = "sls_sales is distinct from sls_quantity * abs(sls_price)"
    assert dirty(
        f"select count(*) filter (where {wrong}), count(*) filter (where coalesce(sls_sales, 0) <= 0),"
        " count(*) filter (where coalesce(sls_price, 0) <= 0) from raw_crm.sales"
    ) == [(29, 12, 12)]
    assert dirty(
        f"select count(*) from quarantine.row where stream = 'sales' and nullif({aside} ->> 'sls_sales', '')::numeric"
        f" is distinct from ({aside} ->> 'sls_quantity')::numeric * abs(({aside} ->> 'sls_price')::numeric)"
    ) == [(1,)]
    assert dirty(
        "select count(*) from staging.stg_order_lines as l join raw_crm.sales as s on l.order_line_id"
        " = s.sls_ord_num || '-' || s.sls_prd_key where l.amount is distinct from"
        " case when coalesce(s.sls_price, 0) = 0 then s.sls_sales else s.sls_quantity * abs(s.sls_price) end"
        " or coalesce(l.amount, 0) <= 0"
    ) == [(0,)]
    assert dirty("select country from staging.stg_accounts where country is not null group by 1 order by 1") == [
        ("Australia",), ("Canada",), ("France",), ("Germany",), ("United Kingdom",), ("United States",),
    ]  # fmt: skip


@needs("crm_erp_dirty")
@pytest.mark.timeout(900)
@pytest.mark.capability("C2", "C51")
def test_three_spellings_of_a_number_are_one_customer(dirty: Rows) -> None:
    assert dirty("select count(*) from raw_erp.customers where \"CID\" = 'NASAW00011000'") == [(1,)]
    assert dirty("select count(*) from raw_erp.locations where \"CID\" = 'AW-00011000'") == [(1,)]
    assert dirty(
        "select c.source, c.account_id, c.reason, d.name, d.country from marts.customer_crosswalk as c"
        " join marts.dim_customers as d using (customer_id) where c.account_id in ('11000', 'AW00011000') order by 1"
    ) == [
        ("crm", "11000", "first record of this customer", "Jon Yang", "Australia"),
        ("erp", "AW00011000", "a source links it to crm 11000", "Jon Yang", "Australia"),
    ]
    assert dirty(
        "select accounts, count(*) from (select customer_id, count(*) as accounts from marts.customer_crosswalk"
        " group by 1) as customers group by 1"
    ) == [(2, 18_484)]


def _judged(settings: Any, run: stages.Run) -> dict[str, Any]:
    stages.gate(settings, run, gate="features")
    trained = stages.train_if_missing(settings, run)
    stages.score(settings, run)
    stages.gate(settings, run, gate="scores")
    stages.publish(settings, run)
    stages.open_cases(settings, run)
    return trained


@needs("fightchurn_crm5")
@pytest.mark.timeout(900)
@pytest.mark.capability("C51", "C31", "C27")
def test_subscriptions_and_usage_without_orders_owners_or_names_end_in_explained_alerts() -> None:
    with built("fightchurn") as (settings, run, rows):
        _judged(settings, run)
        ((cases, reasons, owners),) = rows(
            "select count(*), count(*) filter (where jsonb_array_length(reasons) > 0), count(owner_id) from alerts.case"
        )
        assert cases == reasons >= 5
        assert owners == 0
        assert rows("select count(*), count(distinct recipient) from alerts.outbox") == [(cases, 1)]
        assert rows("select count(*) from alerts.outbox where recipient = 'success@fightchurn.example'") == [(cases,)]


@needs("telco_multi")
@pytest.mark.timeout(900)
@pytest.mark.capability("C51", "C31")
def test_four_workbooks_without_a_date_are_one_customer_each_and_judged_below_a_leak() -> None:
    with built("telco-multi") as (settings, run, rows):
        assert rows("select count(*), count(city), count(segment) from marts.dim_customers") == [(7043, 7043, 7043)]
        assert rows("select count(*), count(ended_at), count(mrr) from staging.stg_subscriptions") == [
            (7043, 1869, 7043)
        ]
        _judged(settings, run)
        assert rows("select count(*) > 20 and bool_and(jsonb_array_length(reasons) > 0) from alerts.case") == [(True,)]
