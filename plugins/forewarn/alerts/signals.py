"""Signals: what rules and the model say about a customer on a date, replaced as a whole for that date."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg2 import extensions
from psycopg2.extras import Json, RealDictCursor, execute_values

from forewarn.alerts.language import CATALOGS, ORIGINAL, Language
from forewarn.alerts.levels import Level, Route
from forewarn.alerts.metrics import Metrics, declared
from forewarn.alerts.playbooks import Playbooks
from forewarn.alerts.rule_ledger import found_ledger, rules_in
from forewarn.alerts.rule_query import fired_query
from forewarn.alerts.rules import Rule
from forewarn.alerts.sentence import fill
from forewarn.alerts.source_records import text_records
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.warehouse.engine import connect

LOCK = "select pg_advisory_xact_lock(hashtext('forewarn.signals'))"


@dataclass(frozen=True)
class Signal:
    """One rule or model that fired for one customer."""

    customer_id: str
    name: str
    version: str
    level: Level
    route: Route
    reason: str
    evidence: dict[str, Any]


def evaluate_rules(settings: Settings, project: Project, *, as_of_date: date, now: datetime) -> int:
    """Replace the rule signals of a date; signals that stay the same keep their row.

    The rules are those of the ledger, which takes them from the files if it is empty. What rules in shadow find is kept
    apart, and opens no case.

    Returns
    -------
    int
        How many signals the live rules give for the date.

    Raises
    ------
    ConfigError
        A rule file says something that cannot be meant.
    """
    metrics = declared()
    with connect(settings.warehouse_url) as connection, connection:
        with connection.cursor() as cursor:
            cursor.execute(LOCK)
            found_ledger(cursor, project, as_of_date=as_of_date, by="the nightly run", now=now)
            rules, shadows = rules_in(cursor, "live"), rules_in(cursor, "shadow")
        with connection.cursor(cursor_factory=RealDictCursor) as cursor:
            rows = []
            if judges := [*rules, *shadows]:
                cursor.execute(fired_query(judges, metrics), {"as_of_date": as_of_date})
                rows = cursor.fetchall()
        signals = [signal for row in rows for signal in _signals_of(row, rules, metrics, project)]
        with connection.cursor() as cursor:
            _add_records(cursor, signals, as_of_date)
            replace(cursor, "rule", signals, as_of_date=as_of_date, now=now)
            _replace_shadow(cursor, rows, shadows, first=len(rules), as_of_date=as_of_date)
    return len(signals)


def replace_model_signals(
    cursor: extensions.cursor, project: Project, playbooks: Playbooks, *, as_of_date: date, now: datetime
) -> dict[str, str]:
    """Replace the model signals of a date within the caller's transaction: one per score at or above its threshold.

    Returns
    -------
    dict of str to str
        Customer → why the score is no signal, where only what late streams leave unknown brought it to the threshold.
    """
    cursor.execute(
        "select customer_id, model_version, probability, threshold, reasons, unknown_contribution from ml.score"
        " where as_of_date = %s and definition = %s and probability >= threshold order by customer_id",
        [as_of_date, project.churn.definition],
    )
    scores = cursor.fetchall()
    model, language = playbooks.model, Language(project.locale)
    signals = [
        Signal(
            customer_id,
            project.churn.definition,
            str(version),
            "high" if probability >= model.high_from else model.level,
            model.route,
            reasons[0]["text"] if reasons else language.percent(probability),
            {"probability": probability, "threshold": threshold, "reasons": reasons},
        )
        for customer_id, version, probability, threshold, reasons, unknown in scores
        if not rests_on_unknown(probability, threshold, unknown)
    ]
    replace(cursor, "model", signals, as_of_date=as_of_date, now=now)
    return {
        customer_id: f"{language.percent(probability)} reaches the threshold of {language.percent(threshold)} only by"
        " what late streams leave unknown"
        for customer_id, _, probability, threshold, _, unknown in scores
        if rests_on_unknown(probability, threshold, unknown)
    }


def rests_on_unknown(probability: float, threshold: float, unknown: float | None) -> bool:
    """Tell whether a score would be below its threshold without what unknown features add to it, in log-odds."""
    return bool(unknown) and _log_odds(probability) - float(unknown or 0) < _log_odds(threshold)


def _log_odds(probability: float) -> float:
    if probability in (0, 1):
        return math.inf if probability else -math.inf
    return math.log(probability / (1 - probability))


def replace(
    cursor: extensions.cursor, kind: str, signals: Sequence[Signal], *, as_of_date: date, now: datetime
) -> None:
    """Make `signals` the only ones of a kind and date, leaving rows alone that are the same already."""
    cursor.execute(LOCK)
    cursor.execute(
        "create temporary table if not exists wanted_signal (like alerts.signal) on commit drop;"
        " alter table wanted_signal alter signal_id drop not null; truncate wanted_signal"
    )
    execute_values(
        cursor,
        "insert into wanted_signal (customer_id, as_of_date, kind, name, version, level, route, reason, evidence,"
        " observed_at) values %s",
        _rows(kind, signals, as_of_date, now),
        page_size=1000,
    )
    cursor.execute(
        """
        delete from alerts.signal as s
        where s.as_of_date = %(as_of_date)s and s.kind = %(kind)s
          and not exists (select from wanted_signal as w where w.customer_id = s.customer_id and w.name = s.name);
        insert into alerts.signal as s
            (customer_id, as_of_date, kind, name, version, level, route, reason, evidence, observed_at)
        select customer_id, as_of_date, kind, name, version, level, route, reason, evidence, observed_at
        from wanted_signal
        on conflict (as_of_date, customer_id, kind, name) do update
        set (version, level, route, reason, evidence, observed_at)
            = (excluded.version, excluded.level, excluded.route, excluded.reason, excluded.evidence,
                excluded.observed_at)
        where (s.version, s.level, s.route, s.reason, s.evidence)
            is distinct from (excluded.version, excluded.level, excluded.route, excluded.reason, excluded.evidence)
        """,
        {"as_of_date": as_of_date, "kind": kind},
    )


def _replace_shadow(
    cursor: extensions.cursor, rows: Sequence[dict[str, Any]], shadows: Sequence[Rule], *, first: int, as_of_date: date
) -> None:
    """Keep what the rules in shadow find on a date; their positions among the fired begin at `first`."""
    cursor.execute("delete from alerts.shadow_signal where as_of_date = %s", [as_of_date])
    execute_values(
        cursor,
        "insert into alerts.shadow_signal (as_of_date, customer_id, rule_id, version) values %s",
        [
            (as_of_date, row["customer_id"], rule.name, rule.content.version)
            for row in rows
            for rule in (shadows[position - first] for position in row["fired"] if position >= first)
        ],
    )


def _add_records(cursor: extensions.cursor, signals: Sequence[Signal], as_of_date: date) -> None:
    """Add to the evidence of signals that rest on words the records that they were read in."""
    named = {metric for signal in signals for metric, value in signal.evidence["values"].items() if value}
    records = text_records(cursor, named, sorted({signal.customer_id for signal in signals}), as_of_date)
    for signal in signals:
        behind = [one for name in signal.evidence["values"] for one in records.get((signal.customer_id, name), [])]
        if behind:
            signal.evidence["records"] = [one for place, one in enumerate(behind) if one not in behind[:place]]


def _rows(kind: str, signals: Iterable[Signal], as_of_date: date, now: datetime) -> Iterable[tuple[object, ...]]:
    for signal in signals:
        yield (
            signal.customer_id,
            as_of_date,
            kind,
            signal.name,
            signal.version,
            signal.level,
            signal.route,
            signal.reason,
            Json(signal.evidence),
            now,
        )


def _signals_of(row: dict[str, Any], rules: Sequence[Rule], metrics: Metrics, project: Project) -> list[Signal]:
    """Return the signals of one customer, worded in every language: who will read them is not known yet."""
    signals = []
    for position in row["fired"]:
        if position >= len(rules):
            continue
        rule = rules[position].content
        values = {name: row[name] for name in sorted(rules[position].metrics)}
        texts = {}
        for catalog in CATALOGS.values():
            language = Language(project.locale if Language(project.locale).catalog == catalog else catalog)
            variants = language.choose(rule.reason)
            texts[catalog] = {
                "title": language.choose(rule.title),
                "text": fill(variants, values, metrics, language, project.currency),
            }
        spoken = Language(project.locale).catalog
        signals.append(
            Signal(
                row["customer_id"],
                rule.id,
                str(rule.version),
                rule.level,
                rule.route,
                texts.get(spoken, texts[ORIGINAL])["text"],
                {"family": rule.family, "values": values, "texts": texts},
            )
        )
    return signals
