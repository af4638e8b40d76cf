"""churn_features beside its limits: one date beside plain SQL written by hand, 24 dates beside 24 times one.

    python tests/bench/bench_features.py [--customers 5000] [--months 24] [--rounds 3] [--sizes]

Prints `name ratio (min median max) peak_mb`. `features_one_date`: processor seconds of what dbt's model does, with
replacing the date, the primary key and statistics, over those of `BY_HAND` in a bare temporary table; limit 1.2.
`BY_HAND` is the quickest single statement that we know for the same figures over the same roll-up, all of it: the model
reads 455 days, and one row a customer for what is older. That both give the same is checked. `features_24_dates`:
processor seconds of the model's SELECTs for 24 dates, as it writes them, over 24 times one; limit 1.0.
The statements are run without dbt, whose start-up costs some seconds at any size, in turn and without parallelism.

How it grows: with the rows of the roll-up (customers times days on which something happened) of 455 days, of all
years for a date of the past, and the articles bought in the year before, once a date; the number of raw rows does not
matter. `--sizes` shows three sizes.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import psycopg2
from cpu import measure

from forewarn.config.entities import entities
from forewarn.config.settings import Settings
from forewarn.sources import ready_for_build
from forewarn.warehouse import dbt
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.engine import dsn
from forewarn.warehouse.migrate import migrate
from forewarn.warehouse.restate import EACH_DATE

PROJECT = Path(__file__).resolve().parents[2]
END = date(2026, 1, 1)
LIMITS = {"features_one_date": 1.2, "features_24_dates": 1.0}
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
# As landing leaves a table behind after its first batch.
LANDED = """
insert into ops.batch (source, stream, run_id, started_at, status)
values ('erp', 'bench', 'bench', now(), 'landed');
create unique index orders_identity on raw_erp.orders (order_id);
create unique index lines_identity on raw_erp.lines (order_line_id);
create unique index usage_identity on raw_erp.usage (usage_event_id);
create unique index tickets_identity on raw_erp.tickets (ticket_id);
select ops.follow(oid::regclass, 1) from pg_class
where relnamespace = 'raw_erp'::regnamespace and relkind = 'r';
"""
BY_HAND = """
with steps as (
    select customer_id,
        case when day >= %(day)s::date - 7 then 7 when day >= %(day)s::date - 30 then 30
            when day >= %(day)s::date - 56 then 56 when day >= %(day)s::date - 60 then 60
            when day >= %(day)s::date - 90 then 90 when day >= %(day)s::date - 180 then 180
            when day >= %(day)s::date - 365 then 365 when day >= %(day)s::date - 455 then 455 end as age,
        min(day) as first_day, max(day) filter (where usage_records > 0) as last_usage_day,
        sum(orders) as orders, sum(revenue) as revenue, sum(tickets) as tickets, sum(complaints) as complaints,
        sum(usage_days) as usage_days, sum(usage_events) as usage_events, sum(more_active_users) as users
    from intermediate.int_customer_days where known_day < %(day)s group by 1, 2
),
sums as (
    select customer_id, min(first_day) as first_day, max(last_usage_day) as last_usage_day,
        sum(orders) as orders_lifetime,
        sum(orders) filter (where age <= 7) as orders_7d, sum(orders) filter (where age <= 30) as orders_30d,
        sum(orders) filter (where age <= 90) as orders_90d, sum(orders) filter (where age <= 180) as orders_180d,
        sum(orders) filter (where age <= 365) as orders_365d, sum(orders) filter (where age = 180) as orders_prior_90d,
        sum(orders) filter (where age = 455) as orders_last_year,
        sum(revenue) filter (where age = 455) as revenue_last_year,
        sum(revenue) filter (where age <= 30) as revenue_30d, sum(revenue) filter (where age <= 90) as revenue_90d,
        sum(revenue) filter (where age <= 180) as revenue_180d, sum(revenue) filter (where age <= 365) as revenue_365d,
        sum(revenue) filter (where age = 180) as revenue_prior_90d,
        sum(tickets) filter (where age <= 30) as tickets_30d, sum(tickets) filter (where age <= 90) as tickets_90d,
        sum(tickets) filter (where age <= 365) as tickets_365d,
        sum(complaints) filter (where age <= 365) as complaints_365d,
        sum(complaints) filter (where age <= 30) as complaints_30d,
        sum(complaints) filter (where age <= 90) as complaints_90d,
        sum(complaints) filter (where age = 180) as complaints_prior_90d,
        sum(usage_days) filter (where age <= 7) as usage_days_7d,
        sum(usage_days) filter (where age <= 90) as usage_days_90d,
        sum(usage_days) filter (where age <= 30) as usage_days_30d,
        sum(usage_days) filter (where age in (56, 60)) as usage_days_prior_30d,
        sum(usage_events) filter (where age <= 30) as usage_events_30d,
        sum(users) filter (where age <= 7) / 7 as active_users_7d,
        sum(users) filter (where age <= 56) / 56 as active_users_56d
    from steps group by customer_id
),
gaps as (
    select customer_id, day, day - lag(day) over (partition by customer_id order by day) as gap
    from (
        select customer_id, day from intermediate.int_order_days
        where known_day < %(day)s group by 1, 2 having sum(orders) > 0
    ) as order_days
),
rhythm as (
    select customer_id, min(day) as first_order_day, max(day) as last_order_day, avg(gap) as order_gap_days,
        stddev_samp(gap) as order_gap_sd_days
    from gaps group by customer_id
),
articles as (
    select customer_id, count(*) filter (where last_day >= %(day)s::date - 90) as products_90d,
        count(*) as products_365d
    from (
        select customer_id, product_source, product_id, max(day) as last_day from intermediate.int_order_items
        where day >= %(day)s::date - 365 and known_day < %(day)s
            and (cancelled_day is null or cancelled_day >= %(day)s)
        group by 1, 2, 3
    ) as bought group by customer_id
),
service as (
    select customer_id, count(*) as open_tickets, min(opened_on) as oldest from intermediate.int_tickets
    where known_on < %(day)s and (closed_on is null or closed_on >= %(day)s) group by customer_id
)
select sums.*, %(day)s::date - first_day as tenure_days, %(day)s::date - last_order_day as days_since_last_order,
    %(day)s::date - last_usage_day as days_since_last_usage, order_gap_days, order_gap_sd_days,
    (%(day)s::date - last_order_day) / nullif(order_gap_days, 0) as order_gap_ratio,
    revenue_90d / nullif(revenue_prior_90d, 0) as revenue_trend_90d,
    case when first_order_day <= %(day)s::date - 455 then coalesce(orders_last_year, 0) end as orders_last_year_90d,
    case when first_order_day <= %(day)s::date - 455 then coalesce(revenue_last_year, 0) end as revenue_last_year_90d,
    case when first_order_day <= %(day)s::date - 455 then orders_90d / nullif(orders_last_year, 0) end as orders_y,
    case when first_order_day <= %(day)s::date - 455 then revenue_90d / nullif(revenue_last_year, 0) end as revenue_y,
    orders_90d / nullif(orders_prior_90d, 0) as orders_trend_90d,
    revenue_365d / nullif(orders_365d, 0) as average_order_value_365d,
    usage_days_30d / nullif(usage_days_prior_30d, 0) as usage_trend_30d,
    usage_events_30d / nullif(usage_days_30d, 0) as usage_depth_30d,
    products_90d, products_365d, coalesce(open_tickets, 0) as open_tickets,
    %(day)s::date - oldest as oldest_open_ticket_days
