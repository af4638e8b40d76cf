"""Kill dispatchers and PostgreSQL without end, then join the receivers' ledger to the alert ledger.

    python tests/bench/kill_dispatch.py [--workers 2] [--kills 2000] [--postgres-kills 100] [--customers 10000]
        [--minutes 60] [--seed 1]

Every customer has an alert over mail, webhook and file. Workers dispatch side by side; each is killed by SIGKILL at a
random moment and replaced. In between PostgreSQL is killed, in turn one process of it, upon which it restarts itself,
and the whole server. Then what is left is sent, and each alert is asked for: did its receiver take it, how often, and
under how many keys? A mail server that honours Message-IDs, a webhook that honours `Idempotency-Key` and a folder see
each alert once; one that does not sees a message again that was taken and not written down, at most one for each
worker that dies.

Prints the figures, and exits with 1 where an alert was lost, came under two keys, or repeats outnumber the workers that
died.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from alerting_warehouse import DAY, NOW, RUN, installed, simulated_project
from bench_dispatch import PROJECT, fill
from killing import reconnected
from tallying_receivers import Tally, tallying_receivers

from forewarn.alerts import dispatch, open_cases
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.migrate import migrate

CHANNELS = ["email", "webhook", "file"]
LEASE = timedelta(seconds=5)
LIVES_SECONDS = (0.05, 1.0)
# Where all that is left was in hand at a death before, each further death would hit the same few.
LEFT = 200


@dataclass
class Killing:
    """The workers that are alive, and how many have died of what."""

    settings: Settings
    project: Project
    server: EmbeddedServer
    urls: dict[str, str]
    dice: random.Random
    alive: dict[int, float] = field(default_factory=dict)
    killed: int = 0
    cut_off: int = 0
    postgres_killed: int = 0

    def start_worker(self, now: datetime) -> None:
        """Fork a dispatcher: a process of its own that has imported everything already."""
        pid = os.fork()
        if pid == 0:
            code = 1
            # What libpq says of a server that went away is no news here.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            try:
                self.dispatch(now)
                code = 0
            finally:
                os._exit(code)
        self.alive[pid] = time.monotonic() + self.dice.uniform(*LIVES_SECONDS)

    def dispatch(self, now: datetime) -> None:
        """Send what is due."""
        dispatch(self.settings, self.project, now=now, resolve=lambda name, _: self._url(name), lease=LEASE)

    def kill_next(self) -> None:
        """Wait until the next worker's time has come, and kill it; one that ended by itself is only counted."""
        pid = min(self.alive, key=lambda one: self.alive[one])
        time.sleep(max(0.0, self.alive.pop(pid) - time.monotonic()))
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            self.cut_off += status != 0
            return
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self.killed += 1

    def kill_postgres(self) -> None:
        """Kill one backend, or the whole server and start it again; the workers notice by themselves."""
        postmaster = psutil.Process(int((self.server.folder / "postmaster.pid").read_text().split()[0]))
        if self.postgres_killed % 2:
            everybody = [postmaster, *postmaster.children()]
            for process in everybody:
                _kill(process)
            self._start_again(everybody)
        else:
            _kill(self.dice.choice(postmaster.children()))
        reconnected(self.settings.warehouse_url).close()
        self.postgres_killed += 1

    def not_begun(self) -> int:
        """Return how many alerts nobody has tried yet."""
        connection = reconnected(self.settings.warehouse_url)
        with connection.cursor() as cursor:
            cursor.execute("select count(*) from alerts.outbox where attempts = 0")
            [(count,)] = cursor.fetchall()
        connection.close()
        return int(count)

    def _start_again(self, dead: list[psutil.Process]) -> None:
        while any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in dead):
            time.sleep(0.01)
        # Where nothing reaps orphans, as in a container without an init, PostgreSQL takes the dead one for running.
        for lock in (self.server.folder / "postmaster.pid", *self.server.folder.glob(".s.PGSQL.*.lock")):
            lock.unlink(missing_ok=True)
        self.server.start()

    def _url(self, connection: str) -> str:
        return self.urls["webhook" if connection == "webhook" else "email"]


def _kill(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGKILL)


