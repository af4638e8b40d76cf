"""Dispatch beside its limit: a loop that only hands ready messages to the same local receiver, over each channel.

    python tests/bench/bench_dispatch.py [--alerts 1000] [--rounds 5] [--sizes]

Prints `name ratio (min median max) peak_mb`: the limit's time over ours, so 1.0 is as fast as a bare loop, then our
rate a minute. The limit of mail is one SMTP connection, that of the webhook one HTTP connection, that of files a file
each, safe on the disk. All run in turn, so that a noisy neighbour meets each. The receivers are a process of their own.
Exits with 1 below a ratio of 0.5 or 3,000 a minute.

How it grows: with the messages that are due, and with nothing else. One message costs two small commits (begin, written
down), its words, its picture, its MIME tree and the conversation with the server; rows that were sent long ago are not
read, since the index of the outbox holds only open ones. `--sizes` shows three sizes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import smtplib
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import httpx

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from alerting_warehouse import DAY, NOW, RUN, AlertingWarehouse, installed, simulated_project, weekly
from tallying_receivers import tallying_receivers

from forewarn.alerts import dispatch, open_cases
from forewarn.alerts.content import Content
from forewarn.alerts.letter import mail, word
from forewarn.config.contact import QuietHours
from forewarn.config.settings import Settings
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.migrate import migrate

PROJECT = Path(__file__).parents[2]
CHANNELS = ["email", "webhook", "file"]
REACH, A_MINUTE = 0.5, 3_000
# Every message is asked whether it may go, and all may.
NIGHT = QuietHours.model_validate({"from": "22:00", "to": "06:00"})


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


def bare_mail(url: str, message: bytes, count: int) -> None:
    """Hand one ready message to the server again and again, over one connection."""
    host, port = url.removeprefix("smtp://").split(":")
    with smtplib.SMTP(host, int(port)) as smtp:
        for _ in range(count):
            smtp.sendmail("alerts@meridian.example", ["ana.weber@meridian.example"], message)


def bare_webhook(url: str, body: bytes, count: int) -> None:
    """Post one ready body again and again, over one connection."""
    with httpx.Client() as client:
        for _ in range(count):
            client.post(url, content=body).raise_for_status()


def bare_file(folder: Path, message: bytes, count: int) -> None:
    """Write one ready message again and again, each to a file that is on the disk before the next."""
    folder.mkdir(parents=True)
    for number in range(count):
        with (folder / f"{number}.eml").open("wb") as file:
            file.write(message)
            file.flush()
            os.fsync(file.fileno())


def measure(settings: Settings, marts: AlertingWarehouse, urls: dict[str, str], alerts: int, rounds: int) -> bool:
    """Print ratio and rate for a number of alerts by channel; return whether each is as promised."""
    fill(marts, alerts)
    every = simulated_project(settings.config, channels=CHANNELS, webhook_may_reach_private=True)
    opening = timed(lambda: open_cases(settings, every, as_of_date=DAY, run_id=RUN, now=NOW))
    [(payload, created_at)] = marts.rows("select payload, created_at from alerts.outbox order by alert_id limit 1")
    content = Content.model_validate(payload)
    to = {"sender": "alerts@meridian.example", "recipient": "ana.weber@meridian.example"}
    ready = mail(word(content, 1), content, alert_id=1, created_at=created_at, **to).as_bytes()
    body = json.dumps({"alert_id": 1, "content": payload, "text": word(content, 1).text}).encode()
    bare: dict[str, Callable[[], None]] = {
        "email": lambda: bare_mail(urls["email"], ready, alerts),
        "webhook": lambda: bare_webhook(urls["webhook"], body, alerts),
        "file": lambda: bare_file(settings.home / "bare", ready, alerts),
    }
    limits: dict[str, list[float]] = {channel: [] for channel in CHANNELS}
    times: dict[str, list[float]] = {channel: [] for channel in CHANNELS}

    def send(channel: str) -> None:
        asked = {"quiet_hours": NIGHT, "webhook_may_reach_private": True}
        project = simulated_project(settings.config, channels=[channel], **asked)
        dispatch(settings, project, now=NOW, resolve=lambda name, _: urls["webhook" if name == "webhook" else "email"])

    for _ in range(rounds):
        marts.run("truncate alerts.attempt; update alerts.outbox set state = 'pending', attempts = 0")
        marts.run("delete from alerts.case_event where kind = 'notified'")
        shutil.rmtree(settings.outbox, ignore_errors=True)
        shutil.rmtree(settings.home / "bare", ignore_errors=True)
        for channel in CHANNELS:
            limits[channel].append(timed(bare[channel]))
            times[channel].append(timed(lambda channel=channel: send(channel)))  # type: ignore[misc]
        assert marts.rows("select count(*) from alerts.outbox where state = 'sent'") == [(len(CHANNELS) * alerts,)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    good = True
    for channel in CHANNELS:
        ratios = sorted(limit / seconds for limit, seconds in zip(limits[channel], times[channel], strict=True))
        rate = 60 * alerts / median(times[channel])
        good &= median(ratios) >= REACH and rate >= A_MINUTE
        print(
            f"dispatch_{channel}_{alerts} {median(ratios):.2f} ({ratios[0]:.2f} {median(ratios):.2f} {ratios[-1]:.2f})"
            f" {peak:.0f} MB; {rate:,.0f} a minute, bare loop {60 * alerts / median(limits[channel]):,.0f} a minute",
            flush=True,
        )
    print(f"open_cases_{alerts} {opening:.2f} s")
    marts.run('truncate alerts.signal, alerts."case", alerts.case_event, alerts.outbox, alerts.attempt cascade')
    return good


def main() -> int:
    """Measure on a server and a folder of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alerts", type=int, default=10_000 if os.environ.get("SCALE") == "full" else 1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", action="store_true", help="three sizes, each four times the one before")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="fw-bench-"))
    server = EmbeddedServer(folder / "pg")
    server.start()
    try:
        warehouse = server.ensure_database("bench")
        migrate(warehouse)
        settings = Settings(PROJECT, PROJECT / "config", folder / "home", warehouse, "")
        marts = installed(settings)
        marts.publish()
        one = arguments.alerts
        with tallying_receivers() as receivers:
            good = [
                measure(settings, marts, receivers.urls, alerts, arguments.rounds)
                for alerts in ([one // 4, one, one * 4] if arguments.sizes else [one])
            ]
        marts.connection.close()
    finally:
        server.stop()
        shutil.rmtree(folder)
    return 0 if all(good) else 1


if __name__ == "__main__":
    raise SystemExit(main())
