"""Reading texts beside its limit: a plain loop of the sentence model's own call over the same texts.

    python tests/bench/bench_words.py [--texts 2000] [--rounds 3]

Prints `name ratio (min median max) texts_per_cpu_second peak_mb` in CPU seconds of this process over the limit's:
`first_night` reads every text into an empty warehouse, `a_night` reads a twentieth that is new beside those, its limit
being the loop over that twentieth.

How it grows: with the new texts, nearly all of it inside the sentence model; texts that are word for word the same are
read once in a thousand. Memory holds the model, some 150 MB, and a thousand texts.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import psycopg2
from threadpoolctl import threadpool_limits

from forewarn.config.settings import Settings
from forewarn.config.words import Words, load_words
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.engine import dsn
from forewarn.warehouse.migrate import migrate
from forewarn.words import read_new_texts
from forewarn.words.sentiment import embed

PROJECT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 6, 1, tzinfo=UTC)
LAYER = "".join(
    f"create table staging.stg_{entity}s (source text, {entity}_id text, {column} text, _batch_id bigint);"
    for entity, column in [("ticket", "subject"), ("survey_response", "body"), ("review", "body"), ("mention", "body")]
)


def bodies(first: int, last: int) -> list[str]:
    """Return different texts, every fourth of them Chinese."""
    return [
        f"第{n}号订单又晚到了，客服电话没人接，非常失望。"
        if n % 4 == 0
        else f"Order {n} arrived late again, nobody answers the hotline, and we are thinking of Brightline Supply."
        for n in range(first, last)
    ]


def cpu(work: Callable[[], object]) -> float:
    """Return the CPU seconds that some work takes in this process."""
    started = time.process_time()
    work()
    return time.process_time() - started


def loop(texts: list[str]) -> None:
    """Call the sentence model for every text and do nothing else."""
    from forewarn.words.sentiment import _model

    with threadpool_limits(limits=1, user_api="openmp"):
        for text in texts:
            _model().passage(text)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    words = load_words(PROJECT / "config" / "words.yml")
    embed(["warm"])
    folder = Path(tempfile.mkdtemp(prefix="fw-"))
    server = EmbeddedServer(folder / "pg", durable=False)
    server.start()
    try:
        measure(server, words, given.texts, given.rounds)
    finally:
        server.stop()
        shutil.rmtree(folder)


def measure(server: EmbeddedServer, words: Words, texts: int, rounds: int) -> None:
    """Print both figures."""
    url = server.ensure_database("words")
    migrate(url)
    settings = Settings(PROJECT, PROJECT / "config", PROJECT, url, "")
    connection = psycopg2.connect(dsn(url))
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute(LAYER)
    ratios: dict[str, list[float]] = {"first_night": [], "a_night": []}
    rates: dict[str, list[float]] = {"first_night": [], "a_night": []}
    for _ in range(rounds):
        cursor.execute("truncate words.reading cascade; truncate staging.stg_mentions")
        for name, first, last in (("first_night", 0, texts), ("a_night", texts, texts + texts // 20)):
            new = bodies(first, last)
            cursor.execute(
                "insert into staging.stg_mentions select 'voice', %s || '-' || n, body, %s"
                " from unnest(%s::text[]) with ordinality as t (body, n)",
                [name, first, new],
            )
            limit = cpu(lambda new=new: loop(new))
            seconds = cpu(lambda: read_new_texts(settings, words, now=NOW))
            cursor.execute("select count(*) from words.reading where record_id like %s", [f"{name}-%"])
            assert cursor.fetchone() == (len(new),)
            ratios[name].append(seconds / limit)
            rates[name].append(len(new) / seconds)
    connection.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for name, found in ratios.items():
        print(
            f"{name:<12} {median(found):5.2f} ({min(found):.2f} {median(found):.2f} {max(found):.2f})"
            f" {median(rates[name]):6.0f} {peak:5.0f}"
        )


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
