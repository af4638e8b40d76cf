"""churn_daily beside the sum of its own stages run bare: what orchestration costs.

    python tests/bench/bench_dag.py [--customers 500] [--months 24] [--rounds 5]

Prints `name ratio (min median max) peak_mb`: wall time of the DAG by `dag.test()` over that of the same stages called
one after the other. Two companies of the same seed live the same days, one by each, in turn, so that both do the same
work; the first day, with imports and training, is left out of the ratio. The limit is 1.3.

How it grows: with the number of tasks, about 0.1 s each, and with nothing else.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median

from rich.console import Console

from forewarn.cli.quiet import output_to
from forewarn.cli.run import StageName, summaries
from forewarn.config.settings import Settings
from forewarn.local import company
from forewarn.local.databases import Databases, local_settings, start_databases, stop_databases
from forewarn.local.environment import Ports, airflow_environment
from forewarn.stages import Run

PROJECT = Path(__file__).resolve().parents[2]
LIMIT = 1.3


def bare(settings: Settings, day: date) -> float:
    """Run the stages of `forewarn run`, which are those of the DAG, one after the other; return their seconds."""
    run = Run(day, f"bare-{day}", datetime.now(UTC))
    began = time.perf_counter()
    for name in StageName:
        if name is not StageName.BUILD:
            list(summaries(name, settings, run))
    return time.perf_counter() - began


def by_airflow(settings: Settings, day: date) -> float:
    """Run the DAG over the same day and return its wall time."""
    from forewarn_airflow.in_process import run_dag

    outcome = run_dag(settings.project / "dags", "churn_daily", conf={"as_of_date": day.isoformat()})
    if outcome.state != "success":
        raise SystemExit(f"churn_daily: {outcome.state}: {outcome.failure}")
    return outcome.seconds


def main() -> int:
    """Measure, print, and return 1 when the DAG costs more than the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=2_000 if os.environ.get("SCALE") == "full" else 500)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="fw-bench-"))
    with output_to(folder / "bench.log") as console:
        try:
            return _compare(console, folder, given)
        finally:
            for name in ("bare", "dag"):
                stop_databases(folder / name)
            shutil.rmtree(folder, ignore_errors=True)


def _compare(console: Console, folder: Path, given: argparse.Namespace) -> int:
    found = {name: _found(folder / name, given.customers, given.months) for name in ("bare", "dag")}
    os.environ.update(airflow_environment(found["dag"].settings, found["dag"].databases.airflow_url, Ports()))
    from airflow.settings import dispose_orm

    from forewarn_airflow import in_process

    in_process.migrate()
    ratios = []
    with company.systems(folder / "bare"), company.systems(folder / "dag"):
        for number in range(given.rounds + 1):
            seconds: dict[str, float] = {}
            for name in ("bare", "dag") if number % 2 else ("dag", "bare"):
                one = found[name]
                day = one.first if number == 0 else company.next_day(one.settings, one.databases.server)
                seconds[name] = (by_airflow if name == "dag" else bare)(one.settings, day)
            console.print(f"day {number + 1}: DAG {seconds['dag']:.1f} s, stages bare {seconds['bare']:.1f} s")
            ratios += [seconds["dag"] / seconds["bare"]] if number else []
    dispose_orm()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    low, middle, high = min(ratios), median(ratios), max(ratios)
    console.print(f"daily_dag {middle:.2f} ({low:.2f} {middle:.2f} {high:.2f}) {peak} MB, limit {LIMIT}")
    return int(middle > LIMIT)


@dataclass(frozen=True)
class Founded:
    """A company with its installation and the first day that its sources do not know."""

    settings: Settings
    databases: Databases
    first: date


def _found(home: Path, customers: int, months: int) -> Founded:
    databases = start_databases(home)
    settings = local_settings(PROJECT, PROJECT / "config", home, databases)
    return Founded(
        settings, databases, company.found(home, databases.server, customers=customers, months=months, seed=7)
    )


if __name__ == "__main__":
    sys.exit(main())
