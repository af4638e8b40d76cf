"""Which cases are compared: the arm of each, kept when people are first to be told of it.

The draw is asked before pilot, contact cap, circuit breaker and capacity: both arms hold cases that those would have
kept back, so that they differ by chance alone. A case that was silenced or inhibited is not drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from psycopg2 import extensions
from psycopg2.extras import execute_values

from forewarn.alerts.admission import in_control
from forewarn.alerts.case_store import Draft
from forewarn.alerts.levels import Route
from forewarn.alerts.quiet import Withholding

_BEFORE_THE_DRAW = frozenset({"silence", "inhibited"})


def keep_arms(
    cursor: extensions.cursor,
    drafts: Sequence[Draft],
    withheld: Mapping[str, Mapping[Route, Withholding]],
    ids: Mapping[str, int],
    *,
    share: float,
    as_of_date: date,
) -> None:
    """Write down the arm of each case that has come to its draw, in the caller's transaction; none where share is 0.

    A case keeps the arm of its first draw, whatever the share becomes: it is compared as it was meant to be treated.
    """
    if not share:
        return
    drawn = [
        (ids[draft.customer_id], "control" if in_control(draft.customer_id, share) else "told", as_of_date, share)
        for draft in drafts
        if any(_asked(withheld.get(draft.customer_id, {}).get(route)) for route in draft.plan.told)
    ]
    execute_values(
        cursor,
        'update alerts."case" as c set arm = v.arm, drawn_as_of = v.as_of, control_share = v.share'
        " from (values %s) as v (case_id, arm, as_of, share) where c.case_id = v.case_id and c.arm is null",
        drawn,
        template="(%s::bigint, %s, %s::date, %s::float8)",
        page_size=1000,
    )


def _asked(found: Withholding | None) -> bool:
    return found is None or found.why not in _BEFORE_THE_DRAW
