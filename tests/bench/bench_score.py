"""Scoring beside its limit: the same columns read by binary COPY, and a bare `predict_proba`.

    python tests/bench/bench_score.py [--customers 20000] [--rounds 5] [--sizes]

Prints `name ratio (min median max) peak_mb` in CPU seconds of this process over the limit's: first scores alone, then
scores with three reasons for the top fifth, both written to `ml.score`. All run in turn, five times.

How it grows: linearly with the eligible customers of the date, and with nothing else; history is not read. Memory holds
one batch of 10,000 customers' features, the sentences of 5,000, and of all customers only number and probability.
`--sizes` shows three sizes. `SCALE=full` takes a million customers.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median

import numpy as np
import psycopg2
from psycopg2 import extensions, sql

from churn_model.economy import one_thread
from churn_model.features import NAMES
from churn_model.pipelines import boosting
from churn_model.reader import read_batches
from churn_model.registry import Champion
from churn_model.score import explain_top, predict, replace_scores
from forewarn.config.project import Churn
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.engine import dsn
from forewarn.warehouse.migrate import migrate

DAY = date(2026, 6, 1)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
CHURN = Churn(definition="non_contractual", horizon_days=60, eligible_days=90)


def fill(connection: extensions.connection, customers: int) -> None:
    """Make one date of features, a fifth of the values unknown, and everybody eligible."""
    values = ", ".join(
        f"case when (n * {place + 7}) %% 5 > 0 then (hashint8(n * 64 + {place}) & 1023) / 8.0 end as {name}"
        for place, name in enumerate(NAMES)
    )
    cursor = connection.cursor()
    cursor.execute("drop table if exists marts.churn_features, marts.churn_labels")
    cursor.execute(
        f"create table marts.churn_features as select md5(n::text) as customer_id, date '{DAY}' as as_of_date, {values}"
        " from generate_series(1::bigint, %s) n",
        [customers],
    )
    cursor.execute(
        "create table marts.churn_labels as select customer_id, as_of_date, 'non_contractual' as definition,"
        " 60 as horizon_days, true as eligible from marts.churn_features"
    )
    cursor.execute("analyze marts.churn_features; analyze marts.churn_labels")
    connection.commit()


def champion() -> Champion:
    """Fit boosting on random customers of the same distribution."""
    random = np.random.default_rng(0)
    features = random.uniform(0, 128, (20_000, len(NAMES)))
    features[random.random(features.shape) < 0.2] = np.nan
    risk = np.nan_to_num(features[:, :5] - 64).sum(axis=1) / 40
    with one_thread():
        model = boosting(20_000, CHURN.horizon_days).fit(
            features, (random.random(20_000) < 1 / (1 + np.exp(2 - risk))).astype(np.int8)
        )
    return Champion("churn_non_contractual", "1", model, 0.9)


def limit(connection: extensions.connection, model: Champion) -> None:
    """Read the features and predict; write nothing."""
    query = sql.SQL("select * from marts.churn_features")
    with one_thread():
        for _, features in read_batches(connection, query, keys=[], numbers=NAMES):
            model.model.predict_proba(features)
    connection.rollback()


def scores(connection: extensions.connection, reader: extensions.connection, model: Champion, *, reasons: bool) -> None:
    """Score and write the date."""
    scored = predict(connection, model, CHURN, DAY)
    said = explain_top(reader, model, scored, DAY, "EUR") if reasons else iter(())
    replace_scores(connection, model, scored, said, churn=CHURN, as_of_date=DAY, now=NOW)
    connection.commit()
    reader.rollback()


def measure(customers: int, rounds: int) -> None:
    """Print the ratios of one size."""
    folder = Path(tempfile.mkdtemp(prefix="fw-bench-"))
    server = EmbeddedServer(folder / "pg")
    server.start()
    try:
        url = server.ensure_database("bench")
        migrate(url)
        connection, reader = psycopg2.connect(dsn(url)), psycopg2.connect(dsn(url))
        model = champion()
        fill(connection, customers)
        scores(connection, reader, model, reasons=True)  # warms the cache
        runs: dict[str, Callable[[], None]] = {
            "limit": lambda: limit(connection, model),
            "score": lambda: scores(connection, reader, model, reasons=False),
            "score with reasons": lambda: scores(connection, reader, model, reasons=True),
        }
        spent: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(rounds):
            for name, run in runs.items():
                started = time.process_time()
                run()
                spent[name].append(time.process_time() - started)
        connection.close()
        reader.close()
    finally:
        server.stop()
        shutil.rmtree(folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for name in ("score", "score with reasons"):
        ratios = sorted(ours / bare for ours, bare in zip(spent[name], spent["limit"], strict=True))
        print(
            f"{name} ratio ({ratios[0]:.2f} {median(ratios):.2f} {ratios[-1]:.2f}) {peak:.0f} MB"
            f"  [{customers:,} customers, limit {median(spent['limit']):.2f} s]"
        )


def main() -> None:
    """Run from the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--customers", type=int, default=1_000_000 if os.environ.get("SCALE") == "full" else 20_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--sizes", action="store_true")
    chosen = options.parse_args()
    for customers in (5_000, 20_000, 80_000) if chosen.sizes else (chosen.customers,):
        measure(customers, chosen.rounds)


if __name__ == "__main__":
    main()
