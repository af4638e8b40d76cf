"""Build and test the warehouse's models with dbt, in this process.

dbt is a library with a command line: it takes its settings from the environment and its state from folders. Both are
set here for one invocation. State (generated sources, parsed project, logs) lies under `home / "dbt"`, so that several
installations share one checkout without sharing anything else.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from sqlalchemy import make_url
from tenacity import Retrying, retry_if_exception, stop_after_attempt

from forewarn.config.entities import entities
from forewarn.config.settings import Settings
from forewarn.errors import BuildFailed, ForewarnError
from forewarn.warehouse import past_features
from forewarn.warehouse.build_ledger import built_from, is_late, may_version, remember
from forewarn.warehouse.engine import connect
from forewarn.warehouse.interruptions import in_conflict, interruption
from forewarn.warehouse.late import late_features
from forewarn.warehouse.lock import ATTEMPTS, BUILD, alone
from forewarn.warehouse.past_features import STAND_IN, late_dates, staging_model

THREADS = 4
# The session that builds sorts and aggregates whole tables, and text without a zone means UTC.
SESSION = "-c TimeZone=UTC -c work_mem=128MB -c jit=off"
FAILED = ("error", "fail", "runtime error", "partial success")
# What decides the content of tables that are only ever added to: when it changes they are built anew.
BUILT_FROM = ("models/staging", "models/intermediate", "macros")
FEATURES_FROM = (*BUILT_FROM, "models/marts")

_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class NodeResult:
    """What became of one model, seed or test.

    Attributes
    ----------
    kind : str
        `model`, `seed`, `test` or `unit_test`.
    status : str
        dbt's word: success, pass, warn, skipped, error, fail.
    path : str
        The file, from the root of the checkout.
    sql : str
        What it was compiled to; empty for what has none.
    """

    name: str
    kind: str
    status: str
    seconds: float
    message: str
    path: str
    sql: str


def build(
    settings: Settings,
    *,
    mappings: dict[str, Any],
    sources_yaml: dict[str, Any],
    as_of_dates: Sequence[date],
    churn: dict[str, Any],
    definitions: dict[str, Any] | None = None,
    select: str | None = None,
    full_refresh: bool = False,
    run_as_of_date: date | None = None,
    versions: bool = True,
    tests: bool = True,
) -> list[NodeResult]:
    """Build and test the models, or the layer that `select` names: staging, intermediate, marts.

    Parameters
    ----------
    mappings : dict
        `forewarn.sources.canonical_mappings`: for each entity the streams that feed it.
    sources_yaml : dict
        `forewarn.sources.dbt_sources`: a dbt sources file.
    as_of_dates : sequence of date
        Dates whose features and labels are computed; those of other dates stay as they are.
    churn : dict
        `definition`, `horizon_days`, `eligible_days`.
    definitions : dict, optional
        `lifecycle`, `value`, `contact_cost`, `health` and `words`; what is left out is as in dbt_project.yml.
    full_refresh : bool
        Build from nothing. It happens by itself when mappings or models have changed.
    run_as_of_date : date, optional
        The day before which everything is known, for the ripeness of labels; by default the last of `as_of_dates`.
    versions : bool
        Keep today's state of accounts, owners and contracts as versions that are valid from `run_as_of_date`. It never
        happens for a date before the newest that has them: what is there today was not there then.
    tests : bool
        Test what was built. Models that a build left untested are looked at again by `forewarn dbt test` alone.

    Raises
    ------
    BuildFailed
        Names each model and test that failed, with its file.
    BuildInterrupted
        The warehouse could not go on: its disk is full, conflicts went on for three attempts, or the server went away.
    """
    variables = (definitions or {}) | {
        "entities": entity_columns(),
        "canonical": mappings,
        "churn": {key: churn[key] for key in ("definition", "horizon_days", "eligible_days")},
    }
    fingerprint = _fingerprint(settings, mappings, BUILT_FROM)
    days = sorted(set(as_of_dates))
    today = run_as_of_date or (days[-1] if days else None)
    environment = {
        "FOREWARN_AS_OF_DATES": ",".join(day.isoformat() for day in days),
        "FOREWARN_BUILT_FROM": _features_from(settings, mappings, definitions),
        "FOREWARN_RUN_AS_OF_DATE": today.isoformat() if today else "",
        "FOREWARN_TAKE_VERSIONS": "",
    }
    _write_sources(settings, sources_yaml)
    with connect(settings.warehouse_url, application="forewarn build") as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            # Not a variable: a changed one makes dbt parse the whole project anew.
            environment["FOREWARN_LATE"] = json.dumps(late_features(cursor, days), default=date.isoformat)
        # Parallel runs of dbt would share names of temporary tables.
        with alone(connection, BUILD):
            if versions and days and today and may_version(connection, today):
                environment["FOREWARN_TAKE_VERSIONS"] = "1"
            outdated = built_from(connection) != fingerprint
            results = []
            late = not select and today is not None and days and is_late(connection, days, today)
            for part in ("staging intermediate", "marts") if late else (select,):
                past = late_dates(connection.cursor(), days) if part == "marts" else []
                if past:
                    _compute_past(settings, mappings, past, variables)
                environment["FOREWARN_PAST_FEATURES"] = "1" if past else ""
                command = [
                    # Unit tests prove the code, not the data: the test suite runs them, not every night's build.
                    *("build", "--exclude-resource-type", "unit_test", "--exclude-resource-type", "exposure"),
                    # A test of two layers is of the one built last. For a whole build nothing need be looked for.
                    *("--indirect-selection", "buildable" if part and tests else "empty"),
                    *(() if tests else ("--exclude-resource-type", "test")),
                    *(("--select", part) if part else ()),
                    *(("--full-refresh",) if full_refresh or outdated else ()),
                ]
                for attempt in Retrying(
                    retry=retry_if_exception(in_conflict), stop=stop_after_attempt(ATTEMPTS), reraise=True
                ):
                    with attempt:
                        results += invoke(settings, command, variables=variables, environment=environment)
                remember(connection, fingerprint, part, mappings, today, tested=tests)
    return results


def _compute_past(
    settings: Settings, mappings: dict[str, Any], dates: Sequence[date], variables: dict[str, Any]
) -> None:
    """Compute features of dates that are built late, of customers of whom something has changed since."""
    day = STAND_IN.isoformat()
    compiled = invoke(
        settings,
        [
            *("compile", "--full-refresh", "--indirect-selection", "empty"),
            *("--select", "+churn_features", "customer_lifecycle"),
        ],
        variables=variables,
        environment={
            "FOREWARN_AS_OF_DATES": day,
            "FOREWARN_RUN_AS_OF_DATE": day,
            "FOREWARN_FROM_NOTHING": "1",
        },
    )
    with connect(settings.warehouse_url, application="forewarn past features") as session, session.cursor() as cursor:
        past_features.compute(cursor, mappings, {model.name: model.sql for model in compiled}, dates)
        session.commit()


def feature_dates(settings: Settings, mappings: dict[str, Any], definitions: dict[str, Any] | None = None) -> set[date]:
    """Return the dates whose features were built from these mappings, these words and today's models.

    Features of other dates stay as they were when they were scored. To train on them beside today's they are to be
    built again: where a department was connected since, they would still call it unknown.
    """
    with connect(settings.warehouse_url) as session, session.cursor() as cursor:
        cursor.execute("select to_regclass('marts.feature_dates') is not null")
        if not (cursor.fetchone() or [False])[0]:
            return set()
        cursor.execute(
            "select as_of_date from marts.feature_dates where built_from = %s",
            [_features_from(settings, mappings, definitions)],
        )
        return {row[0] for row in cursor.fetchall()}


def measures(settings: Settings) -> list[str]:
    """Return the figures of `marts.churn_features`, as its contract declares them."""
    file = settings.project / "dbt_project" / "models" / "marts" / "churn_features.yml"
    (model,) = YAML(typ="safe").load(file.read_text(encoding="utf-8"))["models"]
    return [column["name"] for column in model["columns"] if column["data_type"] == "double precision"]


def entity_columns() -> dict[str, Any]:
    """Return the canonical entities as the models read them: key, moment, columns with types, and the model of each."""
    return {
        name: {
            "key": [column.strip() for column in entity.key.split(",")],
            "refers": entity.refers or "",
            "moment": entity.moment or "",
            "model": staging_model(name),
            "columns": {column: spec.type for column, spec in entity.columns.items()},
        }
        for name, entity in entities().items()
    }


def invoke(
    settings: Settings,
    arguments: Sequence[str],
    *,
    variables: dict[str, Any],
    environment: dict[str, str],
) -> list[NodeResult]:
    """Run one dbt command and return what became of each node.

    Raises
    ------
    BuildFailed
        A node failed, or dbt could not parse the project.
    BuildInterrupted
        The warehouse could not go on, or cannot be reached.
    """
    results, success, exception = _run(settings, arguments, variables=variables, environment=environment)
    failed = [result for result in results if result.status in FAILED]
    if failed or not success:
        raise _error(settings, failed, exception)
    return results


def source_freshness(
    settings: Settings, *, sources_yaml: dict[str, Any], variables: dict[str, Any]
) -> dict[str, NodeResult]:
    """Ask dbt how long ago the newest row of each source landed: status by `source.table`.

    Sources that promise nothing are not asked. `runtime error` is the status of one that never had a row.

    Raises
    ------
    BuildFailed
        dbt could not parse the project.
    BuildInterrupted
        The warehouse cannot be reached.
    """
    _write_sources(settings, sources_yaml)
    environment = {"FOREWARN_AS_OF_DATES": "", "FOREWARN_RUN_AS_OF_DATE": ""}
    # Old rows are no success for dbt, and an answer here.
    results, _, exception = _run(settings, ["source", "freshness"], variables=variables, environment=environment)
    if exception or (not results and _promised(sources_yaml)):
        raise _error(settings, [], exception)
    return {result.name: result for result in results}


def _promised(sources_yaml: dict[str, Any]) -> bool:
    return any(table["config"]["freshness"] for source in sources_yaml["sources"] for table in source["tables"])


def _run(
    settings: Settings, arguments: Sequence[str], *, variables: dict[str, Any], environment: dict[str, str]
) -> tuple[list[NodeResult], bool, BaseException | None]:
    """Run one dbt command; return what became of each node, dbt's own verdict, and what kept it from running."""
    from dbt.cli.main import dbtRunner

    from forewarn.warehouse.dbt_log import dbt_log
    from forewarn.warehouse.dbt_sessions import keep_sessions

    keep_sessions()
    project = settings.project / "dbt_project"
    state = settings.home / "dbt"
    state.mkdir(parents=True, exist_ok=True)
    # Of whom is fed by what, each entity's models are told by themselves: see the macro feeds_of.
    feeds = {f"FOREWARN_FEEDS_{entity.upper()}": json.dumps(told) for entity, told in variables["canonical"].items()}
    others = {name: value for name, value in variables.items() if name != "canonical"}
    command = [
        *arguments,
        *("--project-dir", str(project), "--profiles-dir", str(project)),
        *("--target-path", str(state / "target"), "--log-path", str(state / "logs")),
        *("--threads", str(THREADS), "--vars", json.dumps(others)),
    ]
    options = ["--quiet", "--no-use-colors", "--log-level", "none", "--log-level-file", "none", "--no-version-check"]
    with (
        _one_at_a_time,
        _environment(_connection(settings) | feeds | environment | {"FOREWARN_DBT_SOURCES": _sources(settings)}),
        dbt_log(state / "logs") as log,
    ):
        outcome = dbtRunner(callbacks=[log]).invoke([*options, *command])
    results = [_node(result) for result in getattr(outcome.result, "results", None) or []]
    return results, outcome.success, outcome.exception


