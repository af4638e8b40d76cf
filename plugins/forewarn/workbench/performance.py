"""What alerts are worth: the figures of `alert_performance_monthly`, of the cases that the viewer sees.

Counted from the rows of cases, which the database shows by owner: the mart itself is the company's, and the medians and
rates of its months do not add up to those of a year.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from forewarn.alerts.answers import published_day
from forewarn.workbench.chart import line
from forewarn.workbench.months import months_back
from forewarn.workbench.spreadsheet import spreadsheet
from forewarn.workbench.visit import Visit, Workbench

PAGE = "/performance"
MONTHS = 13
Dimension = Literal["rule", "model", "segment", "manager", "playbook"]
FIGURES = ("alerts", "unripe", "precision", "recall", "lead_days", "false_alarm_rate", "save_rate", "cost", "roi")
COLUMNS = (
    *("member", "alerts", "unripe", "judged", "correct", "precision", "precision_untreated", "leavers", "foreseen"),
    *("recall", "lead_days", "closed", "false_alarm_rate", "save_rate", "saved_value", "cost", "roi"),
)
_QUERY = """
with alerts as materialized (
    select o.case_id, o.segment, o.manager, o.playbook, to_char(o.fired_as_of, 'YYYY-MM') as month, 'all' as "all",
        o.is_mature, o.churned, o.is_treated, o.outcome, o.lead_days, o.value_at_stake::float8, o.cost::float8
    from bi.alert_outcomes as o where o.is_alert and o.fired_as_of >= %(since)s
),
leavers as materialized (
    select l.case_id, l.was_foreseen, to_char(l.gone_on, 'YYYY-MM') as month, 'all' as "all",
        lower(coalesce(v.segment, 'unknown')) as segment, coalesce(v.owner_name, v.owner_email, 'nobody') as manager
    from bi.churn_leavers as l left join bi.customer_360 as v on v.customer_id = l.customer_id
    where l.definition = %(definition)s and l.gone_on >= %(since)s
        -- Nobody could be told before the first day that was published live.
        and l.gone_on > (select min(as_of_date) from ops.publication where live)
),
signals as (
    select distinct case_id, kind, case when kind = 'model' then name || ' ' || version else name end as member
    from bi.alert_signals
),
alerts_by as (
    select dimension, member, count(*) as alerts, count(*) filter (where not is_mature) as unripe,
        count(churned) as judged, count(*) filter (where churned) as correct,
        count(churned) filter (where not is_treated) as judged_untreated,
        count(*) filter (where churned and not is_treated) as correct_untreated,
        percentile_cont(0.5) within group (order by lead_days) as lead_days,
        count(*) filter (where outcome <> 'merged') as closed,
        count(*) filter (where outcome = 'false_alarm') as false_alarms,
        count(*) filter (where outcome = 'saved') as saved,
        count(*) filter (where outcome = 'churned') as lost,
        coalesce(sum(value_at_stake) filter (where outcome = 'saved'), 0) as saved_value,
        sum(cost) as cost
    from ({alerts}) as of_member group by dimension, member
),
leavers_by as ({leavers})
select dimension, member, coalesce(alerts, 0) as alerts, coalesce(unripe, 0) as unripe, coalesce(judged, 0) as judged,
    coalesce(correct, 0) as correct, correct::float8 / nullif(judged, 0) as precision,
    correct_untreated::float8 / nullif(judged_untreated, 0) as precision_untreated, leavers, foreseen,
    foreseen::float8 / nullif(leavers, 0) as recall, lead_days, coalesce(closed, 0) as closed,
    false_alarms::float8 / nullif(closed, 0) as false_alarm_rate, saved::float8 / nullif(saved + lost, 0) as save_rate,
    coalesce(saved_value, 0) as saved_value, cost, (saved_value - cost) / nullif(cost, 0) as roi
