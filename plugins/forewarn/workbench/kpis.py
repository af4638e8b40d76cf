"""The company's key figures, month by month, as `bi.kpi_monthly` has them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from forewarn.workbench.chart import Chart, line
from forewarn.workbench.spreadsheet import spreadsheet
from forewarn.workbench.visit import Visit, Workbench

PAGE = "/kpis"
MONTHS = 13
Unit = Literal["share", "points", "days"]
RATES: dict[str, Unit] = {
    "logo_churn_rate": "share",
    "grr": "share",
    "nrr": "share",
    "lead_conversion_rate": "share",
    "nps": "points",
    "csat": "share",
    "dso_days": "days",
}
# What the company's definition of churn decides; the mart has it once for each.
OF_DEFINITION = ("logo_churn_rate", "grr", "nrr")
MOVEMENTS = ("opening", "new", "reactivated", "expansion", "contraction", "churned", "closing")
COLUMNS = ("month", *RATES, *MOVEMENTS, "is_restated", "is_settled")
_MONTHS = """
select month, {of_definition}, lead_conversion_rate, nps, csat, dso_days, is_restated, is_settled
from bi.kpi_monthly order by month desc limit %(months)s
"""


_DRIVERS = """
select d.family, d.as_of_date, d.weight_share, d.weight_share_low, d.weight_share_high, d.auc_loss from bi.drivers as d
where d.definition = %(definition)s and d.as_of_date = (
    select max(newest.as_of_date) from bi.drivers as newest where newest.definition = %(definition)s
)
order by d.weight_share desc, d.family
"""


@dataclass(frozen=True)
class Figure:
    """A rate or an amount over the months: its line, None of fewer than two values, and the sentence that says it."""

    name: str
    chart: Chart | None
    said: str


def kpis(workbench: Workbench) -> APIRouter:
    """Return the routes of key figures."""
    router = APIRouter()

    @router.get(PAGE, response_class=HTMLResponse)
    def show(request: Request) -> str:
        with workbench.visit(request, PAGE) as visit:
            visit.cursor.execute("select access.sees_every_customer()")
            [whole] = visit.cursor.fetchone() or [False]
            months = _months(visit)
            return visit.render(
                "kpis.html.j2",
                whole=whole,
                months=months,
                figures=[_figure(visit, name, months) for name in RATES],
                value=_figure(visit, "closing", months),
                movements=MOVEMENTS,
                shown=lambda name, value: _shown(visit, name, value),
                drivers=visit.rows(_DRIVERS, {"definition": visit.project.churn.definition}),
            )

    @router.get(f"{PAGE}.csv")
    def export(request: Request) -> Response:
        with workbench.visit(request, PAGE) as visit:
            return spreadsheet("kpis", COLUMNS, _months(visit))

    return router


def _months(visit: Visit) -> list[dict[str, Any]]:
    """Return the newest months that are over, the newest first; none for who does not see every customer."""
    prefix = visit.project.churn.definition
    columns = [(f"{prefix}_{name}", name) for name in OF_DEFINITION]
    columns += [(f"{prefix}_{name}_value", name) for name in MOVEMENTS]
    of_definition = ", ".join(f'{column} as "{name}"' for column, name in columns)
    return visit.rows(_MONTHS.format(of_definition=of_definition), {"months": MONTHS})


def _figure(visit: Visit, name: str, months: list[dict[str, Any]]) -> Figure:
    known = [(one["month"], float(one[name])) for one in reversed(months) if one[name] is not None]
    # The score of recommendation goes from -100 to 100, and a drawn line from 0 up.
    floor = -100.0 if RATES.get(name) == "points" else 0.0
    top = max((value for _, value in known), default=0) if floor == 0 else 100.0
    chart = line(
        known, top=top, bottom=floor, label=lambda value: _shown(visit, name, value), day_label=visit.say.month
    )
    return Figure(name, chart, _said(visit, name, known))


def _said(visit: Visit, name: str, known: list[tuple[date, float]]) -> str:
    """Return what a chart shows as a sentence."""
    say, words = visit.say, ("desk", "kpis", "said")
    if not known:
        return say.text(*words, "none")
    newest = {"value": _shown(visit, name, known[-1][1]), "month": say.month(known[-1][0])}
    if len(known) == 1:
        return say.text(*words, "one", **newest)
    return say.text(*words, "line", **newest, before=_shown(visit, name, known[0][1]), since=say.month(known[0][0]))


def _shown(visit: Visit, name: str, value: float | None) -> str:
    """Return a figure as it is read; what is no rate is an amount."""
    if value is None:
        return "–"
    match RATES.get(name):
        case "share":
            return visit.say.percent(value, 1)
        case "days":
            return visit.say.days(value)
        case "points":
            return visit.say.number(value)
    return visit.money(value)
