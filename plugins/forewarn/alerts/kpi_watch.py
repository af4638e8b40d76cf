"""Figures of the company that leave their bounds: somebody is told once when that begins, and again only anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import fmean
from typing import Literal, Self

from psycopg2 import extensions, sql
from pydantic import BaseModel, ConfigDict, Field, model_validator

from forewarn.alerts import outbox
from forewarn.alerts.absences import away_on
from forewarn.alerts.metrics import declared
from forewarn.alerts.news import KPI, Figure, KpiNews
from forewarn.alerts.publication import refusal
from forewarn.alerts.recipients import Directory
from forewarn.alerts.routing import Routing, load_routing
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.config.yaml import Document, did_you_mean
from forewarn.warehouse.engine import connect

FILE = "kpis.yml"
TOLD_MONTHS = 13

Side = Literal["above", "below"]


class KpiBound(BaseModel):
    """One figure and one bound that it should keep."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kpi: str
    above: float | None = None
    below: float | None = None
    above_baseline: float | None = Field(default=None, gt=0)
    below_baseline: float | None = Field(default=None, gt=0)
    baseline_months: int = Field(default=6, ge=2, le=24)
    to: str

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if sum(one is not None for one in (self.above, self.below, self.above_baseline, self.below_baseline)) != 1:
            raise ValueError("exactly one of above, below, above_baseline and below_baseline must be given")
        return self

    @property
    def side(self) -> Side:
        """On which side of the bound the figure should not lie."""
        return "below" if self.above is None and self.above_baseline is None else "above"

    @property
    def factor(self) -> float | None:
        """By what the mean of the months before is multiplied; None where the bound is a value."""
        return self.above_baseline if self.above_baseline is not None else self.below_baseline

    @property
    def statement(self) -> str:
        """The bound in words, as the ledger keeps it."""
        if self.factor is not None:
            return f"{self.side} {self.factor:g} times the mean of {self.baseline_months} months"
        return f"{self.side} {self.above if self.above is not None else self.below:g}"

    def limit(self, before: Sequence[float | None]) -> float | None:
        """Return what a figure is held against; None where fewer than half of the months before are known.

        Parameters
        ----------
        before
            The figures of the months before, oldest first.
        """
        if self.factor is None:
            return self.above if self.above is not None else self.below
        known = [figure for figure in before[-self.baseline_months :] if figure is not None]
        return None if 2 * len(known) < self.baseline_months else self.factor * fmean(known)

    def beyond(self, history: Sequence[Figure]) -> tuple[float, bool] | None:
        """Return the limit of the newest month and whether its figure lies beyond it; None where that is unknown."""
        *before, newest = history
        limit = self.limit([one.figure for one in before])
        if limit is None or newest.figure is None:
            return None
        return limit, newest.figure > limit if self.side == "above" else newest.figure < limit


