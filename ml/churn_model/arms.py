"""An A/B split of the customers between champion and challenger, by a hash of their number, and what came of it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date

import numpy as np
from psycopg2 import extensions, sql

from churn_model.registry import CHALLENGER, Champion, has_alias, load
from forewarn.config.project import Churn, Project
from forewarn.config.settings import Settings
from forewarn.errors import ModelRejected

CHAMPIONS, CHALLENGERS = "a", "b"
EVERYBODY = sql.SQL("true")
# Another seed than that of the training sample, so that the arms are no part of it.
BUCKET = "mod(hashtextextended(f.customer_id, 24) & 9223372036854775807, 10000)"
SURE = 1.96

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Arm:
    """Customers and days that one model alerted upon, and what became of them.

    Attributes
    ----------
    alerts, left : int
        Scores at or above the threshold whose label has matured, and how many of those customers left.
    """

    arm: str
    model_version: str
    customers: int
    alerts: int
    left: int

    @property
    def precision(self) -> float | None:
        """Share of the alerts whose customer left."""
        return self.left / self.alerts if self.alerts else None


def arms(settings: Settings, project: Project, champion: Champion) -> list[tuple[str, Champion, sql.Composable]]:
    """Return each arm with its model and the condition on `f.customer_id` that says who is in it; the champion's first.

    A challenger that is missing or cannot be loaded leaves everybody to the champion.
    """
    share = project.model.challenged_share
    if not share:
        return [(CHAMPIONS, champion, EVERYBODY)]
    try:
        if not has_alias(settings, project, CHALLENGER):
            return [(CHAMPIONS, champion, EVERYBODY)]
        challenger = load(settings, project, CHALLENGER)
    except ModelRejected as rejected:
        _log.warning("The champion judges everybody: %s", rejected)
        return [(CHAMPIONS, champion, EVERYBODY)]
    border = sql.Literal(round(share * 10_000))
    return [
        (CHAMPIONS, champion, sql.SQL(BUCKET + " >= {}").format(border)),
        (CHALLENGERS, challenger, sql.SQL(BUCKET + " < {}").format(border)),
    ]


def report(connection: extensions.connection, churn: Churn, *, as_of_date: date, versions: list[str]) -> list[Arm]:
    """Return both arms over the days on which there were two, of these versions and with labels matured by the date."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select s.arm, s.model_version, count(distinct s.customer_id), count(*) filter (where s.probability >="
            " s.threshold), count(*) filter (where s.probability >= s.threshold and l.churned)"
            " from ml.score s join marts.churn_labels l on l.customer_id = s.customer_id"
            " and l.as_of_date = s.as_of_date and l.definition = s.definition"
            " where s.definition = %s and l.is_mature and l.label_matures_on <= %s and s.model_version = any(%s)"
            " and exists (select from ml.score b where b.as_of_date = s.as_of_date and b.definition = s.definition"
            " and b.arm = 'b') group by 1, 2 order by 1, 2",
            [churn.definition, as_of_date, versions],
        )
        return [Arm(*row) for row in cursor.fetchall()]


def difference(first: Arm, second: Arm) -> tuple[float, float, float] | None:
    """Return the second arm's precision less the first's, with its 95% interval; None where one had no alert."""
    ours, theirs = second.precision, first.precision
    if ours is None or theirs is None:
        return None
    error = float(np.sqrt(ours * (1 - ours) / second.alerts + theirs * (1 - theirs) / first.alerts))
    gap = ours - theirs
    return gap, gap - SURE * error, gap + SURE * error
