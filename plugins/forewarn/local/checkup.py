"""The checks of `forewarn doctor`, each alone: one that fails stops no other."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg2
from packaging.requirements import Requirement

from forewarn.config.project import load_project
from forewarn.config.settings import Settings
from forewarn.errors import ForewarnError
from forewarn.warehouse.deprecated import deprecated
from forewarn.warehouse.engine import connect
from forewarn.warehouse.ownership import check_ownership

if TYPE_CHECKING:
    from forewarn.sources import Source

PYTHONS = ((3, 11), (3, 13))
PACKAGES = ("apache-airflow", "dbt-core", "great-expectations", "mlflow", "scikit-learn", "sqlalchemy")
# Rows land in tables with virtual generated columns, which older servers do not have.
SERVER = 18
_TIMEOUT = 5.0
_PROJECT = Path(os.environ.get("FOREWARN_PROJECT") or Path(__file__).resolve().parents[3])
_NAME_WAREHOUSE = "export FOREWARN_WAREHOUSE_URL=postgresql+psycopg2://USER:PASSWORD@HOST/DATABASE"
_URLS = {
    "sql": "postgresql+psycopg2://USER:PASSWORD@HOST/DATABASE",
    "rest": "https://USER:PASSWORD@HOST",
    "files": "/FOLDER",
}
_NAME_MLFLOW = "export FOREWARN_MLFLOW_URL=http://HOST:5000"


@dataclass(frozen=True)
class Finding:
    """What one check found; `remedy` is one command."""

    check: str
    ok: bool
    found: str
    remedy: str


def examine(config: Path, home: Path, *, now: datetime) -> list[Finding]:
    """Run every check of an installation; `now` is what the age of the newest rows is counted to."""
    return list(_examine(config, home, now))


def _examine(config: Path, home: Path, now: datetime) -> Iterator[Finding]:
    yield _python()
    yield packages(_requirements())
    configuration = _attempt("configuration", lambda: _configuration(config), "forewarn source check")
    yield configuration
    yield _attempt("rules", lambda: _rules(config), "forewarn rules check")
    environment = dict(os.environ) | {"FOREWARN_HOME": str(home), "FOREWARN_CONFIG": str(config)}
    try:
        settings = Settings.from_environment(environment)
    except ForewarnError as error:
        warehouse = Finding("warehouse", False, str(error), "forewarn up --database-only")
        # What needs no warehouse is checked all the same, with settings that name one which nobody asks.
        settings = Settings.from_environment(environment | {"FOREWARN_WAREHOUSE_URL": "unnamed"})
    else:
        ours = (home / "warehouse_url").is_file()
        remedy = "forewarn up --database-only" if ours else _NAME_WAREHOUSE
        warehouse = _attempt("warehouse", lambda: _warehouse(settings), remedy)
    yield warehouse
    if warehouse.ok:
        yield _attempt("migrations", lambda: _migrations(settings), "forewarn migrate")
        yield _attempt("rules in use", lambda: _rules_in_use(settings), "forewarn rules apply")
        yield _attempt("extraction", lambda: _extraction(settings), "forewarn run --stage extract")
        yield _attempt("deprecated views", lambda: _deprecated(settings), "forewarn migrate")
    if warehouse.ok and configuration.ok:
        yield from _connections(settings)
        yield _attempt("freshness", lambda: _freshness(settings, now), "forewarn run --stage extract")
        yield _attempt("dbt freshness", lambda: dbt_freshness(settings), "forewarn run --stage extract")
    served = settings.mlflow_url.startswith("http")
    yield _attempt("MLflow", lambda: _mlflow(settings), _NAME_MLFLOW if served else "forewarn up --database-only")
    yield from _channels(settings)
    yield from _workbench(settings)


def _attempt(check: str, look: Callable[[], str], remedy: str) -> Finding:
    try:
        return Finding(check, True, look(), "")
    except ForewarnError as error:
        return Finding(check, False, str(error), remedy)
    except (OSError, psycopg2.Error) as error:
        return Finding(check, False, " ".join(str(error).split()), remedy)


def _python() -> Finding:
    low, high = PYTHONS
    ok = low <= sys.version_info[:2] <= high
    found = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", ok, found, f"uv sync --python {high[0]}.{high[1]}")


def _requirements() -> list[str]:
    """Return what the checkout asks for; an image has the checkout alone, a wheel only its own record of it."""
    file = _PROJECT / "pyproject.toml"
    if file.is_file():
        return list(tomllib.loads(file.read_text(encoding="utf-8"))["project"]["dependencies"])
    try:
        return requires("forewarn") or []
    except PackageNotFoundError:
        return []


def packages(requirements: list[str], installed: Callable[[str], str] = version) -> Finding:
    """Compare the installed packages with what is required."""
    wrong, shown = [], []
    for requirement in map(Requirement, requirements):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = installed(requirement.name)
        except PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            wrong.append(f"{requirement.name} {found}, required is {requirement.specifier}")
        if requirement.name in PACKAGES:
            shown.append(f"{requirement.name} {found}")
    return Finding("packages", not wrong, "; ".join(wrong) or ", ".join(shown), "uv sync")


def _configuration(config: Path) -> str:
    from forewarn.sources import load_sources

    found = len(load_sources(load_project(config)))
    return f"{found} source{'' if found == 1 else 's'} in {config}"


def _rules(config: Path) -> str:
    from forewarn.alerts import check_alerting
    from forewarn.alerts.rules import load_rules
    from forewarn.alerts.would_tell import load_checked_routing

    project = load_project(config)
    check_alerting(project)
    load_checked_routing(project)
    return f"{len(load_rules(project))} rules in {config}"


def _rules_in_use(settings: Settings) -> str:
    from forewarn.alerts.rule_ledger import pending, rules_in
    from forewarn.alerts.rules import load_rules

    rules = load_rules(load_project(settings.config))
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        waiting, live = pending(cursor, rules), rules_in(cursor, "live")
    if waiting:
        raise ForewarnError(
            "rules in use", expected="what their files say", got=f"files that are not applied: {', '.join(waiting)}"
        )
    return f"{len(live)} live, as their files say" if live else "none yet; the first run takes up those of the files"


def _warehouse(settings: Settings) -> str:
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("select current_database()")
        (name,) = cursor.fetchone() or ("",)
        number = connection.server_version
    return f"PostgreSQL {server(number)}, database {name}"


def server(number: int) -> str:
    """Return a PostgreSQL server's version from its number, 180004 for 18.4.

    Raises
    ------
    ForewarnError
        It is too old.
    """
    written = f"{number // 10000}.{number % 10000}"
    if number < SERVER * 10000:
        raise ForewarnError("warehouse", expected=f"PostgreSQL {SERVER} or newer", got=written)
    return written


def _migrations(settings: Settings) -> str:
    from forewarn.warehouse.migrate import versions

    current, newest = versions(settings.warehouse_url)
    if current != newest:
        raise ForewarnError("migrations", expected=f"version {newest}", got=str(current))
    check_ownership(settings)
    return f"version {current}"


def _connections(settings: Settings) -> Iterator[Finding]:
    """Check one stream of each source: its connection is the same for all."""
    from forewarn.local.company import systems
    from forewarn.sources import load_sources, sample

    sources = load_sources(load_project(settings.config))
    with systems(settings.home):
        for name, source in sources.items():
            stream = next(iter(source.streams))
            found = _attempt(
                f"source {name}",
                lambda source=source, stream=stream: (  # type: ignore[misc]
                    f"{stream}: {len(sample(settings, source, stream, 1).types)} columns"
                ),
                f"forewarn source test {name}",
            )
            if not found.ok and f"connection {source.connection}" in found.found:
                command = f"export FOREWARN_CONN_{str(source.connection).upper()}={_URLS[source.kind]}"
                found = replace(found, remedy=command)
            yield found


def _deprecated(settings: Settings) -> str:
    """Name the views of bi that end on a date, and what stands on them."""
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        found = deprecated(cursor)
    told = [f"{view} ends on {day}" + (f", under {', '.join(built)}" if built else "") for view, day, built in found]
    return "; ".join(told) or "none"


def _extraction(settings: Settings) -> str:
    """Name the streams whose newest extraction failed; the rest of the warehouse goes on without them."""
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select string_agg(source || '.' || stream, ', ' order by batch_id), reason"
            " from ops.source_trouble group by reason order by min(batch_id)"
        )
        blocked = cursor.fetchall()
    if blocked:
        raise ForewarnError(
            "extraction",
            expected="every stream to land when it was asked last",
            got="; ".join(f"{streams} did not: {reason}" for streams, reason in blocked),
        )
    return "no stream failed when it was asked last"


def _freshness(settings: Settings, now: datetime) -> str:
    from forewarn.sources import arrivals, load_sources
    from forewarn.stages import own_day

    sources = load_sources(load_project(settings.config))
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        return freshness(sources, arrivals(cursor, sources, ended=own_day(settings) is not None), now)


def freshness(sources: Mapping[str, Source], landed: Mapping[tuple[str, str], datetime], now: datetime) -> str:
    """Return how old the newest landings are; what is older than `warn_after` is named.

    Both are moments of the wall clock, in the simulated company too: a landing is when it happened, whatever day the
    data tell of.

    Raises
    ------
    ForewarnError
        Nothing has landed, or a stream's newest landing is older than its `error_after`.
    """
    late, stale = [], []
    for name, source in sources.items():
        for stream, spec in source.streams.items():
            limits, last = spec.freshness, landed.get((name, stream))
            age = now - last if last else None
            since = f"{name}.{stream} landed {last:%Y-%m-%d %H:%M}" if last else f"{name}.{stream} never landed"
            if limits.error_after is not None and (age is None or age > limits.error_after):
                stale.append(f"{since} (error_after {_hours(limits.error_after)})")
            elif limits.warn_after is not None and (age is None or age > limits.warn_after):
                late.append(f"{since} (warn_after {_hours(limits.warn_after)})")
    if not landed:
        raise ForewarnError("freshness", expected="at least one landed stream", got="none")
    if stale:
        raise ForewarnError("freshness", expected="newer rows", got=", ".join(stale))
    found = f"{len(landed)} streams landed, the longest ago on {min(landed.values()):%Y-%m-%d %H:%M}"
    return f"{found}; late: {', '.join(late)}" if late else found


def dbt_freshness(settings: Settings) -> str:
    """Run `dbt source freshness`: how long ago something new landed, which an answer without news is not.

    Raises
    ------
    ForewarnError
        Of a stream nothing new landed for longer than its `error_after`.
    """
    from forewarn.configured import model_variables
    from forewarn.sources import dbt_sources, load_sources
    from forewarn.warehouse import dbt

    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("select built_from is not null from ops.warehouse_build")
        if not (cursor.fetchone() or (False,))[0]:
            return "not asked: the warehouse was never built"
    project = load_project(settings.config)
    found = dbt.source_freshness(
        settings, sources_yaml=dbt_sources(load_sources(project)), variables=model_variables(settings, project)
    )
    old = {status: [name for name, one in found.items() if one.status == status] for status in ("warn", "error")}
    if old["error"]:
        raise ForewarnError("dbt source freshness", expected="newer rows", got=f"old ones in {', '.join(old['error'])}")
    empty = [name for name, one in found.items() if one.status == "runtime error"]
    said = f"{len(found)} streams asked"
    said += f"; nothing new for longer than promised: {', '.join(old['warn'])}" if old["warn"] else ""
    return said + (f"; without a row: {', '.join(empty)}" if empty else "")


def _hours(limit: timedelta) -> str:
    return f"{limit.total_seconds() / 3600:g} hours"


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


def _channels(settings: Settings) -> Iterator[Finding]:
    """Log in to the mail server; of every other channel only the connection is looked for, since asking would send."""
    try:
        alerts = load_project(settings.config).alerts
    except ForewarnError as error:
        yield Finding("mail", False, str(error), "forewarn source check")
        return
    if "email" in alerts.channels:
        remedy = f"export FOREWARN_CONN_{alerts.smtp_connection.upper()}=smtp://USER:PASSWORD@HOST:587"
        yield _attempt("mail", lambda: _mail_server(settings, alerts.smtp_connection), remedy)
    elif "file" in alerts.channels:
        yield Finding("mail", True, f"not used; messages go to {settings.outbox}", "")
    for name in alerts.channels:
        if name not in ("email", "file"):
            asked = partial(_addressed, settings, name)
            yield _attempt(f"channel {name}", asked, f"export FOREWARN_CONN_{name.upper()}=URL")


def _workbench(settings: Settings) -> Iterator[Finding]:
    """Look whether links can be signed, and whether what they lead to answers."""
    from forewarn.local.services import running

    try:
        address = load_project(settings.config).alerts.workbench_url
    except ForewarnError:
        return  # `mail` tells
    if address is None:
        yield Finding("workbench", True, "alerts.workbench_url names none; messages go without buttons", "")
        return
    yield _attempt("link key", lambda: _link_key(settings), "forewarn access rotate-link-key")
    if urlsplit(address).scheme == "http" and "workbench" not in running(settings.home):
        yield Finding("workbench", True, f"not started; `forewarn up` serves it, and links lead to {address}", "")
        return
    yield _attempt("workbench", lambda: _answering(address), "forewarn up")


def _link_key(settings: Settings) -> str:
    from forewarn.alerts.answer_links import KEYS, Signer, keys_in
    from forewarn.sources import resolve

    keys = keys_in(resolve(KEYS, settings))
    Signer(keys)
    return f"links are signed; {len(keys)} keys are known"


def _answering(address: str) -> str:
    import httpx

    try:
        httpx.get(f"{address}/healthz", timeout=_TIMEOUT).raise_for_status()
    except httpx.HTTPError as error:
        raise ForewarnError("workbench", expected="a healthy server", got=str(error)) from error
    return f"{address} answers"


def _addressed(settings: Settings, name: str) -> str:
    from forewarn.sources import resolve

    return f"the connection has an address ({urlsplit(resolve(name, settings)).scheme}); it is not asked"


def _mail_server(settings: Settings, name: str) -> str:
    from forewarn.alerts.smtp_channel import try_connection
    from forewarn.sources import resolve

    return try_connection(lambda: resolve(name, settings))
