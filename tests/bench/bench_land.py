"""Extraction and landing beside their limits: a bare binary COPY pipe, and a bare CSV COPY from disk.

    python tests/bench/bench_land.py [--rows 200000] [--rounds 5] [--sizes]

Prints `name ratio (min median max) peak_mb`: the limit's time over ours, so 1.0 is as fast as the limit. Both run
in turn, so that a noisy neighbour meets both. `peak_mb` is what this process grew by while it landed.
`land_1_percent_cpu` is the processor time, of this process and the server, for one changed row in a hundred over
that of the whole stream (limit 0.15); `land_replay_cpu` that of the same rows once more over their first time (0.5).
The source has an index on its cursor, as one has that is asked for what is new. `…_unindexed` is the same without it:
the source then reads all of its rows to find a hundredth of them, both times, and landing can do nothing about it.

How it grows: a first landing grows with the rows (one copy, one scan, one index); a later landing with the rows that
changed plus those in the overlap, not with what has landed before; a full re-read without a cursor, or with one that
has no index, with the rows of the source. Memory does not grow with rows: COPY moves 64 kB at a time, CSV is decoded by
line. `--sizes` shows three sizes. Exits with 1 where a limit is passed.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import cpu
import psutil
import psycopg2
from psycopg2 import sql

from forewarn.config.settings import Settings
from forewarn.sources import Source, extract_stream, reset_stream
from forewarn.sources.copy_rows import copy_between, copy_csv
from forewarn.sources.loader import load_source
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.engine import dsn
from forewarn.warehouse.migrate import migrate

COLUMNS = (
    "order_no", "customer_no", "placed_at", "updated_at", "status", "channel", "currency", "quantity", "net_amount",
    "discount", "paid", "note",
)  # fmt: skip
TABLE = """
create table {name} (order_no bigint, customer_no text, placed_at timestamptz, updated_at timestamptz, status text,
  channel text, currency text, quantity bigint, net_amount numeric, discount numeric, paid boolean, note text)
"""
FILL = """
insert into orders select n, 'C' || n %% 100000, timestamptz '2024-01-01' + n * interval '7 seconds',
  timestamptz '2024-01-02' + n * interval '7 seconds', (array['new','paid','sent'])[1 + n %% 3], 'web', 'EUR', n %% 40,
  (n %% 10007) * 1.37, (n %% 11) * 0.1, n %% 5 > 0, 'order number ' || n from generate_series(1, %s) n
"""
MAPPING = """
    key: [order_no]
    entities:
      order:
        columns: {order_id: order_no, account_id: customer_no, ordered_at: placed_at, amount: net_amount,
                  discount_amount: discount, status: status}
