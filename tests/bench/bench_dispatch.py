"""Dispatch beside its limit: a loop that only hands ready messages to the same local mail server.

    python tests/bench/bench_dispatch.py [--alerts 1000] [--rounds 5] [--sizes]

Prints `name ratio (min median max) peak_mb`: the limit's time over ours, so 1.0 is as fast as a bare loop, then our
rate a minute. Both run in turn, so that a noisy neighbour meets both. The server is a process of its own.

How it grows: with the messages that are due, and with nothing else. One message costs two small commits (begin, written
down), its words, its picture, its MIME tree and the conversation with the server; rows that were sent long ago are not
read, since the index of the outbox holds only open ones. `--sizes` shows three sizes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import shutil
import smtplib
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from alerting_warehouse import DAY, NOW, RUN, AlertingWarehouse, installed, simulated_project, weekly
from mail_receiver import Receiver

from forewarn.alerts import dispatch, open_cases
from forewarn.alerts.content import Content
from forewarn.alerts.letter import mail, word
from forewarn.config.settings import Settings
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.migrate import migrate

PROJECT = Path(__file__).parents[2]


def serve(pipe: Connection) -> None:
    """Take mail until told to stop."""
    with Receiver() as receiver:
        receiver.keep = False
        pipe.send(receiver.url)
        pipe.recv()


def fill(marts: AlertingWarehouse, alerts: int) -> None:
    """Make customers who all alert, each with a quarter of weekly scores."""
    marts.run("truncate marts.dim_customers, marts.customer_360, ml.score")
    marts.run(
        "insert into marts.dim_customers (customer_id, name, owner_name, owner_email, contact_name)"
        " select 'c' || n, 'Customer ' || n, 'Ana Weber', 'ana.weber@meridian.example', 'Dana Kim'"
        " from generate_series(1, %s) as n",
        [alerts],
    )
    marts.run("insert into marts.customer_360 select customer_id, 10000 from marts.dim_customers")
    marts.run(
        "insert into ml.score select customer_id, day, 'non_contractual', 'churn', '1', 0.6, 0.5, 1,"
        ' \'[{"family": "rhythm", "text": "no order for 74 days; usually every 21"}]\', now()'
        " from marts.dim_customers cross join unnest(%s::date[]) as day",
        [weekly(DAY, 13)],
    )


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def bare_loop(url: str, message: bytes, count: int) -> None:
    """Hand one ready message to the server again and again, over one connection."""
    host, port = url.removeprefix("smtp://").split(":")
    with smtplib.SMTP(host, int(port)) as smtp:
        for _ in range(count):
            smtp.sendmail("alerts@meridian.example", ["ana.weber@meridian.example"], message)


def measure(settings: Settings, marts: AlertingWarehouse, url: str, alerts: int, rounds: int) -> None:
    """Print ratio and rate for a number of alerts, for mail and for files."""
    fill(marts, alerts)
    both = simulated_project(settings.config, channels=["email", "file"])
    opening = timed(lambda: open_cases(settings, both, as_of_date=DAY, run_id=RUN, now=NOW))
    [(payload, created_at)] = marts.rows("select payload, created_at from alerts.outbox order by alert_id limit 1")
    content = Content.model_validate(payload)
    ready = mail(
        word(content, 1),
        content,
        alert_id=1,
        sender="alerts@meridian.example",
        recipient="ana.weber@meridian.example",
        created_at=created_at,
    ).as_bytes()
    limits, times = [], {"email": [], "file": []}  # type: ignore[var-annotated]
    for _ in range(rounds):
        limits.append(timed(lambda: bare_loop(url, ready, alerts)))
        for channel, taken in times.items():
            marts.run("truncate alerts.attempt; update alerts.outbox set state = 'pending', attempts = 0")
            marts.run("delete from alerts.case_event where kind = 'notified'")
            shutil.rmtree(settings.outbox, ignore_errors=True)
            project = simulated_project(settings.config, channels=[channel])
            taken.append(timed(lambda project=project: dispatch(settings, project, now=NOW, resolve=lambda *_: url)))  # type: ignore[misc]
        sent = marts.rows("select count(*) from alerts.outbox where state = 'sent' and channel = 'file'")
        assert sent == [(alerts,)], sent
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for channel, taken in times.items():
        ratios = sorted(limit / seconds for limit, seconds in zip(limits, taken, strict=True))
        print(
            f"dispatch_{channel}_{alerts} {median(ratios):.2f} ({ratios[0]:.2f} {median(ratios):.2f} {ratios[-1]:.2f})"
            f" {peak:.0f} MB; {60 * alerts / median(taken):,.0f} a minute, bare loop"
            f" {60 * alerts / median(limits):,.0f} a minute"
        )
    print(f"open_cases_{alerts} {opening:.2f} s")
    marts.run('truncate alerts.signal, alerts."case", alerts.case_event, alerts.outbox, alerts.attempt')


def main() -> None:
    """Measure on a server and a folder of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alerts", type=int, default=10_000 if os.environ.get("SCALE") == "full" else 1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", action="store_true", help="three sizes, each four times the one before")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="fw-bench-"))
    server = EmbeddedServer(folder / "pg")
    server.start()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs,))
    process.start()
    try:
        url = ours.recv()
        warehouse = server.ensure_database("bench")
        migrate(warehouse)
        settings = Settings(PROJECT, PROJECT / "config", folder / "home", warehouse, "")
        marts = installed(settings)
        marts.publish()
        sizes = (
            [arguments.alerts // 4, arguments.alerts, arguments.alerts * 4] if arguments.sizes else [arguments.alerts]
        )
        for alerts in sizes:
            measure(settings, marts, url, alerts, arguments.rounds)
        marts.connection.close()
    finally:
        ours.send("stop")
        process.join(10)
        server.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
