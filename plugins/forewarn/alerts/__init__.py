"""From signals to a message that a person reads: rules, cases, the outbox and its channels."""

from forewarn.alerts.cases import CaseCounts, open_cases
from forewarn.alerts.dispatch import DispatchCounts, dispatch
from forewarn.alerts.signals import evaluate_rules

__all__ = ["CaseCounts", "DispatchCounts", "dispatch", "evaluate_rules", "open_cases"]
