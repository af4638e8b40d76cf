"""The company's figures that are held against their own past, each with the SQL that gives it, of all and by member.

What happened on a day counts as far as it was known by its end, on every day alike: sources that tell a day late would
otherwise make each newest day look empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from psycopg2 import extensions

from forewarn.alerts.metrics import Unit
from forewarn.loop.usual import Grain, Kind, Value

# Fifteen weeks: a quarter to compare with, and two weeks to walk back.
DAYS = 105
MONTHS = 13


@dataclass(frozen=True)
class Told:
    """A relation that figures are counted from.

    Attributes
    ----------
    relation, where
        With the parameters `since`, `until` and `definition`.
    period
        First day of the period that a row belongs to.
    dimensions
        Name of a division → the column that has it.
    """

    relation: str
    period: str
    where: str
    dimensions: dict[str, str]


_OF_CUSTOMERS = {"segment": "c.segment", "industry": "c.industry", "region": "c.region"}
EVENTS = Told(
    "intermediate.int_customer_events as e left join marts.dim_customers as c on c.customer_id = e.customer_id",
    "e.day",
    "e.day >= %(since)s and e.day < %(until)s and e.known_day <= e.day",
    _OF_CUSTOMERS,
)
LEADS = Told(
    "marts.leads as l",
    "(l.first_at at time zone 'UTC')::date",
    "l.first_at >= %(since)s and l.first_at < %(until)s",
    {"channel": "l.first_channel", "campaign": "l.first_campaign_name"},
)
_MONTHLY = "m.month >= %(since)s and m.month < %(until)s and m.is_settled"
MOVEMENTS = Told(
    "marts.kpi_movements as m",
    "m.month",
    f"{_MONTHLY} and m.definition = %(definition)s",
    {"segment": "m.segment", "region": "m.region"},
)
ACTIVITY = Told("marts.kpi_activity as m", "m.month", _MONTHLY, {"segment": "m.segment", "region": "m.region"})


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes
    ----------
    number, of
        Aggregates: what is counted or summed, and what a share is of.
    grains
        By which periods it is judged.
    entities
        What it rests on: unknown where one of them is late.
    """

    name: str
    told: Told
    number: str
    grains: tuple[Grain, ...]
    kind: Kind
    unit: Unit
    entities: tuple[str, ...]
    of: str | None = None


_BOTH: tuple[Grain, ...] = ("day", "week")


def _events(name: str, kinds: str, entity: str) -> Figure:
    return Figure(name, EVENTS, f"count(*) filter (where e.kind in ({kinds}))", _BOTH, "count", "count", (entity,))


def _monthly(name: str, told: Told, number: str, of: str | None = None, *entities: str) -> Figure:
    share = of is not None
    kind: Kind = "share" if share else "amount"
    summed = of and f"sum({of})"
    return Figure(name, told, f"sum({number})", ("month",), kind, "share" if share else "money", entities, summed)


FIGURES: tuple[Figure, ...] = (
    _events("orders", "'order'", "order"),
    Figure(
        "revenue",
        EVENTS,
        "coalesce(sum(e.amount) filter (where e.kind in ('order', 'order_addition', 'order_cancellation')), 0)",
        ("week",),
        "amount",
        "money",
        ("order", "order_line"),
    ),
    _events("returns", "'return'", "return"),
    _events("tickets", "'ticket', 'complaint'", "ticket"),
    _events("complaints", "'complaint'", "ticket"),
    Figure(
        "satisfied",
        EVENTS,
        "count(*) filter (where e.kind = 'ticket_rating' and e.quantity >= 4)",
        ("week",),
        "share",
        "share",
        ("ticket",),
        of="count(*) filter (where e.kind = 'ticket_rating')",
    ),
    _events("interactions", "'interaction', 'discount_request'", "interaction"),
    _events("payments", "'payment'", "payment"),
    _events("usage", "'usage'", "usage_event"),
    Figure("leads", LEADS, "count(*)", _BOTH, "count", "count", ("lead",)),
    _monthly("churn_rate", MOVEMENTS, "m.churned_customers", "m.opening_customers"),
    _monthly("recurring_value", MOVEMENTS, "m.closing_value"),
    _monthly("lead_conversion_rate", ACTIVITY, "m.leads_converted", "m.leads", "lead"),
    _monthly("win_rate", ACTIVITY, "m.opportunities_won", "m.opportunities_closed", "opportunity"),
    _monthly("csat", ACTIVITY, "m.ratings_satisfied", "m.ratings", "ticket"),
    Figure(
        "dso_days",
        ACTIVITY,
        "90 * sum(m.receivables)",
        ("month",),
        "mean",
        "days",
        ("invoice", "payment"),
        of="sum(m.invoiced_90d)",
    ),
)