from alerts_by full join leavers_by using (dimension, member)
order by dimension, case when dimension = 'month' then member end, alerts desc, member
"""
_OWN = "select '{by}' as dimension, \"{by}\" as member, alerts.* from alerts"
_OF_SIGNALS = (
    "select '{by}' as dimension, signals.member, alerts.* from alerts"
    " join signals on signals.case_id = alerts.case_id and signals.kind {kind} 'model'"
)
_LEAVERS = """
select '{by}' as dimension, "{by}" as member, count(*) as leavers, count(*) filter (where was_foreseen) as foreseen
from leavers group by 2
"""
# A rule or a model looks at everybody: its leavers are all of them.
_LEAVERS_OF_SIGNALS = """
select '{by}' as dimension, signals.member, (select count(*) from leavers) as leavers, count(*) as foreseen
from leavers join signals on signals.case_id = leavers.case_id and signals.kind {kind} 'model' group by signals.member
"""
_NO_LEAVERS = "select null::text, null::text, null::bigint, null::bigint where false"


def statement(*dimensions: Dimension | Literal["all", "month"]) -> str:
    """Return the query of one row per dimension and member: months in order, of others the one with most alerts first.

    It takes `since`, the first day that counts, and `definition` of churn. What the database shows is looked up row by
    row, once for all dimensions.
    """
    alerts, leavers = [], []
    for by in dimensions:
        signals = by in ("rule", "model")
        names = {"by": by, "kind": "=" if by == "model" else "<>"}
        alerts.append((_OF_SIGNALS if signals else _OWN).format(**names))
        without = _NO_LEAVERS if by == "playbook" else _LEAVERS
        leavers.append((_LEAVERS_OF_SIGNALS if signals else without).format(**names))
    return _QUERY.format(
        alerts=" union all ".join(alerts),
        leavers="select * from (" + " union all ".join(leavers) + ") as found (dimension, member, leavers, foreseen)",
    )


def performance(workbench: Workbench) -> APIRouter:
    """Return the routes of what alerts are worth."""
    router = APIRouter()

    @router.get(PAGE, response_class=HTMLResponse)
    def show(request: Request, by: Annotated[Dimension, Query()] = "rule") -> str:
        with workbench.visit(request, PAGE) as visit:
            figures = _figures(visit, "all", "month", by)
            months = figures["month"]
            ripe = [one for one in months if not one["unripe"] and one["judged"]]
            line_of = [(_day(one["member"]), one["precision"]) for one in ripe]
            return visit.render(
                "performance.html.j2",
                whole=next(iter(figures["all"]), None),
                months=list(reversed(months)),
                members=figures[by],
                by=by,
                choices=_choices(visit),
                figures=FIGURES,
                shown=lambda name, value: _shown(visit, name, value),
                named=lambda dimension, member: _named(visit, dimension, member),
                chart=line(line_of, top=1, label=visit.say.percent, day_label=visit.say.month),
                said=_said(visit, line_of),
                since=_since(visit),
                window=visit.say.days(visit.project.churn.horizon_days),
            )

    @router.get(f"{PAGE}.csv")
    def export(request: Request, by: Annotated[Dimension | Literal["month"], Query()] = "rule") -> Response:
        with workbench.visit(request, PAGE) as visit:
            return spreadsheet(f"performance-by-{by}", COLUMNS, _figures(visit, by)[by])

    return router


def _figures(visit: Visit, *dimensions: Dimension | Literal["all", "month"]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {dimension: [] for dimension in dimensions}
    values = {"since": _since(visit), "definition": visit.project.churn.definition}
    for row in visit.rows(statement(*dimensions), values):
        found[row["dimension"]].append(row)
    return found


def _since(visit: Visit) -> date:
    """Return the first day of the oldest month that is shown."""
    return months_back(published_day(visit.cursor) or visit.now.date(), MONTHS)


def _choices(visit: Visit) -> list[str]:
    """Return the dimensions; a manager has no others to compare with."""
    return [one for one in get_args(Dimension) if one != "manager" or visit.viewer.role != "manager"]


def _day(month: str) -> date:
    return date.fromisoformat(f"{month}-01")


def _named(visit: Visit, dimension: str, member: str) -> str:
    """Return what a member is called: a month by its name, what stands for none in words."""
    if dimension == "month":
        return visit.say.month(_day(member))
    words = ("desk", "performance", "none_of", dimension, member)
    return visit.say.text(*words) if visit.say.knows(*words) else member


def _shown(visit: Visit, name: str, value: float | None) -> str:
    """Return a figure as it is read."""
    if value is None:
        return "–"
    if name in ("cost", "saved_value"):
        return visit.money(value)
    if name == "lead_days":
        return visit.say.days(value)
    return visit.say.number(value) if name in ("alerts", "unripe", "judged") else visit.say.percent(value)


def _said(visit: Visit, ripe: list[tuple[date, float]]) -> str:
    """Return what the chart shows as a sentence."""
    say, words = visit.say, ("desk", "performance", "precision_said")
    if not ripe:
        return say.text(*words, "none", days=say.days(visit.project.churn.horizon_days))
    newest = {"value": say.percent(ripe[-1][1]), "month": say.month(ripe[-1][0])}
    if len(ripe) == 1:
        return say.text(*words, "one", **newest)
    return say.text(*words, "line", **newest, before=say.percent(ripe[0][1]), since=say.month(ripe[0][0]))
