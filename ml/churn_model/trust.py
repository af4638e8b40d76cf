"""Watch the model before its scores are used, write down what was seen, and hold them where they cannot be trusted."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import TYPE_CHECKING

from psycopg2 import extensions

from churn_model import reference, watch
from churn_model.registry import Champion
from churn_model.snapshots import read_snapshots
from forewarn.config.project import Churn
from forewarn.config.watch import Watch
from forewarn.errors import ModelRejected

if TYPE_CHECKING:
    from churn_model.score import Scored

MOST_ROWS = 50_000  # of the training's dates, to hold later days against


def demand_trust(
    connection: extensions.connection,
    champion: Champion,
    scored: Scored,
    churn: Churn,
    *,
    as_of_date: date,
    now: datetime,
    late: Collection[str],
    bounds: Watch,
) -> None:
    """Refuse scores that rest on gaps or drift, or whose like promised what did not happen; commits what was seen.

    The first time that a version scores, what it learned from is summed up as its reference. Where there is too little
    history for that, only what became of earlier scores is watched.

    Raises
    ------
    ModelRejected
        Each hold is named; `ml.watch` has all that was seen.
    """
    model = (champion.name, champion.version)
    with connection.cursor() as cursor:
        references = reference.kept(cursor, model)
        if not references:
            references = _summed_up(connection, champion, churn, as_of_date)
            reference.keep(cursor, model, references)
        seen = watch.watch_inputs(scored.sample, scored.probabilities, references, late=late, bounds=bounds)
        # A version that is replaced each week has no promises of its own that have come due.
        past = watch.read_past(cursor, churn, model, as_of_date)
        earlier = past or watch.read_past(cursor, churn, (champion.name, None), as_of_date)
        seen += watch.watch_past(earlier, own=bool(past), bounds=bounds)
        watch.rewrite(cursor, seen, model=model, definition=churn.definition, as_of_date=as_of_date, now=now)
    connection.commit()
    held = [one for one in seen if one.verdict == "hold"]
    if held:
        raise ModelRejected(
            f"scores of {as_of_date} by {champion.name} version {champion.version}",
            expected="inputs like those of the training, and earlier scores that came true",
            got="; ".join(one.said for one in held),
            next_step="read ml.watch; mend the data, or train again with `forewarn model train`",
        )


def _summed_up(
    connection: extensions.connection, champion: Champion, churn: Churn, as_of_date: date
) -> list[reference.Reference]:
    try:
        snapshots = read_snapshots(connection, churn, as_of_date=as_of_date, most=MOST_ROWS)
    except ModelRejected:
        return []
    return reference.make_references(snapshots, champion.model)
