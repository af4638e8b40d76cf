"""A night's build beside a build from nothing in the same run.

    python tests/bench/bench_build.py [--customers 4000] [--months 24] [--rounds 2] [--sizes] [--nodes 0]

Prints `nightly_build ratio (min median max) peak_mb`: processor seconds of the server for a second night, on which one
per cent of the orders, lines and usage rows are new or changed, over those of the build from nothing; limit 0.10.
Both build the dates that `forewarn run` would ask for: from nothing the twelve that models learn from and the day, at
night the day alone. `nightly_build_of_one_date` is the same night over a build from nothing of one date only.
dbt's own start-up and parsing cost some seconds at any size and are not in it; the clock, printed too, has them.
`nightly_build_growth` is what a quarter as many customers leave out of both, one over the other: some two hundred nodes
cost a night the same at any size, and this is what the ratio tends to when there are many customers.

How it grows: reading what is new, the spine and the roll-up grow with the changed rows; `churn_features` and the other
marts of a date with the roll-up and the articles of 455 days, and one row a customer for all that is older; views
and tests of new rows not at all. `--sizes` shows one, two and three years of history, with the same number of changed
rows. `--nodes N` prints the N dearest nodes of the second night with their seconds on the first.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import cpu
import psycopg2
from bench_features import CHURN, END, FEEDS, LANDED, PROJECT, RAW

from forewarn.config.entities import entities
from forewarn.config.project import Churn
from forewarn.config.settings import Settings
from forewarn.sources import ready_for_build
from forewarn.warehouse import dbt
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.engine import dsn
from forewarn.warehouse.migrate import migrate

LIMIT = 0.10
CHANGED = """
insert into ops.batch (source, stream, run_id, started_at, status)
values ('erp', 'bench', 'bench', now(), 'landed');
update raw_erp.orders set amount = amount + 1, _batch_id = %(night)s
where abs(hashtext(order_id || %(night)s)) %% (2 * %(every)s) = 0;
insert into raw_erp.orders (order_id, account_id, ordered_at, amount, _batch_id)
select order_id || '-' || %(night)s, account_id, %(day)s, amount, %(night)s from raw_erp.orders
where abs(hashtext(order_id || %(night)s)) %% (2 * %(every)s) = 1;
insert into raw_erp.lines (order_line_id, order_id, product_id, amount, _batch_id)
select order_id || '-1', order_id, 'p1', amount, %(night)s
from raw_erp.orders where _batch_id = %(night)s and ordered_at = %(day)s;
insert into raw_erp.usage (usage_event_id, account_id, occurred_at, active_users, _batch_id)
select usage_event_id || '-' || %(night)s, account_id, %(day)s, active_users, %(night)s from raw_erp.usage
where abs(hashtext(usage_event_id || %(night)s)) %% %(every)s = 0;
analyze;
"""


class Nights:
    """A warehouse whose nights are built one after the other."""

    def __init__(self, folder: Path, customers: int, months: int) -> None:
        self.server = EmbeddedServer(folder / "pg")
        self.server.start()
        url = self.server.ensure_database(f"build_{customers}_{months}")
        migrate(url)
        self.settings = Settings(
            project=PROJECT, config=PROJECT / "config", home=folder / "home", warehouse_url=url, mlflow_url="sqlite://"
        )
        self.connection = psycopg2.connect(dsn(url))
        self.connection.autocommit = True
        with self.connection.cursor() as cursor:
            cursor.execute(RAW, {"customers": customers, "days": months * 30})
            cursor.execute(LANDED)
            cursor.execute("analyze")
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

    def build(self, *days: date, full_refresh: bool = False) -> tuple[dict[str, float], float, float]:
        """Build these dates; returns seconds by node, of the clock, and of the server's processor."""
        tables = [{"name": table} for table, _ in FEEDS.values()]
        sources: dict[str, Any] = {
            "version": 2,
            "sources": [{"name": "erp", "schema": "raw_erp", "tables": tables}],
        }
        began, before = time.perf_counter(), cpu.of_server(self.server.folder)
        ready_for_build(self.settings, self.mappings)
        results = dbt.build(
            self.settings,
            mappings=self.mappings,
            sources_yaml=sources,
            as_of_dates=days,
            churn=CHURN,
            full_refresh=full_refresh,
        )
        clock = time.perf_counter() - began
        nodes = {f"{result.kind} {result.name}": result.seconds for result in results}
        return nodes, clock, cpu.of_server(self.server.folder) - before

    def change(self, night: int, day: date, every: int) -> None:
        """Land what one day brings: one row in `every` is new or changed."""
        with self.connection.cursor() as cursor:
            cursor.execute(CHANGED, {"night": night, "day": f"{day - timedelta(days=1)} 12:00Z", "every": every})