class KpiFile(BaseModel):
    """The content of `kpis.yml`; without the file nobody is told of figures."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kpis: list[KpiBound] = []


@dataclass(frozen=True)
class _Found:
    bound: KpiBound
    history: Sequence[Figure]
    limit: float


def load_kpis(project: Project, routing: Routing) -> list[KpiBound]:
    """Read `kpis.yml` beside the playbooks.

    Raises
    ------
    ConfigError
        With file, line, column and a hint.
    """
    file = project.path(project.playbooks).with_name(FILE)
    if not file.is_file():
        return []
    document = Document(file)
    bounds = document.read(KpiFile).kpis
    seen: set[tuple[str, str]] = set()
    for number, bound in enumerate(bounds):
        if bound.kpi not in declared().kpis:
            hint = did_you_mean(bound.kpi, list(declared().kpis))
            raise document.error(["kpis", number, "kpi"], f"unknown figure `{bound.kpi}`", hint)
        routing.check_reader(bound.to, document, ["kpis", number, "to"])
        if (bound.kpi, bound.statement) in seen:
            raise document.error(["kpis", number, "kpi"], f"a second bound {bound.kpi} {bound.statement}")
        seen.add((bound.kpi, bound.statement))
    return bounds


def tell_kpis(settings: Settings, project: Project, *, as_of_date: date, run_id: str, now: datetime) -> int:
    """Put a message into the outbox for each figure of the newest settled month that has newly left its bound.

    One transaction: a breach is in the ledger if and only if its message is in the outbox. Telling the same again
    changes nothing, and a figure that is unknown neither begins a breach nor ends one.

    Returns
    -------
    int
        New messages.

    Raises
    ------
    ConfigError
        kpis.yml or routes.yml say something that cannot be meant.
    """
    routing = load_routing(project)
    bounds = load_kpis(project, routing)
    with connect(settings.warehouse_url) as connection, connection, connection.cursor() as cursor:
        cursor.execute("select to_regclass('marts.kpi_monthly') is not null")
        if not (cursor.fetchone() or [False])[0] or refusal(cursor, as_of_date=as_of_date, run_id=run_id):
            return 0
        cursor.execute("select pg_advisory_xact_lock(hashtext('forewarn.kpis'))")
        directory = Directory(project, routing, away_on(cursor, as_of_date, routing.absences))
        histories = _histories(cursor, {bound.kpi for bound in bounds}, as_of_date)
        going_on = _going_on(cursor)
        letters: list[outbox.Letter] = []
        for bound in bounds:
            history = histories.get(bound.kpi, [])
            judged = bound.beyond(history) if history else None
            breach = going_on.pop((bound.kpi, bound.statement), None)
            if judged is None:
                continue
            limit, beyond = judged
            if beyond and breach is None:
                number = _begin(cursor, _Found(bound, history, limit), as_of_date=as_of_date, now=now)
                letters += _letters(directory, _Found(bound, history, limit), number, as_of_date=as_of_date, now=now)
            elif breach is not None and not beyond:
                _end(cursor, breach, history[-1].month, now=now)
        for breach in going_on.values():
            # Its bound stands in the file no more.
            _end(cursor, breach, None, now=now)
        expires_at = now + timedelta(days=project.alerts.expires_after_days)
        return outbox.put(cursor, letters, now=now, expires_at=expires_at)


def _histories(cursor: extensions.cursor, names: set[str], as_of_date: date) -> Mapping[str, list[Figure]]:
    """Return the settled months of each figure, oldest first."""
    if not names:
        return {}
    columns = sorted(names)
    cursor.execute(
        sql.SQL("select month, {} from marts.kpi_monthly where is_settled and month < %s order by month").format(
            sql.SQL(", ").join(sql.SQL("{}::float8").format(sql.Identifier(name)) for name in columns)
        ),
        [as_of_date.replace(day=1)],
    )
    rows = cursor.fetchall()
    return {
        name: [Figure(month=month, figure=figures[place]) for month, *figures in rows]
        for place, name in enumerate(columns)
    }


def _going_on(cursor: extensions.cursor) -> dict[tuple[str, str], int]:
    cursor.execute("select kpi, bound, breach_id from alerts.kpi_breach where over_at is null")
    return {(kpi, bound): number for kpi, bound, number in cursor.fetchall()}


def _begin(cursor: extensions.cursor, found: _Found, *, as_of_date: date, now: datetime) -> int:
    newest = found.history[-1]
    cursor.execute(
        "insert into alerts.kpi_breach (kpi, bound, first_month, figure, limit_value, noticed_as_of, noticed_at)"
        " values (%s, %s, %s, %s, %s, %s, %s) returning breach_id",
        [found.bound.kpi, found.bound.statement, newest.month, newest.figure, found.limit, as_of_date, now],
    )
    return int((cursor.fetchone() or [0])[0])


def _end(cursor: extensions.cursor, breach: int, month: date | None, *, now: datetime) -> None:
    cursor.execute(
        "update alerts.kpi_breach set over_month = %s, over_at = %s where breach_id = %s", [month, now, breach]
    )


def _letters(
    directory: Directory, found: _Found, number: int, *, as_of_date: date, now: datetime
) -> list[outbox.Letter]:
    project, bound, reader = directory.project, found.bound, directory.at(found.bound.to)
    letters = []
    for channel in reader.channels or project.alerts.channels:
        dedup = f"kpi:{number}:{channel}:{reader.address.lower()}"
        news = KpiNews(
            as_of_date=as_of_date,
            company=project.company,
            **reader.told,
            key=outbox.message_key(dedup, now),
            kpi=bound.kpi,
            unit=declared().kpis[bound.kpi],
            currency=project.currency,
            side=bound.side,
            limit=found.limit,
            baseline_months=None if bound.factor is None else bound.baseline_months,
            history=list(found.history[-TOLD_MONTHS:]),
        )
        letters.append(outbox.Letter(dedup, channel, reader.address, news, kind=KPI, time_zone=reader.time_zone))
    return letters
