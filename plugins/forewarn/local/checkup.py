"""The checks of `forewarn doctor`, each alone: one that fails stops no other."""

from __future__ import annotations

import os
import smtplib
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2

from forewarn.config.project import load_project
from forewarn.config.settings import Settings
from forewarn.errors import ForewarnError
from forewarn.warehouse.engine import connect

PYTHONS = ((3, 11), (3, 13))
PACKAGES = ("apache-airflow", "dbt-core", "great-expectations", "mlflow", "scikit-learn", "sqlalchemy")
_TIMEOUT = 5.0


@dataclass(frozen=True)
class Finding:
    """What one check found; `remedy` is one command."""

    check: str
    ok: bool
    found: str
    remedy: str


def examine(config: Path, home: Path) -> list[Finding]:
    """Run every check of an installation."""
    return list(_examine(config, home))


def _examine(config: Path, home: Path) -> Iterator[Finding]:
    yield _python()
    yield Finding("packages", True, ", ".join(f"{name} {version(name)}" for name in PACKAGES), "uv sync")
    yield _attempt("configuration", lambda: _configuration(config), "forewarn source check && forewarn rules check")
    try:
        settings = Settings.from_environment(
            dict(os.environ) | {"FOREWARN_HOME": str(home), "FOREWARN_CONFIG": str(config)}
        )
    except ForewarnError as error:
        yield Finding("warehouse", False, str(error), "make demo")
        return
    warehouse = _attempt("warehouse", lambda: _warehouse(settings), "forewarn up --database-only")
    yield warehouse
    if warehouse.ok:
        yield _attempt("migrations", lambda: _migrations(settings), "forewarn migrate")
        yield from _connections(settings)
        yield _attempt("freshness", lambda: _freshness(settings), "forewarn run --stage extract")
    yield _attempt("MLflow", lambda: _mlflow(settings), "forewarn up --database-only")
    yield _attempt("mail", lambda: _mail(settings), "forewarn doctor --json  # after mending the connection `smtp`")


def _attempt(check: str, look: Callable[[], str], remedy: str) -> Finding:
    try:
        return Finding(check, True, look(), "")
    except ForewarnError as error:
        return Finding(check, False, str(error), remedy)
    except (OSError, psycopg2.Error, smtplib.SMTPException) as error:
        return Finding(check, False, " ".join(str(error).split()), remedy)


def _python() -> Finding:
    low, high = PYTHONS
    ok = low <= sys.version_info[:2] <= high
    found = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", ok, found, f"uv sync --python {high[0]}.{high[1]}")


def _configuration(config: Path) -> str:
    from forewarn.alerts.rules import load_rules
    from forewarn.sources import load_sources

    project = load_project(config)
    return f"{len(load_sources(project))} sources, {len(load_rules(project))} rules in {config}"


def _warehouse(settings: Settings) -> str:
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("select current_setting('server_version'), current_database()")
        number, name = cursor.fetchone() or ("", "")
    return f"PostgreSQL {number}, database {name}"


def _migrations(settings: Settings) -> str:
    from forewarn.warehouse.migrate import versions

    current, newest = versions(settings.warehouse_url)
    if current != newest:
        raise ForewarnError("migrations", expected=f"version {newest}", got=str(current))
    return f"version {current}"


def _connections(settings: Settings) -> Iterator[Finding]:
    """Check one stream of each source: its connection is the same for all."""
    from forewarn.local.company import systems
    from forewarn.sources import load_sources, sample

    try:
        sources = load_sources(load_project(settings.config))
    except ForewarnError:
        return  # `configuration` tells
    with systems(settings.home):
        for name, source in sources.items():
            stream = next(iter(source.streams))
            yield _attempt(
                f"source {name}",
                lambda source=source, stream=stream: (  # type: ignore[misc]
                    f"{stream}: {len(sample(settings, source, stream, 1).types)} columns"
                ),
                f"forewarn source test {name}",
            )


def _freshness(settings: Settings) -> str:
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select count(*), min(last_landed) from (select max(finished_at) as last_landed from ops.batch"
            " where status = 'landed' group by source, stream) as streams"
        )
        count, oldest = cursor.fetchone() or (0, None)
    if not count:
        raise ForewarnError("freshness", expected="at least one landed stream", got="none")
    return f"{count} streams landed, the longest ago on {oldest:%Y-%m-%d %H:%M}"


def _mlflow(settings: Settings) -> str:
    parts = urlsplit(settings.mlflow_url)
    if parts.scheme.startswith("http"):
        import httpx

        try:
            httpx.get(f"{settings.mlflow_url.rstrip('/')}/health", timeout=_TIMEOUT).raise_for_status()
        except httpx.HTTPError as error:
            raise ForewarnError("MLflow", expected="a healthy server", got=str(error)) from error
    elif parts.scheme.startswith("postgresql"):
        with connect(settings.mlflow_url):
            pass
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"


def _mail(settings: Settings) -> str:
    from forewarn.sources import resolve

    alerts = load_project(settings.config).alerts
    if "email" not in alerts.channels:
        return f"not used; messages go to {settings.outbox}"
    parts = urlsplit(resolve(alerts.smtp_connection, settings))
    with socket.create_connection((parts.hostname or "", parts.port or 25), timeout=_TIMEOUT):
        return f"{parts.hostname}:{parts.port or 25} answers"