def statement(figures: Sequence[Figure]) -> str:
    """Return the query of figures of one relation: a row a period, `number` and `of` of each figure in turn."""
    told = figures[0].told
    columns = ", ".join(f"({one.number})::float8, ({one.of or 'null'})::float8" for one in figures)
    return f"select {told.period}, {columns} from {told.relation} where {told.where} group by 1"


def by_member(figure: Figure) -> str:
    """Return the query of one figure for each member of each division: division, member, period, `number`, `of`."""
    told = figure.told
    members = ", ".join(f"('{name}', {column})" for name, column in told.dimensions.items())
    of = f"({figure.of})::float8" if figure.of else "null::float8"
    return (
        f"select d.dimension, coalesce(lower(trim(d.member)), 'unknown'), {told.period},"
        f" ({figure.number})::float8, {of}"
        f" from {told.relation} cross join lateral (values {members}) as d (dimension, member)"
        f" where {told.where} group by 1, 2, 3"
    )


def bounds(figure: Figure, as_of_date: date) -> dict[str, date]:
    """Return `since` and `until` of the days or months that a figure is read from."""
    if figure.grains == ("month",):
        month = as_of_date.replace(day=1)
        months = month.year * 12 + month.month - 1 - (MONTHS + 1)
        return {"since": date(months // 12, months % 12 + 1, 1), "until": month}
    monday = as_of_date - timedelta(days=as_of_date.weekday())
    return {"since": monday - timedelta(days=DAYS), "until": as_of_date}


def read_series(
    cursor: extensions.cursor, figures: Iterable[Figure], *, as_of_date: date, definition: str
) -> dict[str, dict[date, Value]]:
    """Return each figure's days or months; one scan a relation.

    A day without a row is one on which nothing happened, from the first that has one on.
    """
    by_told: dict[str, list[Figure]] = {}
    for figure in figures:
        by_told.setdefault(figure.told.relation, []).append(figure)
    found: dict[str, dict[date, Value]] = {}
    for group in by_told.values():
        values = bounds(group[0], as_of_date)
        cursor.execute(statement(group), values | {"definition": definition})
        rows = {period: numbers for period, *numbers in cursor.fetchall()}
        for place, figure in enumerate(group):
            told = {period: Value(row[2 * place] or 0.0, row[2 * place + 1]) for period, row in rows.items()}
            found[figure.name] = told if figure.grains == ("month",) else _without_gaps(told, figure, values["until"])
    return found


def read_members(
    cursor: extensions.cursor, figure: Figure, *, as_of_date: date, definition: str
) -> dict[tuple[str, str], dict[date, Value]]:
    """Return the days or months of one figure by division and member."""
    values = bounds(figure, as_of_date)
    cursor.execute(by_member(figure), values | {"definition": definition})
    found: dict[tuple[str, str], dict[date, Value]] = {}
    for dimension, member, period, number, of in cursor.fetchall():
        found.setdefault((dimension, member), {})[period] = Value(number or 0.0, of)
    return found


def weekly(days: dict[date, Value]) -> dict[date, Value]:
    """Return the whole weeks of a figure's days, each by its Monday."""
    weeks: dict[date, list[Value]] = {}
    for day, value in days.items():
        weeks.setdefault(day - timedelta(days=day.weekday()), []).append(value)
    return {
        monday: Value(
            sum(one.number for one in values), None if values[0].of is None else sum(one.of or 0.0 for one in values)
        )
        for monday, values in weeks.items()
        if len(values) == 7
    }


def _without_gaps(days: dict[date, Value], figure: Figure, until: date) -> dict[date, Value]:
    nothing = Value(0.0, 0.0 if figure.of else None)
    if not any(one.number for one in days.values()):
        return {}
    first = min(day for day, one in days.items() if one.number)
    return {day: days.get(day, nothing) for day in (first + timedelta(days=n) for n in range((until - first).days))}
