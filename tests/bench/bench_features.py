"""churn_features beside its limits: one date beside the bare SELECT, twelve dates beside twelve times one.

    python tests/bench/bench_features.py [--customers 20000] [--months 24] [--rounds 5] [--sizes]

Prints `name ratio (min median max) peak_mb`. `features_one_date`: seconds of dbt's model, with replacing the date,
the primary key and statistics, over those of its compiled SELECT written to a bare temporary table; limit 1.2.
`features_12_dates`: the processor seconds of the server for that SELECT and twelve dates over twelve times one; limit
1.0. dbt's start-up, some seconds a run whatever the size, is left out of both. They run in turn, without parallelism.

How it grows: with the rows of the roll-up (customers times days on which something happened), once a date; the number
of articles or of raw rows does not matter. `--sizes` shows three sizes.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import psycopg2

from forewarn.config.settings import Settings
from forewarn.warehouse import dbt
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.engine import dsn
from forewarn.warehouse.migrate import migrate

PROJECT = Path(__file__).resolve().parents[2]
END = date(2026, 1, 1)
LIMITS = {"features_one_date": 1.2, "features_12_dates": 1.0}
CHURN = {"definition": "non_contractual", "horizon_days": 60, "eligible_days": 90}
MARKS = ", _loaded_at timestamptz default now(), _batch_id bigint default 1, _row_hash bytea default ''"

# One order a customer and fortnight with two lines, usage on one day in five, a ticket now and then.
RAW = f"""
create schema raw_erp;
create table raw_erp.orders (order_id text, account_id text, ordered_at timestamptz, amount numeric {MARKS});
create table raw_erp.lines (order_line_id text, order_id text, product_id text, amount numeric {MARKS});
create table raw_erp.usage
(usage_event_id text, account_id text, occurred_at timestamptz, active_users numeric {MARKS});
create table raw_erp.tickets (ticket_id text, account_id text, opened_at timestamptz, closed_at timestamptz {MARKS});
insert into raw_erp.orders (order_id, account_id, ordered_at, amount)
select c || '-' || n, 'c' || c, timestamptz '2026-01-01 00:00Z' - make_interval(days => n * 14 + c %% 14 + 1),
    10 + c %% 90
