"""Who left without an alert: when each could have been seen, by what, why nobody was told, and what to change."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from forewarn.alerts.answers import published_day
from forewarn.loop.figures import Asked, ask
from forewarn.loop.missed import Why
from forewarn.workbench.chart import line
from forewarn.workbench.months import months_back
from forewarn.workbench.spreadsheet import spreadsheet
from forewarn.workbench.visit import Visit, Workbench

PAGE = "/missed"
MONTHS, SHOWN = 13, 100
COLUMNS = (
    *("gone_on", "customer_id", "customer", "manager", "segment", "detectable_on", "days_before", "signal_kind"),
    *("signal", "why", "reason", "looked_from", "dates", "examined_as_of"),
)
_LEAVERS = """
select m.gone_on, m.customer_id, c.name as customer, coalesce(c.owner_name, c.owner_email) as manager, c.segment,
    m.detectable_on, m.gone_on - m.detectable_on as days_before, m.signal_kind, m.signal, m.why, m.reason,
    m.looked_from, m.dates, m.examined_as_of
from alerts.missed_churn as m left join bi.customer_360 as c on c.customer_id = m.customer_id
where m.definition = %(definition)s and m.gone_on >= %(since)s and (%(why)s is null or m.why = %(why)s)
order by m.gone_on desc, m.customer_id
"""
_REASONS = """
select why, count(*) as leavers, count(detectable_on) as detectable,
    percentile_cont(0.5) within group (order by gone_on - detectable_on) as days_before
from alerts.missed_churn
where definition = %(definition)s and gone_on >= %(since)s
group by why order by leavers desc, why
"""
_MONTHS = """
select date_trunc('month', gone_on)::date as month, count(*)::float8 as leavers
from alerts.missed_churn
where definition = %(definition)s and gone_on >= %(since)s
group by 1 order by 1
"""
# Of the newest monthly report: a year of every rule is not replayed for a page.
_SUGGESTIONS = """
select s.value as suggestion, r.since as month
from (
    select figures, since from alerts.report where kind = 'monthly' order by made_as_of desc, since desc limit 1
) as r cross join lateral jsonb_array_elements(r.figures -> 'suggestions') with ordinality as s (value, place)
order by s.place
"""


def missed_page(workbench: Workbench) -> APIRouter:
    """Return the routes of missed churn."""
    router = APIRouter()

    @router.get(PAGE, response_class=HTMLResponse)
    def show(request: Request, why: Annotated[Why | Literal[""], Query()] = "") -> str:
        with workbench.visit(request, PAGE) as visit:
            values = _values(visit, why)
            leavers, reasons, months = (ask(visit.cursor, query, values) for query in (_LEAVERS, _REASONS, _MONTHS))
            counted = _every_month([(month, count) for month, count in months.rows], values["since"])
            return visit.render(
                "missed.html.j2",
                leavers=_dicts(leavers, COLUMNS)[:SHOWN],
                found=len(leavers.rows),
                shown=SHOWN,
                reasons=_dicts(reasons, ("why", "leavers", "detectable", "days_before")),
                queries=[reasons.sql, months.sql, leavers.sql],
                chart=line(
                    counted,
                    top=max((count for _, count in counted), default=0) or 1,
                    label=visit.say.number,
                    day_label=visit.say.month,
                ),
                said=_said(visit, counted),
                why=why,
                since=values["since"],
                suggestions=visit.rows(_SUGGESTIONS),
                may_edit=visit.viewer.role != "manager",
                share=lambda value: "–" if value is None else visit.say.percent(value),
            )

    @router.get(f"{PAGE}.csv")
    def export(request: Request, why: Annotated[Why | Literal[""], Query()] = "") -> Response:
        with workbench.visit(request, PAGE) as visit:
            return spreadsheet("missed", COLUMNS, visit.rows(_LEAVERS, _values(visit, why)))

    return router


def _values(visit: Visit, why: str) -> dict[str, Any]:
    since = months_back(published_day(visit.cursor) or visit.now.date(), MONTHS)
    return {"definition": visit.project.churn.definition, "since": since, "why": why or None}


def _every_month(known: list[tuple[date, float]], since: date) -> list[tuple[date, float]]:
    """Return the months that are over, from the first with a leaver on: one without is drawn as none."""
    counts = dict(known)
    months = [months_back(since, 1 - ahead) for ahead in range(MONTHS - 1)]
    first = min(counts, default=None)
    return [(month, counts.get(month, 0.0)) for month in months if first is not None and month >= first]


def _said(visit: Visit, months: list[tuple[date, float]]) -> str:
    say, words = visit.say, ("desk", "missed", "said")
    if not months:
        return say.text(*words, "none")
    most = max(months, key=lambda pair: pair[1])
    return say.text(
        *words,
        "line",
        leavers=say.number(sum(count for _, count in months)),
        since=say.month(months[0][0]),
        most=say.number(most[1]),
        month=say.month(most[0]),
    )


def _dicts(asked: Asked, names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [dict(zip(names, row, strict=True)) for row in asked.rows]
