"""As-of dates that are missing from the history: built, gated, scored and published, oldest first; never alerting."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from forewarn import stages
from forewarn.config.project import load_project
from forewarn.config.settings import Settings
from forewarn.configured import definitions
from forewarn.errors import Permanent
from forewarn.warehouse.engine import connect


def backfill(
    settings: Settings,
    run: stages.Run,
    *,
    first: date,
    last: date,
    every: int = 1,
    rebuild: bool = False,
    dry_run: bool = False,
) -> Iterator[stages.Summary]:
    """Build the as-of dates from `first` to `last` that are missing, oldest first; yield a summary of each.

    A date that has features keeps them, one that is published is left alone altogether, so that the same command again
    goes on where it ended. Nothing here opens a case or sends. `run` gives the name and the clock.

    Parameters
    ----------
    every : int
        Days from one date to the next, from `first` on.
    rebuild : bool
        Replace dates that exist as well.
    dry_run : bool
        Only say what each date lacks.

    Raises
    ------
    Permanent
        The dates are the wrong way round, or do not end before the newest published date: that day is a run's affair.
    GateFailed, BuildFailed
        A date is not fit to be published; those before it are done.
    """
    newest, built, published = _history(settings)
    if first > last or newest is None or last >= newest:
        raise Permanent(
            f"backfill from {first} to {last}",
            expected=f"dates in order, before {newest}" if newest else "a published day to stand behind",
            got=f"{first} to {last}" if newest else "no publication",
            next_step="name earlier dates" if newest else "run a day first: `forewarn run`",
        )
    for ahead in range(0, (last - first).days + 1, every):
        day = first + timedelta(days=ahead)
        if day in published and not rebuild:
            yield {"as_of_date": day.isoformat(), "skipped": "published already"}
            continue
        missing = rebuild or day not in built
        if dry_run:
            yield {"as_of_date": day.isoformat(), "missing": int(missing)}
            continue
        this = dataclasses.replace(run, as_of_date=day, live=False)
        if missing:
            _build(settings, [day], known_until=newest)
        stages.gate(settings, this, gate="features")
        scores = stages.score(settings, this)
        stages.gate(settings, this, gate="scores")
        stages.publish(settings, this)
        yield {"as_of_date": day.isoformat(), "built": int(missing), "published": 1} | scores


def _build(settings: Settings, days: Sequence[date], *, known_until: date) -> None:
    """Build features and labels of earlier dates from what is in the warehouse; labels are as ripe as they are now."""
    from forewarn.sources import canonical_mappings, dbt_sources, ensure_raw_tables, load_sources, ready_for_build
    from forewarn.warehouse import dbt

    project = load_project(settings.config)
    sources = load_sources(project)
    mappings = canonical_mappings(sources)
    loader = settings.as_service("loader")
    ensure_raw_tables(loader, sources)
    ready_for_build(loader, mappings)
    dbt.build(
        settings.as_service("transformer"),
        mappings=mappings,
        sources_yaml=dbt_sources(sources),
        as_of_dates=days,
        churn=project.churn.model_dump(),
        definitions=definitions(settings, project),
        run_as_of_date=known_until,
        versions=False,
    )


def _history(settings: Settings) -> tuple[date | None, set[date], set[date]]:
    """Return the newest published date, the dates that have features, and those that are published."""
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("select distinct as_of_date from ops.publication")
        published = {row[0] for row in cursor.fetchall()}
        if not published:
            return None, set(), set()
        cursor.execute("select distinct as_of_date from marts.churn_features")
        return max(published), {row[0] for row in cursor.fetchall()}, published
