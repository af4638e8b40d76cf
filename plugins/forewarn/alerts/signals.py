"""Signals: what rules and the model say about a customer on a date, replaced as a whole for that date."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any

from psycopg2 import extensions
from psycopg2.extras import Json, execute_values

from forewarn.alerts.language import CATALOGS, Language
from forewarn.alerts.levels import Level, Route
from forewarn.alerts.metrics import declared
from forewarn.alerts.playbooks import Playbooks
from forewarn.alerts.rule_ledger import found_ledger, rules_in
from forewarn.alerts.rule_query import fired_query, metrics_read
from forewarn.alerts.rules import Rule
from forewarn.alerts.sentence import fill
from forewarn.alerts.source_records import text_records
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.warehouse.engine import connect

BATCH = 2_000
# Customer, kind and name of a signal.
Key = tuple[str, str, str]
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

    @property
    def family(self) -> str:
        """What kind of sign it is; of the model, that of its strongest reason."""
        reasons = self.evidence.get("reasons") or [{}]
        return str(self.evidence.get("family") or reasons[0].get("family", ""))


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
    with connect(settings.warehouse_url) as connection, connection:
        with connection.cursor() as cursor:
            cursor.execute(LOCK)
            found_ledger(cursor, project, as_of_date=as_of_date, by="the nightly run", now=now)
            rules, shadows = rules_in(cursor, "live"), rules_in(cursor, "shadow")
        seen: list[tuple[date, str, str, int]] = []
        with connection.cursor() as cursor:
            signals = _found(connection, rules, shadows, seen, project, as_of_date=as_of_date)
            count = replace(cursor, "rule", signals, as_of_date=as_of_date, now=now)
            _replace_shadow(cursor, seen, as_of_date=as_of_date)
    return count


def _found(
    connection: extensions.connection,
    rules: Sequence[Rule],
    shadows: Sequence[Rule],
    seen: list[tuple[date, str, str, int]],
    project: Project,
    *,
    as_of_date: date,
) -> Iterator[Signal]:
    """Yield what live rules find, and note in `seen` what those in shadow do: date, customer, rule, version.

    Of a large company's customers no more than a batch is held here.
    """
    judges = [*rules, *shadows]
    if not judges:
        return
    finding = _Finding(judges, project)
    with connection.cursor(name="fired") as fired, connection.cursor() as cursor:
        fired.execute(fired_query(judges, declared()), {"as_of_date": as_of_date})
        while rows := fired.fetchmany(BATCH):
            batch = []
            for customer_id, positions, *values in rows:
                for position in positions:
                    if position < len(rules):
                        batch.append(finding.signal(position, customer_id, values))
                    else:
                        seen.append((as_of_date, customer_id, *finding.version(position)))
            _add_records(cursor, batch, as_of_date)
            yield from batch


def replace_model_signals(
    cursor: extensions.cursor, project: Project, playbooks: Playbooks, *, as_of_date: date, now: datetime
) -> dict[str, str]:
    """Replace the model signals of a date within the caller's transaction: one per score at or above its threshold.

    A score that an open case rests on stays a signal down to `alerts.stays_from` of the threshold.

    Returns
    -------
    dict of str to str
        Customer → why the score is no signal, where only what late streams leave unknown brought it to the threshold.
    """
    stays_from = project.alerts.stays_from
    known = {customer for customer, kind, _ in resting(cursor) if kind == "model"}
    cursor.execute(
        "select customer_id, model_version, probability, threshold, reasons, unknown_contribution from ml.score"
        " where as_of_date = %s and definition = %s and probability >= threshold * %s order by customer_id",
        [as_of_date, project.churn.definition, stays_from],
    )
    model, language = playbooks.model, Language(project.locale)
    signals, unsure = [], {}
    for customer_id, version, probability, threshold, reasons, unknown in cursor.fetchall():
        bound = signal_bound(threshold, stays_from, rests=customer_id in known)
        if probability < bound:
            continue
        if rests_on_unknown(probability, bound, unknown):
            unsure[customer_id] = (
                f"{language.percent(probability)} reaches the threshold of {language.percent(bound)} only by what late"
                " streams leave unknown"
            )
            continue
        signal = Signal(
            customer_id,
            project.churn.definition,
            str(version),
            "high" if probability >= model.high_from else model.level,
            model.route,
            reasons[0]["text"] if reasons else language.percent(probability),
            {"probability": probability, "threshold": threshold, "reasons": reasons},
        )
        signals.append(signal)
    replace(cursor, "model", signals, as_of_date=as_of_date, now=now)
    return unsure


def signal_bound(threshold: float, stays_from: float, *, rests: bool) -> float:
    """Return the probability from which a score is a signal; lower where an open case rests on the score already."""
    return threshold * stays_from if rests else threshold


def resting(cursor: extensions.cursor) -> set[Key]:
    """Return the signals that open cases rest on: those of the day that changed the case last."""
    cursor.execute(
        "select fired.customer_id, fired.kind, fired.name"
        ' from alerts."case" as opened join alerts.signal as fired'
        " on fired.customer_id = opened.customer_id and fired.as_of_date = opened.updated_as_of"
        " where opened.state <> 'closed'"
    )
    return set(cursor.fetchall())


def rests_on_unknown(probability: float, threshold: float, unknown: float | None) -> bool:
    """Tell whether a score would be below its threshold without what unknown features add to it, in log-odds."""
    return bool(unknown) and _log_odds(probability) - float(unknown or 0) < _log_odds(threshold)


def _log_odds(probability: float) -> float:
    if probability in (0, 1):
        return math.inf if probability else -math.inf
    return math.log(probability / (1 - probability))


def replace(cursor: extensions.cursor, kind: str, signals: Iterable[Signal], *, as_of_date: date, now: datetime) -> int:
    """Make `signals` the only ones of a kind and date, leaving rows alone that are the same already.

    Returns
    -------
    int
        How many there are.
    """
    cursor.execute(LOCK)
    cursor.execute(
        "create temporary table if not exists wanted_signal (like alerts.signal) on commit drop;"
        " alter table wanted_signal alter signal_id drop not null; truncate wanted_signal"
    )
    left, count = iter(signals), 0
    while batch := [vars(one) for one in islice(left, BATCH)]:
        # One document a batch: a third of what a row of parameters each costs.
        cursor.execute(
            "insert into wanted_signal (customer_id, as_of_date, kind, name, version, level, route, reason, evidence,"
            " observed_at) select customer_id, %s, %s, name, version, level, route, reason, evidence, %s"
            " from jsonb_to_recordset(%s) as told (customer_id text, name text, version text, level text, route text,"
            " reason text, evidence jsonb)",
            [as_of_date, kind, now, Json(batch)],
        )
        count += len(batch)
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
    return count


def _replace_shadow(cursor: extensions.cursor, seen: Sequence[tuple[date, str, str, int]], *, as_of_date: date) -> None:
    """Keep what the rules in shadow find on a date: date, customer, rule, version."""
    cursor.execute("delete from alerts.shadow_signal where as_of_date = %s", [as_of_date])
    execute_values(
        cursor, "insert into alerts.shadow_signal (as_of_date, customer_id, rule_id, version) values %s", seen
    )


def _add_records(cursor: extensions.cursor, signals: Sequence[Signal], as_of_date: date) -> None:
    """Add to the evidence of signals that rest on words the records that they were read in."""
    named = {metric for signal in signals for metric, value in signal.evidence["values"].items() if value}
    records = text_records(cursor, named, sorted({signal.customer_id for signal in signals}), as_of_date)
    for signal in signals:
        behind = [one for name in signal.evidence["values"] for one in records.get((signal.customer_id, name), [])]
        if behind:
            signal.evidence["records"] = [one for place, one in enumerate(behind) if one not in behind[:place]]


class _Finding:
    """What rules find, worded in every language: who will read it is not known yet."""

    def __init__(self, rules: Sequence[Rule], project: Project) -> None:
        self._rules, self._metrics, self._currency = rules, declared(), project.currency
        spoken = Language(project.locale)
        self._spoken = spoken.catalog
        self._languages = [spoken if name == spoken.catalog else Language(name) for name in CATALOGS.values()]
        columns = {name: place for place, name in enumerate(metrics_read(rules))}
        self._places = [[(name, columns[name]) for name in sorted(rule.metrics)] for rule in rules]

    def version(self, position: int) -> tuple[str, int]:
        """Return id and version of a rule."""
        return self._rules[position].name, self._rules[position].content.version

    def signal(self, position: int, customer_id: str, values: Sequence[Any]) -> Signal:
        """Return the signal of a rule that fired; `values` are those of `metrics_read`."""
        rule = self._rules[position].content
        shown = {name: values[place] for name, place in self._places[position]}
        texts = {
            language.catalog: {
                "title": language.choose(rule.title),
                "text": fill(language.choose(rule.reason), shown, self._metrics, language, self._currency),
            }
            for language in self._languages
        }
        return Signal(
            customer_id,
            rule.id,
            str(rule.version),
            rule.level,
            rule.route,
            texts[self._spoken]["text"],
            {"family": rule.family, "values": shown, "texts": texts},
        )