def _error(settings: Settings, failed: list[NodeResult], exception: BaseException | None) -> ForewarnError:
    lines = [f"{node.path}: {node.kind} {node.name}: {node.message}" for node in failed]
    if not lines:
        # Some exceptions of dbt carry no text; their kind is better than nothing.
        said = " ".join(str(exception).split()) or type(exception).__name__
        lines = [said if exception else "dbt stopped without saying why"]
    return interruption(lines) or BuildFailed(
        "dbt build",
        expected="every model built and every test passed",
        got=f"{len(lines)} failed: " + "; ".join(lines),
        next_step=f"mend the named files or the rows they complain of; the log is {settings.home / 'dbt/logs/dbt.log'}",
    )


def _node(result: Any) -> NodeResult:
    node = result.node
    name = str(node.name)
    return NodeResult(
        name=f"{node.source_name}.{name}" if node.resource_type.value == "source" else name,
        kind=str(node.resource_type.value),
        status=str(result.status.value if hasattr(result.status, "value") else result.status),
        seconds=float(result.execution_time),
        message=" ".join(str(result.message or "").split()),
        path=f"dbt_project/{node.original_file_path}",
        sql=getattr(node, "compiled_code", None) or "",
    )


def _sources(settings: Settings) -> str:
    return str((settings.home / "dbt" / "sources").resolve())