from sums left join rhythm using (customer_id) left join articles using (customer_id)
left join service using (customer_id)
"""
SAME = """
select count(*) from marts.churn_features as ours full join limit_table as theirs using (customer_id)
where ours.as_of_date = %s and (
    ours.orders_180d is distinct from theirs.orders_180d or ours.revenue_365d is distinct from theirs.revenue_365d
    or ours.usage_days_prior_30d is distinct from coalesce(theirs.usage_days_prior_30d, 0)
    or ours.orders_last_year_90d is distinct from theirs.orders_last_year_90d
    or ours.products_90d is distinct from theirs.products_90d or ours.tickets_90d is distinct from theirs.tickets_90d
    or abs(ours.order_gap_sd_days - theirs.order_gap_sd_days) > 1e-9)
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
            cursor.execute(LANDED)
        self.mappings = {
            entity: [
                {
                    "source": "erp",
                    "schema": "raw_erp",
                    "table": table,
                    "account_source": "erp",
                    "where": None,
                    "distinct": False,
                    "columns": {
                        name: f'cast("{name}" as {entities()[entity].columns[name].type})' for name in columns.split()
                    },
                }
            ]
            for entity, (table, columns) in FEEDS.items()
        }
        self.build([END])

    def build(self, dates: list[date], select: str | None = None) -> None:
        """Build the warehouse, or what `select` names."""
        sources: dict[str, Any] = {
            "version": 2,
            "sources": [
                {"name": "erp", "schema": "raw_erp", "tables": [{"name": table} for table, _ in FEEDS.values()]}
            ],
        }
        ready_for_build(self.settings, self.mappings)
        dbt.build(
            self.settings,
            mappings=self.mappings,
            sources_yaml=sources,
            as_of_dates=dates,
            churn=CHURN,
            select=select,
        )

    def compiled(self, dates: list[date]) -> str:
        """Return the SELECT of the model for these dates."""
        self.build(dates, select="churn_features")
        (file,) = (self.settings.home / "dbt" / "target" / "compiled").rglob("churn_features.sql")
        return file.read_text()

    def bare(self, query: str) -> float:
        """Write a query to a temporary table; return processor seconds of the server."""
        with self.connection.cursor() as cursor:
            cursor.execute("drop table if exists limit_table")
            _, spent = measure(
                self.server.folder, lambda: cursor.execute(f"create temporary table limit_table as {query}")
            )
        return spent

    def replaced(self, query: str) -> float:
        """Do what dbt's model does for one date; return processor seconds of the server."""
        statements = f"""begin; create temporary view written as {query};
            delete from marts.churn_features where as_of_date = date '{END}';
            insert into marts.churn_features select * from written; drop view written; commit;
            analyze marts.churn_features (as_of_date, customer_id)"""
        with self.connection.cursor() as cursor:
            return measure(self.server.folder, lambda: cursor.execute(statements))[1]


