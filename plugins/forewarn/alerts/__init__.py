"""From signals to a message that a person reads: rules, cases, the outbox and its channels."""

from forewarn.alerts.cases import CaseCounts, open_cases
from forewarn.alerts.dispatch import DispatchCounts, dispatch
from forewarn.alerts.kpi_watch import tell_kpis
from forewarn.alerts.operations import OF_MODEL, Trouble, tell_operations
from forewarn.alerts.signals import evaluate_rules
from forewarn.alerts.stock import tell_low_stock

__all__ = [
    "OF_MODEL",
    "CaseCounts",
    "DispatchCounts",
    "Trouble",
    "dispatch",
    "evaluate_rules",
    "open_cases",
    "tell_kpis",
    "tell_low_stock",
    "tell_operations",
]