def run(killing: Killing, *, workers: int, kills: int, postgres_kills: int, minutes: float) -> None:
    """Kill until enough have died, nothing is left to send or the time is up, then send the rest."""
    every = max(1, kills // postgres_kills) if postgres_kills else kills + 1
    began = time.monotonic()
    while killing.killed < kills and time.monotonic() < began + 60 * minutes:
        if killing.killed % 10 == 0 and killing.not_begun() < LEFT:
            print(f"fewer than {LEFT} alerts are left that nobody has begun")
            break
        while len(killing.alive) < workers:
            killing.start_worker(NOW + timedelta(seconds=time.monotonic() - began))
        before = killing.killed
        killing.kill_next()
        if killing.killed > before and killing.killed % every == 0 and killing.postgres_killed < postgres_kills:
            killing.kill_postgres()
        if killing.killed > before and killing.killed % 200 == 0:
            print(f"{killing.killed} killed after {time.monotonic() - began:.0f} s", flush=True)
    while killing.alive:
        killing.kill_next()
    time.sleep(LEASE.total_seconds() + 0.5)
    killing.dispatch(NOW + timedelta(days=1))


def report(killing: Killing, tally: Tally) -> bool:
    """Join the two ledgers and print the figures; return whether they are as promised."""
    connection = reconnected(killing.settings.warehouse_url)
    with connection.cursor() as cursor:
        cursor.execute("select alert_id, channel, state, payload ->> 'key' from alerts.outbox")
        alerts = cursor.fetchall()
        cursor.execute("select sum(attempts) - (select count(*) from alerts.attempt) from alerts.outbox")
        [(in_hand,)] = cursor.fetchall()
    connection.close()
    tally["file"] = [(int(file.name[:6]), file.name) for file in killing.settings.outbox.glob("*.eml")]
    died = killing.killed + killing.cut_off
    print(
        f"{killing.killed} workers killed, {killing.postgres_killed} times PostgreSQL, upon which {killing.cut_off}"
        f" workers ended with an error; {in_hand} of all these had a message in hand; {len(alerts)} alerts"
    )
    good, repeats_of_all = True, 0
    for channel in CHANNELS:
        wanted = {number: key for number, of, _, key in alerts if of == channel}
        keys: dict[int, set[str]] = defaultdict(set)
        for number, key in tally[channel]:
            keys[number].add(key)
        lost = len(wanted.keys() - keys.keys())
        unsent = sum(state != "sent" for _, of, state, _ in alerts if of == channel)
        strange = len(keys.keys() - wanted.keys())
        doubled = sum(len(found) > 1 for found in keys.values())
        wrong = 0 if channel == "file" else sum(wanted.get(one, "") not in min(found) for one, found in keys.items())
        repeats = len(tally[channel]) - len(keys)
        repeats_of_all += repeats
        print(
            f"kill_{channel}: {len(wanted)} alerts, {lost} lost, {unsent} not sent, {strange} never asked for,"
            f" {doubled} under two keys, {wrong} under another's key: {len(wanted) - lost} shown by a receiver that"
            f" honours keys, {repeats} repeats at one that does not"
        )
        good &= not (lost or unsent or strange or doubled or wrong)
    print(f"kill_repeats {repeats_of_all / max(died, 1):.4f} for each worker that died (at most 1)")
    return good and repeats_of_all <= died


def main() -> int:
    """Run on a server, receivers and a folder of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kills", type=int, default=2000)
    parser.add_argument("--postgres-kills", type=int, default=100)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=60, help="At most so long, whatever has died by then.")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="fw-kill-"))
    server = EmbeddedServer(folder / "pg")
    server.start()
    try:
        with tallying_receivers() as receivers:
            warehouse = server.ensure_database("bench")
            migrate(warehouse)
            settings = Settings(PROJECT, PROJECT / "config", folder / "home", warehouse, "")
            project = simulated_project(settings.config, channels=CHANNELS, webhook_may_reach_private=True)
            marts = installed(settings)
            marts.publish()
            fill(marts, arguments.customers)
            open_cases(settings, project, as_of_date=DAY, run_id=RUN, now=NOW)
            marts.connection.close()
            killing = Killing(settings, project, server, receivers.urls, random.Random(arguments.seed))
            run(
                killing,
                workers=arguments.workers,
                kills=arguments.kills,
                postgres_kills=arguments.postgres_kills,
                minutes=arguments.minutes,
            )
            return 0 if report(killing, receivers.taken()) else 1
    finally:
        server.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    raise SystemExit(main())
