"""What one matter of a customer silences while it goes on, as `inhibitions` of routes.yml say."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from forewarn.alerts.levels import Route
from forewarn.alerts.routing import Inhibition
from forewarn.alerts.signals import Signal


def inhibition_of(
    route: Route, signals: Sequence[Signal], waiting: Collection[str], inhibitions: Sequence[Inhibition]
) -> tuple[Inhibition, str] | None:
    """Return what keeps a route from hearing of a customer's case, and the name of the signal that does.

    A route is inhibited when all of its own signals are; one that has none of its own is, when its name is.

    Parameters
    ----------
    signals
        All of the customer's on the day.
    waiting
        Names of rules that cannot judge the customer while data are late: what went on goes on.
    """
    own = [signal for signal in signals if signal.route == route]
    for one in inhibitions:
        sources = [signal.name for signal in signals if one.by.fits(signal)]
        sources += [name for name in waiting if name in one.by.rules]
        if not sources:
            continue
        if all(one.of.fits(signal) and not one.by.fits(signal) for signal in own) if own else route in one.of.routes:
            return one, sources[0]
    return None
