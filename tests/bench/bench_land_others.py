"""Landing from Parquet and from other SQL databases beside the same limit: a bare CSV COPY of the same rows from disk.

    python tests/bench/bench_land_others.py [--rows 200000] [--rounds 5]

Prints `name ratio (min median max) peak_mb`: the limit's time over ours. Both run in turn, so that a noisy neighbour
meets both. `land_sqlite` reads a table of SQLite by its Arrow driver; `land_driver` reads the same table as any other
database is read, whose driver hands out Python's own values.

How it grows: as the rows. Memory does not: a Parquet file is read by batches of 20,000 rows, SQLite by 5,000, what a
driver hands out by 1,000.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from statistics import median

import pyarrow.csv
import pyarrow.parquet
from bench_land import MAPPING, NOW, Bench, timed

from forewarn.sources import extract_stream
from forewarn.sources.loader import load_source
from forewarn.warehouse.embedded import EmbeddedServer

# Of the limit's speed, at least.
ASKED = 0.5
TABLE = """
create table orders (order_no integer, customer_no text, placed_at datetime, updated_at datetime, status text,
  channel text, currency text, quantity integer, net_amount numeric, discount numeric, paid boolean, note text)
"""


class Others(Bench):
    """The same rows once more, as a Parquet file and as a table of SQLite."""

    def __init__(self, folder: Path, rows: int, server: EmbeddedServer) -> None:
        super().__init__(folder, rows, server)
        lite = f"sqlite:///{folder / 'shop.db'}"
        # A URL with options is Python's driver's own.
        self.urls = {"drops": str(self.csv.parent), "lite": lite, "driver": f"{lite}?timeout=5"}
        pyarrow.parquet.write_table(pyarrow.csv.read_csv(self.csv), self.csv.with_suffix(".parquet"))
        with closing(sqlite3.connect(folder / "shop.db")) as shop, self.csv.open(newline="") as file:
            shop.execute(TABLE)
            lines = csv.reader(file)
            next(lines)
            shop.executemany(f"insert into orders values ({', '.join('?' * 12)})", map(_plain, lines))
            shop.commit()
        for name, kind, connection, where in (
            ("land_parquet", "files", "drops", "path: orders.parquet\n    format: parquet"),
            ("land_sqlite", "sql", "lite", "table: orders\n    cursor: updated_at"),
            ("land_driver", "sql", "driver", "table: orders\n    cursor: updated_at"),
        ):
            (folder / f"{name}.yml").write_text(
                f"kind: {kind}\nconnection: {connection}\nstreams:\n  orders:\n    {where}{MAPPING}"
            )
            self.sources[name] = load_source(folder / f"{name}.yml")

    def again(self, name: str, expected: int) -> None:
        """Extract what is new."""
        batch = extract_stream(
            self.settings, self.sources[name], "orders", run_id="bench", now=NOW, resolve=lambda c, _: self.urls[c]
        )
        if batch.rows_loaded != expected:
            raise SystemExit(f"{name}: {expected} rows expected, {batch.rows_loaded} landed")


def _plain(row: list[str]) -> list[object]:
    """Return a row of PostgreSQL's CSV as SQLite has it: moments without a zone, numbers for truth."""
    return [*row[:2], row[2].partition("+")[0], row[3].partition("+")[0], *row[4:10], row[10] == "t", row[11]]


def main(arguments: list[str]) -> int:
    """Run the benchmark; returns 1 where a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000 if os.environ.get("SCALE") == "full" else 200_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="fw-bench-"))
    server = EmbeddedServer(folder / "pg")
    kept = True
    try:
        server.start()
        bench = Others(folder, options.rows, server)
        for name in ("land_parquet", "land_sqlite", "land_driver"):
            bench.land(name)
            ratios, peaks = [], []
            for _ in range(options.rounds):
                bare, _unused = timed(bench.copy)
                seconds, peak = timed(lambda n=name: bench.land(n))
                ratios.append(bare / seconds)
                peaks.append(peak)
            kept = kept and median(ratios) >= ASKED
            print(
                f"{name} {median(ratios):.2f} ({min(ratios):.2f} {median(ratios):.2f} {max(ratios):.2f})"
                f" {max(peaks):.0f}   # {options.rows} rows, limit {ASKED}"
            )
    finally:
        server.stop()
        shutil.rmtree(folder)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
