"""Whom each signal would reach for one customer, on the newest published day: what `forewarn routes explain` shows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import get_args

from psycopg2 import extensions

from forewarn.alerts.absences import away_on
from forewarn.alerts.admission import in_control, within_pilot
from forewarn.alerts.customer_facts import read_facts
from forewarn.alerts.levels import Level
from forewarn.alerts.playbooks import load_playbooks
from forewarn.alerts.quiet import quiet_on
from forewarn.alerts.recipients import Directory, Recipient, matter
from forewarn.alerts.routing import Routing, load_routing
from forewarn.alerts.rule_ledger import in_use
from forewarn.alerts.rules import load_rules
from forewarn.alerts.signals import Signal
from forewarn.alerts.spans import newest_day
from forewarn.alerts.step_conditions import true_conditions
from forewarn.alerts.transitions import NAMES
from forewarn.config.project import Churn, Project
from forewarn.errors import Permanent


@dataclass(frozen=True)
class Told:
    """One signal that may fire, whom it would reach at a level, and what would keep it quiet; empty: nothing."""

    signal: str
    level: Level
    readers: tuple[Recipient, ...]
    quiet: str


def load_checked_routing(project: Project) -> Routing:
    """Read routes.yml, and let it name no signal that there is not: rules of the files, definitions of churn, stages.

    Raises
    ------
    ConfigError
        With file, line, column and a hint; also when a rule file says something that cannot be meant.
    """
    definitions = get_args(Churn.model_fields["definition"].annotation)
    rules = [rule.name for rule in load_rules(project)]
    return load_routing(project, signals=[*rules, *definitions, *NAMES])


def would_tell(
    cursor: extensions.cursor, project: Project, customer_id: str, *, level: Level | None = None
) -> list[Told]:
    """Return whom each signal would reach, were it the customer's only one today; empty where there is no customer.

    Parameters
    ----------
    level
        Is supposed in place of each signal's own: several signals together raise it.

    Raises
    ------
    ConfigError
        routes.yml, the playbooks or `alerts.pilot` say something that cannot be meant.
    Permanent
        Nothing was published yet.
    """
    day = newest_day(cursor)
    if day is None:
        raise Permanent("alerts", expected="a published day", got="none", next_step="run the pipeline once")
    cursor.execute("select exists (select from marts.dim_customers where customer_id = %s)", [customer_id])
    if not (cursor.fetchone() or [False])[0]:
        return []
    routing, model = load_checked_routing(project), load_playbooks(project).model
    directory = Directory(project, routing, away_on(cursor, day, routing.absences))
    facts = read_facts(cursor, [customer_id], as_of_date=day, definition=project.churn.definition)[customer_id]
    where = true_conditions(cursor, routing.conditions, [customer_id], day).get(customer_id, frozenset())
    signals = [
        Signal(
            customer_id,
            one.name,
            str(one.content.version),
            one.content.level,
            one.content.route,
            "",
            {"family": one.content.family},
        )
        for one in in_use(cursor, project)
    ]
    signals.append(
        Signal(
            customer_id, project.churn.definition, "", model.level, model.route, "", {"reasons": facts.score_reasons}
        )
    )
    whole = _whole(cursor, project, customer_id, day)
    quiet = quiet_on(cursor, routing, day, [customer_id])
    told = []
    for signal in signals:
        at = level or signal.level
        found = quiet.of(customer_id, signal.route, [signal])
        readers = directory.readers(matter(signal.route, at, [signal], where), facts.owner)
        shown = tuple(replace(reader, channels=reader.channels or tuple(project.alerts.channels)) for reader in readers)
        watched = "low alone: watched" if at == "low" else ""
        told.append(Told(signal.name, at, shown, whole or (found.reason if found else watched)))
    return told


def _whole(cursor: extensions.cursor, project: Project, customer_id: str, as_of_date: date) -> str:
    """Return why nobody would be told of anything; empty where somebody would."""
    if in_control(customer_id, project.alerts.control_share):
        return "of the control group"
    return "" if within_pilot(cursor, project, [customer_id], as_of_date) else "outside the pilot"
