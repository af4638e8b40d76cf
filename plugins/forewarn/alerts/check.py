"""All that people wrote of alerts, read before a day begins: what cannot be meant is named then, not hours later."""

from __future__ import annotations

from forewarn.alerts.admission import pilot
from forewarn.alerts.kpi_watch import load_kpis
from forewarn.alerts.playbooks import load_playbooks
from forewarn.alerts.routing import load_routing
from forewarn.alerts.rules import load_rules
from forewarn.alerts.transitions import load_transitions
from forewarn.config.project import Project


def check_alerting(project: Project) -> None:
    """Read rules, routes, playbooks, actions, transitions, bounds of company figures and the pilot.

    Raises
    ------
    ConfigError
        One of them says something that cannot be meant: with file, line, column and a hint.
    """
    load_rules(project)
    load_playbooks(project)
    load_kpis(project, load_routing(project))
    load_transitions(project)
    pilot(project)
