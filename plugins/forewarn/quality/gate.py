"""Run one gate: check, record, write its page, and stop the run where a critical expectation failed."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from psycopg2.extras import execute_values

from forewarn.config.project import load_project
from forewarn.config.settings import Settings
from forewarn.config.yaml import did_you_mean
from forewarn.errors import GateFailed
from forewarn.quality.batches import batches
from forewarn.quality.feeds import feeds
from forewarn.quality.first_pass import beyond_doubt
from forewarn.quality.outcome import Outcome, gravest_first
from forewarn.quality.pages import write_index, write_page
from forewarn.quality.rows import check_rows
from forewarn.quality.streams import Stream, configured_streams
from forewarn.quality.suites import Gate, load_gates, with_own
from forewarn.quality.validate import validate
from forewarn.warehouse.engine import connect

# The gate that also holds streams to what the company itself expects of them, in `expectations/` beside forewarn.yml.
OWN = "raw"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GateReport:
    """What a gate found.

    Attributes
    ----------
    checked, warnings : int
        Expectations looked at, and those of severity warning that failed.
    failed : tuple of Outcome
        Everything that failed, the gravest first.
    page : str
        Path of the page that shows all of it.
    """

    gate: str
    as_of_date: date
    run_id: str
    checked: int
    warnings: int
    failed: tuple[Outcome, ...]
    page: str


def run_gate(
    settings: Settings,
    gate: str,
    *,
    as_of_date: date,
    run_id: str,
    now: datetime,
    mappings: Mapping[str, Sequence[Mapping[str, object]]] | None = None,
) -> GateReport:
    """Hold the data to the expectations of a gate.

    Results replace those of the same gate, date and run in `ops.gate_result`. They are recorded, and the page is
    written, whether the gate passes or not.

    Parameters
    ----------
    mappings
        How streams become entities, as `forewarn.sources.canonical_mappings` gives it; without it no stream is seen as
        one.

    Raises
    ------
    GateFailed
        A critical expectation failed, a batch was empty, or an expectation could not be computed.
    ConfigError
        A file of expectations says something that cannot be meant; with file, line, column and a hint.
    """
    streams = configured_streams(load_project(settings.config))
    wanted = _gate(settings, gate, streams)
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        found = list(
            batches(
                wanted,
                cursor,
                streams=streams,
                feeds=feeds(mappings or {}),
                contracts=settings.project / "dbt_project" / "models" / "marts",
                as_of_date=as_of_date,
                run_id=run_id,
            )
        )
        connection.rollback()
        # Both are asked before anything is written, and read only.
        cursor.execute("set transaction read only")
        in_sql = [list(check_rows(cursor, batch)) for batch in found]
        held = [beyond_doubt(cursor, batch) for batch in found]
        connection.rollback()
        outcomes = [
            outcome
            for ours, theirs in zip(in_sql, validate(settings.warehouse_url, found, held), strict=True)
            for outcome in [*ours, *theirs]
        ]
        key = (gate, as_of_date, run_id)
        cursor.execute("delete from ops.gate_result where gate = %s and as_of_date = %s and run_id = %s", key)
        execute_values(
            cursor,
            "insert into ops.gate_result (gate, as_of_date, run_id, table_name, expectation, severity, passed,"
            " observed, remedy, owner, checked_at) values %s",
            [(*key, o.table, o.name, o.severity, o.passed, o.observed, o.remedy, o.owner, now) for o in outcomes],
        )
        connection.commit()
        page = write_page(
            settings.data_docs,
            gate=gate,
            description=wanted.description,
            as_of_date=as_of_date,
            run_id=run_id,
            now=now.astimezone(UTC),
            outcomes=outcomes,
        )
        write_index(settings.data_docs, cursor)
    return _verdict(gate, as_of_date, run_id, outcomes, str(page))


def _gate(settings: Settings, name: str, streams: Sequence[Stream]) -> Gate:
    folder = settings.project / "expectations"
    gates = load_gates(folder)
    if name not in gates:
        raise GateFailed(
            f"gate `{name}`",
            expected=f"a gate of {folder / 'checkpoints.yml'}",
            got="none of that name",
            next_step=did_you_mean(name, list(gates)),
        )
    if name != OWN:
        return gates[name]
    return with_own(gates[name], settings.config / "expectations", [(one.source, one.name) for one in streams])


def _verdict(gate: str, as_of_date: date, run_id: str, outcomes: list[Outcome], page: str) -> GateReport:
    failed = gravest_first(outcomes)
    critical = [outcome for outcome in failed if outcome.severity == "critical"]
    warnings = [outcome for outcome in failed if outcome.severity == "warning"]
    for outcome in warnings:
        _log.warning("gate %s, %s: %s", gate, as_of_date, outcome)
    if critical:
        raise GateFailed(
            f"gate {gate}, {as_of_date}: {len(critical)} critical of {len(outcomes)} expectations failed",
            expected="; ".join(f"{o.table}: {o.name} ({o.rule})" for o in critical[:5]),
            got="; ".join(f"{o.table}: {o.name}: {o.observed}" for o in critical[:5]),
            next_step="; ".join(dict.fromkeys(f"{o.owner}: {o.remedy}" for o in critical[:5])) + f". All of it: {page}",
        )
    return GateReport(gate, as_of_date, run_id, len(outcomes), len(warnings), tuple(failed), page)
