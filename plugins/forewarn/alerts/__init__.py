"""From signals to a message that a person reads: rules, cases, the outbox and its channels."""

from forewarn.alerts.cases import CaseCounts, open_cases
from forewarn.alerts.check import check_alerting
from forewarn.alerts.circuit_breaker import newest_stop, release, tell_stop
from forewarn.alerts.dead_letters import send_again, tell_undelivered
from forewarn.alerts.dispatch import DispatchCounts, dispatch
from forewarn.alerts.heartbeat import missed, tell_missed
from forewarn.alerts.kpi_watch import tell_kpis
from forewarn.alerts.operations import OF_MODEL, Trouble, tell_operations
from forewarn.alerts.signals import evaluate_rules
from forewarn.alerts.stock import tell_low_stock

__all__ = [
    "OF_MODEL",
    "CaseCounts",
    "DispatchCounts",
    "Trouble",
    "check_alerting",
    "dispatch",
    "evaluate_rules",
    "missed",
    "newest_stop",
    "open_cases",
    "release",
    "send_again",
    "tell_kpis",
    "tell_low_stock",
    "tell_missed",
    "tell_operations",
    "tell_stop",
    "tell_undelivered",
]