"""
NOW = datetime(2026, 3, 1, tzinfo=UTC)
# At least, of the limit's speed; at most, of processor seconds.
SPEEDS = {"land_postgres": 0.7, "land_csv": 0.5}
SHARES = {"land_1_percent_cpu": 0.15, "land_replay_cpu": 0.5}


class Bench:
    """One server with a source database, a warehouse, and the same rows as a CSV file."""

    def __init__(self, folder: Path, rows: int, server: EmbeddedServer) -> None:
        self.folder, self.rows, self.server, self.changes = folder, rows, server, 0
        self.source_url = self.server.ensure_database("shop")
        warehouse = self.server.ensure_database("warehouse")
        migrate(warehouse)
        self.settings = Settings(folder, folder, folder / "home", warehouse, "sqlite://")
        self.csv = folder / "drops" / "orders.csv"
        self.csv.parent.mkdir()
        (folder / "pg_shop.yml").write_text(
            f"kind: sql\nconnection: shop\nstreams:\n  orders:\n    table: orders\n    cursor: updated_at{MAPPING}"
        )
        (folder / "csv_shop.yml").write_text(
            "kind: files\nconnection: drops\nstreams:\n  orders:\n    path: orders.csv\n    format: csv\n    columns:"
            " {order_no: bigint, updated_at: timestamptz, quantity: bigint, paid: boolean}" + MAPPING
        )
        self.sources = {name: load_source(folder / f"{name}.yml") for name in ("pg_shop", "csv_shop")}
        self._fill()

    def _fill(self) -> None:
        with psycopg2.connect(dsn(self.source_url)) as connection, connection.cursor() as cursor:
            cursor.execute("drop table if exists orders;" + TABLE.format(name="orders"))
            cursor.execute(FILL, [self.rows])
            with self.csv.open("wb") as file:
                cursor.copy_expert("copy orders to stdout (format csv, header)", file)
            cursor.execute("create index orders_updated_at on orders (updated_at)")
        connection.close()

    def drop_index(self) -> None:
        """Leave the source without an index on its cursor."""
        with psycopg2.connect(dsn(self.source_url)) as connection, connection.cursor() as cursor:
            cursor.execute("drop index orders_updated_at")
        connection.close()

    def land(self, name: str) -> None:
        """Extract and land the whole stream, as on the first day."""
        source: Source = self.sources[name]
        reset_stream(self.settings, source, "orders")
        self.again(name, self.rows)

    def again(self, name: str, expected: int) -> None:
        """Extract what is new."""
        urls = {"shop": self.source_url, "drops": str(self.csv.parent)}
        batch = extract_stream(
            self.settings, self.sources[name], "orders", run_id="bench", now=NOW, resolve=lambda c, _: urls[c]
        )
        if batch.rows_loaded != expected:
            raise SystemExit(f"{name}: {expected} rows expected, {batch.rows_loaded} landed")

    def pipe(self) -> None:
        """The limit of PostgreSQL to PostgreSQL."""
        source = psycopg2.connect(dsn(self.source_url))
        with self._bare() as target, source.cursor() as reading, target.cursor() as writing:
            names = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
            copy_between(
                reading,
                sql.SQL("select {} from orders").format(names),
                target=writing,
                table=sql.Identifier("bare"),
                columns=COLUMNS,
            )
        source.close()
        target.close()

    def copy(self) -> None:
        """The limit of a CSV file."""
        with self._bare() as target, target.cursor() as cursor, self.csv.open("rb") as file:
            chunks = iter(lambda: file.read(1 << 16), b"")
            copy_csv(cursor, sql.Identifier("bare"), COLUMNS, chunks, header=True)
        target.close()

    def _bare(self) -> psycopg2.extensions.connection:
        connection = psycopg2.connect(dsn(self.settings.warehouse_url))
        with connection.cursor() as cursor:
            cursor.execute("drop table if exists bare;" + TABLE.format(name="bare"))
        connection.commit()
        return connection

    def watermark(self, value: str | None = None) -> str:
        """Return how far the stream has landed, or set it back."""
        with psycopg2.connect(dsn(self.settings.warehouse_url)) as connection, connection.cursor() as cursor:
            cursor.execute(
                "update ops.watermark set cursor_value = coalesce(%s, cursor_value) where source = 'pg_shop'"
                " returning cursor_value",
                [value],
            )
            (found,) = cursor.fetchone() or ("",)
        connection.close()
        return str(found)

    def change(self, share: float) -> int:
        """Change a share of the rows in the source, others each time and all over the table; returns how many."""
        every = round(1 / share)
        self.changes += 1
        with psycopg2.connect(dsn(self.source_url)) as connection, connection.cursor() as cursor:
            cursor.execute(
                "update orders set net_amount = net_amount + 1, updated_at = (select max(updated_at) from orders)"
                " + interval '1 hour' where order_no %% %s = %s",
                [every, self.changes % every],
            )
            changed = int(cursor.rowcount)
        connection.close()
        return changed


def timed(action: Callable[[], object]) -> tuple[float, float]:
    """Return seconds and the growth of this process in MB while an action ran."""
    process, done = psutil.Process(), threading.Event()
    start = process.memory_info().rss
    peak = [start]

    def watch() -> None:
        while not done.wait(0.02):
            peak[0] = max(peak[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    began = time.perf_counter()
    action()
    seconds = time.perf_counter() - began
    done.set()
    watcher.join()
    return seconds, (peak[0] - start) / 1024**2


def compare(name: str, ours: Callable[[], None], limit: Callable[[], None], rounds: int, rows: int) -> bool:
    """Run both in turn and print the ratio of their speeds; returns whether it is what is asked for."""
    ratios, peaks, speeds = [], [], []
    for _ in range(rounds):
        bare, _unused = timed(limit)
        seconds, peak = timed(ours)
        ratios.append(bare / seconds)
        peaks.append(peak)
        speeds.append(rows / seconds)
    print(
        f"{name} {median(ratios):.2f} ({min(ratios):.2f} {median(ratios):.2f} {max(ratios):.2f}) {max(peaks):.0f}"
        f"   # {rows} rows, {median(speeds) / 1000:.0f} thousand rows/s, limit {SPEEDS[name]}"
    )
    return median(ratios) >= SPEEDS[name]


def incremental(bench: Bench, rounds: int, suffix: str = "") -> bool:
    """Print what landing 1% of changed rows costs beside a full refresh, and the same again beside the first time.

    Returns whether both are what is asked for.
    """
    data, ratios, replays = bench.server.folder, [], []
    for _ in range(rounds):
        full = cpu.measure(data, lambda: bench.land("pg_shop"))[1]
        before = bench.watermark()
        changed = bench.change(0.01)
        later = cpu.measure(data, lambda n=changed: bench.again("pg_shop", n))[1]
        bench.watermark(before)
        replay = cpu.measure(data, lambda: bench.again("pg_shop", 0))[1]
        ratios.append(later / full)
        replays.append(replay / later)
    for name, found in zip(SHARES, (ratios, replays), strict=True):
        print(
            f"{name}{suffix} {median(found):.2f} ({min(found):.2f} {median(found):.2f} {max(found):.2f}) 0"
            f"   # {bench.rows} rows, {'no limit' if suffix else f'limit {SHARES[name]}'}"
        )
    return all(median(found) <= limit for found, limit in zip((ratios, replays), SHARES.values(), strict=True))


def main(arguments: list[str]) -> int:
    """Run the benchmark; returns 1 when a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000 if os.environ.get("SCALE") == "full" else 200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", action="store_true", help="run at a quarter, half and all of the rows")
    options = parser.parse_args(arguments)
    kept = []
    sizes = [options.rows // 4, options.rows // 2, options.rows] if options.sizes else [options.rows]
    for rows in sizes:
        folder = Path(tempfile.mkdtemp(prefix="fw-bench-"))
        server = EmbeddedServer(folder / "pg")
        try:
            server.start()
            bench = Bench(folder, rows, server)
            bench.land("pg_shop")
            bench.land("csv_shop")
            kept += [
                compare("land_postgres", lambda b=bench: b.land("pg_shop"), bench.pipe, options.rounds, rows),
                compare("land_csv", lambda b=bench: b.land("csv_shop"), bench.copy, options.rounds, rows),
                incremental(bench, options.rounds),
            ]
            bench.drop_index()
            incremental(bench, options.rounds, "_unindexed")
        finally:
            server.stop()
            shutil.rmtree(folder)
    print(f"peak_mb of the whole process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
