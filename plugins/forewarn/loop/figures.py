"""The figures of one month, each with the SQL that gives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args

from psycopg2 import extensions

from forewarn.loop.save_rate import DIVISIONS, SaveRate, judged, statement

Dimension = Literal["all", "rule", "model", "segment", "manager", "playbook"]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)
# Of the month itself, and of the newest month whose windows have all closed: an earlier answer would change yet.
OF_MONTH = (
    *("alerts", "told", "control_group", "unripe", "closed", "presumed", "acknowledgement_rate", "false_alarm_rate"),
    *("save_rate_gross", "saved_value", "cost", "roi_gross"),
)
OF_RIPE_MONTH = ("judged", "precision", "precision_untreated", "leavers", "recall", "median_lead_days")

_RIPE = """
select max(month) from marts.alert_performance_monthly
where dimension = 'all' and month <= %(month)s and unripe = 0 and judged > 0"""
_PERFORMANCE = """
select member, {columns} from marts.alert_performance_monthly
where month = %(month)s and dimension = %(dimension)s order by alerts desc, member"""
_MISSED = """
select why, signal, count(*) as leavers from alerts.missed_churn
where gone_on >= %(month)s and gone_on < %(until)s and definition = %(definition)s
group by why, signal order by leavers desc, why, signal"""


@dataclass(frozen=True)
class Asked:
    """What a query answered, and the query as anyone can run it again."""

    rows: Sequence[tuple[Any, ...]]
    sql: str


@dataclass(frozen=True)
class Performance:
    """How good the alerts of one dimension were.

    Attributes
    ----------
    members
        Member → figure → value: those of `OF_MONTH` are of the month, those of `OF_RIPE_MONTH` of the ripe one. The one
        with most alerts first.
    sql
        The queries.
    """

    members: Mapping[str, Mapping[str, float | None]]
    sql: tuple[str, ...]


@dataclass(frozen=True)
class Figures:
    """Everything that the report of a month counts.

    Attributes
    ----------
    ripe
        The newest month up to this one whose windows have all closed; None before the first.
    saves
        Dimension → save rates of all draws until the month's end, and the query.
    missed
        Why, signal and number of the month's leavers whom no alert foresaw.
    """

    month: date
    ripe: date | None
    ripe_sql: str
    performance: Mapping[Dimension, Performance]
    saves: Mapping[str, tuple[list[SaveRate], str]]
    missed: Asked

    @property
    def whole(self) -> Mapping[str, float | None]:
        """The figures of all alerts together; empty where there were none."""
        return self.performance["all"].members.get("all", {})


def following(month: date) -> date:
    """Return the first day of the next month."""
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1, day=1)


def read_figures(cursor: extensions.cursor, month: date, *, definition: str) -> Figures:
    """Read the figures of a month, given by its first day."""
    until = following(month)
    ripe = ask(cursor, _RIPE, {"month": month})
    newest: date | None = ripe.rows[0][0]
    return Figures(
        month=month,
        ripe=newest,
        ripe_sql=ripe.sql,
        performance={one: _performance(cursor, one, month, newest) for one in DIMENSIONS},
        saves={one: _saves(cursor, one, until) for one in DIVISIONS},
        missed=ask(cursor, _MISSED, {"month": month, "until": until, "definition": definition}),
    )


def _performance(cursor: extensions.cursor, dimension: Dimension, month: date, ripe: date | None) -> Performance:
    members: dict[str, dict[str, float | None]] = {}
    queries = []
    for names, of in ((OF_MONTH, month), (OF_RIPE_MONTH, ripe)):
        if of is None:
            continue
        columns = ", ".join(f"{name}::float8" for name in names)
        found = ask(cursor, _PERFORMANCE.format(columns=columns), {"month": of, "dimension": dimension})
        queries.append(found.sql)
        for member, *values in found.rows:
            members.setdefault(member, {}).update(zip(names, values, strict=True))
    return Performance(members, tuple(queries))


def _saves(cursor: extensions.cursor, dimension: Any, until: date) -> tuple[list[SaveRate], str]:
    found = ask(cursor, statement(dimension), {"until": until, "dimension": dimension})
    return judged(found.rows), found.sql


def ask(cursor: extensions.cursor, query: str, values: Mapping[str, Any]) -> Asked:
    """Return what a query answers, with the query as it was asked."""
    written = cursor.mogrify(query, values).decode().strip()
    cursor.execute(written)
    return Asked(cursor.fetchall(), written)