def _write_sources(settings: Settings, content: dict[str, Any]) -> None:
    """Write the generated sources file, only when it differs: dbt parses a file again when it is newer."""
    file = Path(_sources(settings)) / "sources.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    with new.open("w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(content, stream)
    if file.exists() and file.read_bytes() == new.read_bytes():
        new.unlink()
    else:
        new.replace(file)


def _connection(settings: Settings) -> dict[str, str]:
    url = make_url(settings.warehouse_url)
    query = {key: value if isinstance(value, str) else value[0] for key, value in url.query.items()}
    return {
        "FOREWARN_DBT_HOST": url.host or query.get("host", "localhost"),
        "FOREWARN_DBT_PORT": str(url.port or query.get("port", 5432)),
        "FOREWARN_DBT_USER": url.username or "",
        "DBT_ENV_SECRET_FOREWARN_PASSWORD": url.password or "",
        "FOREWARN_DBT_DATABASE": url.database or "",
        "FOREWARN_DBT_SSLMODE": query.get("sslmode", "prefer"),
        "PGOPTIONS": f"{SESSION} {query.get('options', '')}".rstrip(),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set variables of this process and put back what was there."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _fingerprint(settings: Settings, mappings: dict[str, Any], folders: Sequence[str]) -> str:
    digest = hashlib.sha256(json.dumps([entity_columns(), mappings], sort_keys=True).encode())
    project = settings.project / "dbt_project"
    for folder in folders:
        for file in sorted((project / folder).rglob("*.sql")):
            digest.update(str(file.relative_to(project)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _features_from(settings: Settings, mappings: dict[str, Any], definitions: dict[str, Any] | None) -> str:
    return _fingerprint(settings, mappings | {"": (definitions or {}).get("words")}, FEATURES_FROM)
