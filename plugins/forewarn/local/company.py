"""The simulated company in an installation: founded once, one day older with each run, reachable while it is needed."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from ruamel.yaml import YAML

from forewarn.config.settings import Settings
from forewarn.local.files import write_private
from forewarn.progress import Progress
from forewarn.stages import OWN_DAY
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.engine import connect

UNFINISHED = "unfinished"


def is_founded(home: Path) -> bool:
    """Return whether the simulated company lives in a home."""
    from forewarn import demo

    return demo.is_founded(home)


def found(
    home: Path, server: EmbeddedServer, *, customers: int, months: int, seed: int, progress: Progress | None = None
) -> date:
    """Found the company and return the first day that its sources do not know."""
    from forewarn import demo

    company = demo.seed(home, server, customers=customers, months=months, seed=seed, progress=progress)
    return _remember(home, company.as_of_date)


def next_day(settings: Settings, server: EmbeddedServer, *, progress: Progress | None = None) -> date:
    """Return the day to run: the company's own until a run over it has come to its end, then the one after it."""
    from forewarn import demo

    reconnect(settings.home, server)
    day = demo.Company.load(settings.home).as_of_date
    if _published(settings, day) and not (settings.home / UNFINISHED).exists():
        day = demo.advance(settings.home, server, progress=progress)
    return _remember(settings.home, day)


def finish_day(home: Path) -> None:
    """Note that the run over the company's day came to its end."""
    (home / UNFINISHED).unlink(missing_ok=True)


def reconnect(home: Path, server: EmbeddedServer) -> None:
    """Name the databases' addresses anew: the embedded server may have come up on another port."""
    from forewarn.config.connections import name_connection
    from forewarn.demo.company import DATABASES

    for name in DATABASES:
        name_connection(home, f"demo_{name}", server.ensure_database(name))


def systems(home: Path) -> AbstractContextManager[object]:
    """Serve what the company's departments serve over the network, unless it is served or there is no such company."""
    from forewarn import demo

    return demo.serve(home) if demo.is_founded(home) and not _is_served(home) else nullcontext()


def help_desk_command(home: Path, port: int) -> list[str]:
    """Return the command that serves the company's help desk as a process."""
    return [sys.executable, "-m", "forewarn.demo.help_desk", "--home", str(home), "--port", str(port)]


def _is_served(home: Path) -> bool:
    """Return whether the help desk's named address answers: a second server would take its name."""
    known = YAML(typ="safe").load((home / "connections.yml").read_text(encoding="utf-8"))
    parts = urlsplit(known["demo_help_desk"])
    try:
        return httpx.get(f"http://{parts.hostname}:{parts.port}/health", timeout=2).is_success
    except httpx.HTTPError:
        return False


def _published(settings: Settings, day: date) -> bool:
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("select exists (select from ops.publication where as_of_date = %s and live)", [day])
        return bool((cursor.fetchone() or [False])[0])


def _remember(home: Path, day: date) -> date:
    write_private(home / OWN_DAY, day.isoformat())
    (home / UNFINISHED).touch()
    return day
