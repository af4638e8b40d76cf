"""A gate beside its limit: the same checks as one SQL statement that reads the rows once.

    python tests/bench/bench_gates.py [--rows 200000] [--rounds 5] [--sizes]

Prints `name ratio (min median max) peak_mb`: CPU seconds of the gate over those of the statement, each with what its
server processes used. Both run in turn. The import of Great Expectations, some seconds once a process, is left out.

How it grows: with the rows of the as-of date and with nothing else. A fixed part, some hundred milliseconds for
putting expectations into words and for writing the page, weighs on small batches. `--sizes` shows three sizes.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median

import psutil
import psycopg2

from forewarn.config.settings import Settings
from forewarn.quality import load_gates, run_gate
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.engine import dsn
from forewarn.warehouse.migrate import migrate

PROJECT = Path(__file__).resolve().parents[2]
AS_OF = date(2026, 3, 1)
NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)
CHECKPOINTS = """
gates:
  features:
    description: The largest suite alone.
    checks:
      - {suites: [mart, churn_features], table: marts.churn_features, batch: as_of_date, key: [as_of_date, customer_id]}
"""
FED = ("order", "order_line", "return", "ticket", "interaction", "marketing_event", "usage_event", "invoice", "dispute")
SOURCE = "streams: {all: {entities: {" + ", ".join(f"{name}: {{}}" for name in (*FED, "subscription")) + "}}}"


class Bench:
    """One server with features of one date, of which all expectations hold."""

    def __init__(self, folder: Path, rows: int) -> None:
        self.rows = rows
        self.server = EmbeddedServer(folder / "pg")
        self.server.start()
        warehouse = self.server.ensure_database("warehouse")
        migrate(warehouse)
        expectations, config = folder / "project" / "expectations", folder / "config"
        expectations.mkdir(parents=True)
        for name in ("mart.yml", "churn_features.yml"):
            shutil.copy(PROJECT / "expectations" / "marts" / name, expectations)
        (expectations / "checkpoints.yml").write_text(CHECKPOINTS)
        (config / "sources").mkdir(parents=True)
        shutil.copy(PROJECT / "config" / "forewarn.yml", config)
        (config / "sources" / "all.yml").write_text(SOURCE)
        self.settings = Settings(folder / "project", config, folder / "home", warehouse, "sqlite://")
        ((_, (mart, suite)),) = load_gates(expectations)["features"].checks
        self.ranges = {
            (e.kwargs["column"], e.kwargs.get("min_value"), e.kwargs.get("max_value"))
            for e in suite.expectations
            if e.type and e.type.startswith("expect_column_values")
        }
        self.silent = [e.kwargs["column"] for e in suite.expectations if e.type == "expect_column_max_to_be_between"]
        # Each of the two key columns is there, and the table has rows; no contract lies in this project.
        self.checked = len(mart.expectations) - 1 + 1 + len(suite.expectations) + 1

    def fill(self) -> None:
        """Write the features."""
        columns = sorted({column for column, _, _ in self.ranges})
        with psycopg2.connect(dsn(self.settings.warehouse_url)) as connection, connection.cursor() as cursor:
            cursor.execute(
                "create table marts.churn_features (customer_id text, as_of_date date, "
                + ", ".join(f"{column} double precision" for column in columns)
                + ", primary key (as_of_date, customer_id))"
            )
            values = ", ".join(
                "0.5" if "share" in c or "sentiment" in c else "1 + n %% 4" if "satis" in c else "1 + n %% 97"
                for c in columns
            )
            cursor.execute(
                f"insert into marts.churn_features select 'c' || n, day, {values} from generate_series(1, %s) n,"
                " lateral (select %s::date - 30 * i as day from generate_series(0, (n %% 100 <> 0)::int) i) d",
                [self.rows, AS_OF],
            )
        connection.close()
        connection = psycopg2.connect(dsn(self.settings.warehouse_url))
        connection.autocommit = True
        connection.cursor().execute("vacuum analyze marts.churn_features")
        connection.close()

    def gate(self) -> None:
        """Run the gate as a run of the day does."""
        report = run_gate(self.settings, "features", as_of_date=AS_OF, run_id="bench", now=NOW)
        if report.failed or report.checked != self.checked:
            raise SystemExit(f"all of {self.checked} expectations should hold: {report}")

    def statement(self) -> None:
        """Check the same, as one would write it by hand."""
        counts = [
            "count(*)",
            # The primary key proves that a customer is there once; the gate relies on it too.
            "count(*) filter (where customer_id is null)",
            "count(*) filter (where as_of_date is null)",
            *(f"max({column})" for column in self.silent),
            *(f"count(*) filter (where {_wrong(*bounds)})" for bounds in sorted(self.ranges, key=str)),
            "(select count(*) from marts.churn_features where as_of_date = (select max(as_of_date)"
            " from marts.churn_features where as_of_date < %(day)s))",
        ]
        with psycopg2.connect(dsn(self.settings.warehouse_url)) as connection, connection.cursor() as cursor:
            cursor.execute(
                f"select {', '.join(counts)} from marts.churn_features where as_of_date = %(day)s", {"day": AS_OF}
            )
            row = cursor.fetchone()
        connection.close()
        if row is None or row[0] != self.rows:
            raise SystemExit(f"{self.rows} rows expected, {row} seen")

    def cpu(self, action: Callable[[], None]) -> float:
        """Return the CPU seconds of an action: of this process, and of server processes, which end with it."""
        postmaster = psutil.Process(int((self.server.folder / "postmaster.pid").read_text().splitlines()[0]))
        before, server, processes = time.process_time(), postmaster.cpu_times(), len(postmaster.children())
        action()
        while len(postmaster.children()) > processes:
            time.sleep(0.05)
        after = postmaster.cpu_times()
        theirs = after.children_user + after.children_system - server.children_user - server.children_system
        return time.process_time() - before + theirs


def _wrong(column: str, minimum: float | None, maximum: float | None) -> str:
    if minimum is None and maximum is None:
        return f"{column} is null"
    below = [] if minimum is None else [f"{column} < {minimum}"]
    above = [] if maximum is None else [f"{column} > {maximum}"]
    return " or ".join(below + above)


def main(arguments: list[str]) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000 if os.environ.get("SCALE") == "full" else 200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", action="store_true", help="run at a quarter, half and all of the rows")
    options = parser.parse_args(arguments)
    for rows in [options.rows // 4, options.rows // 2, options.rows] if options.sizes else [options.rows]:
        folder = Path(tempfile.mkdtemp(prefix="fw-bench-"))
        bench = Bench(folder, rows)
        try:
            bench.fill()
            bench.gate()
            ratios, ours = [], []
            for _ in range(options.rounds):
                limit = bench.cpu(bench.statement)
                ours.append(bench.cpu(bench.gate))
                ratios.append(ours[-1] / limit)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(
                f"gates {median(ratios):.2f} ({min(ratios):.2f} {median(ratios):.2f} {max(ratios):.2f}) {peak:.0f}"
                f"   # {rows} rows, {bench.checked} expectations, {median(ours):.2f} CPU seconds"
            )
        finally:
            bench.server.stop()
            shutil.rmtree(folder)


if __name__ == "__main__":
    main(sys.argv[1:])