from generate_series(1, %(customers)s) as c, generate_series(0, %(days)s / 14) as n;
insert into raw_erp.lines (order_line_id, order_id, product_id, amount)
select order_id || '-' || n, order_id, 'p' || abs(hashtext(order_id || n)) %% 500, amount / 2
from raw_erp.orders, generate_series(1, 2) as n;
insert into raw_erp.usage (usage_event_id, account_id, occurred_at, active_users)
select c || '-' || n, 'c' || c, timestamptz '2026-01-01 00:00Z' - make_interval(days => n * 5 + c %% 5 + 1), 1 + c %% 7
from generate_series(1, %(customers)s) as c, generate_series(0, %(days)s / 5) as n;
insert into raw_erp.tickets (ticket_id, account_id, opened_at, closed_at)
select c || '-' || n, 'c' || c, timestamptz '2026-01-01 00:00Z' - make_interval(days => n * 90 + c %% 90 + 1), null
from generate_series(1, %(customers)s) as c, generate_series(0, %(days)s / 90) as n;
"""
FEEDS = {
    "order": ("orders", "order_id account_id ordered_at amount"),
    "order_line": ("lines", "order_line_id order_id product_id amount"),
    "usage_event": ("usage", "usage_event_id account_id occurred_at active_users"),
    "ticket": ("tickets", "ticket_id account_id opened_at closed_at"),
}


class Bench:
    """A warehouse with its roll-up built, ready to compute features of any date."""

    def __init__(self, folder: Path, customers: int, months: int) -> None:
        self.server = EmbeddedServer(folder / "pg")
        self.server.start()
        url = self.server.ensure_database(f"features_{customers}")
        migrate(url)
        self.settings = Settings(
            project=PROJECT, config=PROJECT / "config", home=folder / "home", warehouse_url=url, mlflow_url="sqlite://"
        )
        self.connection = psycopg2.connect(dsn(url), options=f"{dbt.SESSION} -c max_parallel_workers_per_gather=0")
        self.connection.autocommit = True
        with self.connection.cursor() as cursor:
            cursor.execute(RAW, {"customers": customers, "days": months * 30})
        self.mappings = {
            entity: [
                {
                    "source": "erp",
                    "schema": "raw_erp",
                    "table": table,
                    "account_source": "erp",
                    "where": None,
                    "distinct": False,
                    "columns": {name: name for name in columns.split()},
                }
            ]
            for entity, (table, columns) in FEEDS.items()
        }
        self.seconds([END])

    def seconds(self, dates: list[date], select: str | None = None) -> float:
        """Build and return the seconds of the model."""
        sources: dict[str, Any] = {
            "version": 2,
            "sources": [
                {"name": "erp", "schema": "raw_erp", "tables": [{"name": table} for table, _ in FEEDS.values()]}
            ],
        }
        results = dbt.build(
            self.settings,
            mappings=self.mappings,
            sources_yaml=sources,
            as_of_dates=dates,
            churn=CHURN,
            select=select,
        )
        return next(result.seconds for result in results if result.name == "churn_features")

    def compiled(self, dates: list[date]) -> str:
        """Return the SELECT of the model for these dates."""
        self.seconds(dates, select="churn_features")
        (file,) = (self.settings.home / "dbt" / "target" / "compiled").rglob("churn_features.sql")
        return file.read_text()

    def bare(self, query: str) -> tuple[float, float]:
        """Write a query to a temporary table; return seconds of the clock and of the server's processor."""
        with self.connection.cursor() as cursor:
            server = psutil.Process(self.connection.info.backend_pid)
            before, began = server.cpu_times(), time.perf_counter()
            cursor.execute(f"create temporary table limit_table as {query}")
            seconds, after = time.perf_counter() - began, server.cpu_times()
            cursor.execute("drop table limit_table")
        return seconds, after.user + after.system - before.user - before.system


def compare(folder: Path, customers: int, months: int, rounds: int) -> list[str]:
    """Measure one size; returns the names whose median is above its limit."""
    bench = Bench(folder, customers, months)
    twelve = [END - timedelta(days=30 * number) for number in range(12)]
    ratios: dict[str, list[float]] = {name: [] for name in LIMITS}
    # Older dates have less history before them: a single date is the mean of a late, a middle and an early one.
    singles = [bench.compiled([day]) for day in (twelve[1], twelve[6], twelve[10])]
    all_twelve, newest = bench.compiled(twelve), bench.compiled([END])
    for _ in range(rounds):
        one = bench.seconds([END], select="churn_features")
        ratios["features_one_date"].append(one / bench.bare(newest)[0])
        many = bench.bare(all_twelve)[1]
        single = sum(bench.bare(query)[1] for query in singles) / len(singles)
        ratios["features_12_dates"].append(many / (12 * single))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    for name, found in ratios.items():
        low, middle, high = min(found), median(found), max(found)
        print(
            f"{name} {middle:.2f} ({low:.2f} {middle:.2f} {high:.2f}) {peak} MB, limit {LIMITS[name]},"
            f" {customers} customers, {months} months",
            flush=True,
        )
    bench.connection.close()
    return [name for name, found in ratios.items() if median(found) > LIMITS[name]]


def main() -> int:
    """Measure, print, and return 1 when a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", action="store_true", help="a quarter and a half of the customers as well")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="fw-bench-"))
    try:
        sizes = [given.customers // 4, given.customers // 2] if given.sizes else []
        above = [
            name
            for customers in [*sizes, given.customers]
            for name in compare(folder, customers, given.months, given.rounds)
        ]
    finally:
        EmbeddedServer(folder / "pg").stop()
        shutil.rmtree(folder, ignore_errors=True)
    return int(bool(above))


if __name__ == "__main__":
    sys.exit(main())