def compare(folder: Path, customers: int, months: int, every: int, rounds: int, shown: int) -> tuple[float, float]:
    """Measure one size; returns the median seconds of a night and of a build from nothing."""
    nights = Nights(folder, customers, months)
    ratios: list[float] = []
    nightlies: list[float] = []
    wholes: list[float] = []
    night = 1
    # The first build creates the tables as well, and has one date.
    _, _, of_one_date = nights.build(END)
    for _ in range(rounds):
        day = END + timedelta(days=night - 1)
        learnt_from = Churn(**CHURN).training_dates(day)
        whole, whole_clock, whole_cpu = nights.build(*learnt_from, day, full_refresh=True)
        night += 1
        day = END + timedelta(days=night - 1)
        nights.change(night, day, every)
        new = set(Churn(**CHURN).training_dates(day)) - set(learnt_from)
        nightly, clock, nightly_cpu = nights.build(*new, day)
        ratios.append(nightly_cpu / whole_cpu)
        nightlies.append(nightly_cpu)
        wholes.append(whole_cpu)
    nights.connection.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    for name, measured in ("", ratios), ("_of_one_date", [each / of_one_date for each in nightlies]):
        low, middle, high = min(measured), median(measured), max(measured)
        print(
            f"nightly_build{name} {middle:.2f} ({low:.2f} {middle:.2f} {high:.2f}) {peak} MB, limit {LIMIT},"
            f" {customers} customers, {months} months",
            flush=True,
        )
    print(
        f"  {nightly_cpu:.1f} s of {whole_cpu:.1f} s of the server's processor ({of_one_date:.1f} s for one date),"
        f" by the clock with start-up {clock:.1f} s of {whole_clock:.1f} s",
        flush=True,
    )
    for name in sorted(nightly, key=nightly.__getitem__, reverse=True)[:shown]:
        print(f"  {nightly[name]:7.2f} s, from nothing {whole.get(name, 0):7.2f} s  {name}", flush=True)
    return median(nightlies), median(wholes)


def main() -> int:
    """Measure, print, and return 1 when the limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1_000_000 if os.environ.get("SCALE") == "full" else 4_000)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--sizes", action="store_true", help="one and two years of history beside three")
    parser.add_argument("--nodes", type=int, default=0, help="how many of the dearest nodes to print")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="fw-bench-"))
    above = False
    try:
        months = [12, 24, 36] if given.sizes else [given.months]
        for length in months:
            every = 100 * length // months[0]
            few = compare(folder, given.customers // 4, length, every, given.rounds, 0)
            many = compare(folder, given.customers, length, every, given.rounds, given.nodes)
            growth = (many[0] - few[0]) / (many[1] - few[1])
            print(
                f"nightly_build_growth {growth:.2f} ({growth:.2f} {growth:.2f} {growth:.2f}) 0 MB, limit {LIMIT},"
                f" from {given.customers // 4} to {given.customers} customers, {length} months",
                flush=True,
            )
            above = above or many[0] / many[1] > LIMIT
    finally:
        EmbeddedServer(folder / "pg").stop()
        shutil.rmtree(folder, ignore_errors=True)
    return int(above)


if __name__ == "__main__":
    sys.exit(main())
