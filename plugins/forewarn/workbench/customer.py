"""The page of a customer: who, what it is worth, how it is, why it may leave, and everything that happened."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from forewarn.workbench.chart import line
from forewarn.workbench.customer_header import CUSTOMERS, who
from forewarn.workbench.evidence import entity_label, signs
from forewarn.workbench.inbox import done
from forewarn.workbench.timeline import WITHOUT_USE, event_label, events
from forewarn.workbench.visit import Visit, Workbench

FOUND, EVENTS, DATES = 50, 40, 26
COMPONENTS = ("usage", "orders", "service", "payments", "engagement", "satisfaction")
# Those that are shown first, and what is shown of them after: without a name in it the first looks at no personal data.
_FIND = """
with found as materialized (
    {found}
    order by value_at_stake_year desc nulls last, customer_id
    limit %(most)s
)
select v.customer_id, coalesce(v.name, v.customer_id) as name, v.segment, v.owner_name, v.value_at_stake_year,
    v.churn_probability, h.health_score
from found
join bi.customer_360 as v on v.customer_id = found.customer_id
left join bi.customer_health as h on h.customer_id = found.customer_id
order by found.value_at_stake_year desc nulls last, found.customer_id
"""
_EVERY = "select v.customer_id, v.value_at_stake_year from bi.customer_360 as v"
# Names and numbers apart: by either at once, each customer would be joined to its name before one is compared.
_NAMED = f"""
select * from (
    (
        {_EVERY} where lower(v.name) like lower(%(like)s)
        order by v.value_at_stake_year desc nulls last, v.customer_id
        limit %(most)s
    )
    union
    ({_EVERY} where v.customer_id = %(wanted)s)
) as either
"""
_SCORES = """
select as_of_date, probability, threshold, reasons from bi.scores
where customer_id = %(customer)s and definition = %(definition)s order by as_of_date desc limit %(dates)s
"""
_HEALTH = """
select * from bi.customer_health_history where customer_id = %(customer)s order by as_of_date desc limit %(dates)s
"""
_CASES = 'select * from alerts."case" where customer_id = %(customer)s order by case_id desc limit 20'
_DONE = """
select e.case_id, e.kind, e.reason, e.detail ->> 'by' as by, e.happened_at
from alerts.case_event as e join alerts."case" as c on c.case_id = e.case_id
where c.customer_id = %(customer)s order by e.event_id desc limit 60
"""
_TASKS = """
select task_id, text, due_on, state, outcome, owner_name, owner_email from alerts.task
where customer_id = %(customer)s order by state = 'open' desc, due_on desc, task_id limit 20
"""
_SUGGESTIONS = """
select product, because, buyers, confidence from bi.suggestions where customer_id = %(customer)s
    and as_of_date = workbench.suggested_on() order by place
"""


def customer(workbench: Workbench) -> APIRouter:
    """Return the routes of customers."""
    router = APIRouter()

    @router.get(CUSTOMERS, response_class=HTMLResponse)
    def find(request: Request, q: Annotated[str, Query(max_length=120)] = "") -> str:
        wanted = q.strip()
        like = "%" + wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        with workbench.visit(request, CUSTOMERS) as visit:
            query = _FIND.format(found=_NAMED if wanted else _EVERY)
            found = visit.rows(query, {"wanted": wanted, "like": like, "most": FOUND})
            return visit.render("customers.html.j2", wanted=wanted, found=found, most=FOUND)

    @router.get(f"{CUSTOMERS}/{{customer_id}}", response_class=HTMLResponse)
    def show(
        request: Request,
        customer_id: str,
        done_: Annotated[int, Query(alias="done", ge=0)] = 0,
        undone: bool = False,
    ) -> str:
        with workbench.visit(request, CUSTOMERS) as visit:
            told = done(visit, done_, undone=undone) if done_ else None
            return visit.render("customer.html.j2", done=told, **_seen(visit, customer_id))

    return router


def _seen(visit: Visit, customer_id: str) -> dict[str, Any]:
    about = {"customer": customer_id, "definition": visit.project.churn.definition, "dates": DATES}
    header = who(visit, customer_id)
    scores, health = visit.rows(_SCORES, about), visit.rows(_HEALTH, about)
    cases = visit.rows(_CASES, about)
    newest = scores[0] if scores else None
    risk = [(row["as_of_date"], row["probability"]) for row in reversed(scores)]
    well = [(row["as_of_date"], row["health_score"]) for row in reversed(health) if row["health_score"] is not None]
    return {
        "who": header,
        "case": next((case for case in cases if case["state"] != "closed"), None),
        "past": [case for case in cases if case["state"] == "closed"],
        "scores": scores,
        "newest": newest,
        "signs": signs(visit, customer_id, newest),
        "risk_chart": line(
            risk,
            top=1,
            label=visit.say.percent,
            day_label=visit.say.date,
            level=newest["threshold"] if newest else None,
        ),
        "risk_said": _said(visit, "risk", [(day, visit.say.percent(value)) for day, value in risk]),
        "health": health,
        "components": COMPONENTS,
        "health_chart": line(well, top=100, label=visit.say.number, day_label=visit.say.date),
        "health_said": _said(visit, "health", [(day, visit.say.number(round(value))) for day, value in well]),
        "doings": visit.rows(_DONE, about),
        "tasks": visit.rows(_TASKS, about),
        "suggestions": _suggestions(visit, about),
        "events": events(visit, customer_id, most=EVENTS, of=WITHOUT_USE),
        "most": EVENTS,
        "event_label": event_label(visit),
        "entity_label": entity_label(visit),
    }


def _suggestions(visit: Visit, about: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the newest run suggests, with the orders that it rests on."""
    found = visit.rows(_SUGGESTIONS, about)
    for one in found:
        one["because"] = [bought | {"day": date.fromisoformat(bought["day"])} for bought in one["because"]]
    return found


def _said(visit: Visit, what: str, values: list[tuple[date, str]]) -> str:
    """Return what a chart shows as a sentence."""
    say = visit.say
    if not values:
        return say.text("desk", "customer_page", what, "none")
    if len(values) == 1:
        return say.text("desk", "customer_page", what, "one", value=values[0][1], date=say.date(values[0][0]))
    return say.text(
        "desk",
        "customer_page",
        what,
        "line",
        value=values[-1][1],
        date=say.date(values[-1][0]),
        before=values[0][1],
        since=say.date(values[0][0]),
    )
