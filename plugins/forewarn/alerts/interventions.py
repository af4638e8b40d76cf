"""What people do about a case. Of several things the dearest is told."""

from __future__ import annotations

from typing import Literal, get_args

from forewarn.alerts.case_plan import Outcome

Intervention = Literal["none", "call", "visit", "message", "offer", "advice", "service"]
INTERVENTIONS: tuple[Intervention, ...] = get_args(Intervention)


def presumed(outcome: Outcome) -> Intervention:
    """Return what an outcome suggests where nobody says what was done.

    Of a customer who was no risk nothing was asked; whoever knows that one stays, left or does not answer has called.
    """
    return "none" if outcome == "false_alarm" else "call"