def compare(folder: Path, customers: int, months: int, rounds: int) -> list[str]:
    """Measure one size; returns the names whose median is above its limit."""
    bench = Bench(folder, customers, months)
    many = [END - timedelta(days=30 * number) for number in range(24)]
    ratios: dict[str, list[float]] = {name: [] for name in LIMITS}
    # Older dates have less history before them: a single date is the mean of late, middle and early ones.
    singles = [bench.compiled([day]) for day in many[2::4]]
    all_many, newest = bench.compiled(many), bench.compiled([END])
    # As the model's strategy writes several dates: one statement each.
    written = [all_many.replace(EACH_DATE, day.isoformat()) for day in many]
    with bench.connection.cursor() as cursor:
        by_hand = cursor.mogrify(BY_HAND, {"day": END}).decode()
    for _ in range(rounds):
        limit = bench.bare(by_hand)
        with bench.connection.cursor() as cursor:
            cursor.execute(SAME, [END])
            if different := (cursor.fetchone() or [0])[0]:
                raise SystemExit(f"{different} customers whose features differ from those by hand")
        ratios["features_one_date"].append(bench.replaced(newest) / limit)
        single = sum(map(bench.bare, singles)) / len(singles)
        ratios["features_24_dates"].append(sum(map(bench.bare, written)) / (24 * single))
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
    parser.add_argument("--customers", type=int, default=1_000_000 if os.environ.get("SCALE") == "full" else 5_000)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
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
