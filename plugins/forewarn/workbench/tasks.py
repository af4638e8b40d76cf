"""Tasks: what one is to do about which customer by when, and saying that it is done, or why it is dropped."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from forewarn.alerts.answers import published_day
from forewarn.alerts.plain import one_line
from forewarn.alerts.task_answers import TaskAnswer, answer_task
from forewarn.errors import Permanent
from forewarn.workbench.refusals import Refused
from forewarn.workbench.visit import Visit, Workbench

PAGE = "/tasks"
A_PAGE = 50
Whose = Literal["mine", "everyone"]
_TASKS = """
select t.task_id, t.customer_id, coalesce(v.name, t.customer_id) as name, t.text, t.due_on, t.state, t.outcome,
    t.owner_name, t.owner_email
from alerts.task as t left join bi.customer_360 as v on v.customer_id = t.customer_id
where {which} and (%(everyone)s or lower(t.owner_email) = lower(%(mine)s))
order by {order}, t.task_id limit %(most)s
"""
_OPEN = _TASKS.format(which="t.state = 'open'", order="t.due_on")
_ENDED = _TASKS.format(which="t.state <> 'open'", order="t.ended_at desc")


class Ended(BaseModel):
    """What a task's form posts: the pressed button, and what came of it or why it is dropped."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["done", "dropped"]
    said: str = Field(max_length=1000)
    back: Literal["tasks", "customer"] = "tasks"


def tasks(workbench: Workbench) -> APIRouter:
    """Return the routes of tasks."""
    router = APIRouter()

    @router.get(PAGE, response_class=HTMLResponse)
    def show(request: Request, whose: Annotated[Whose, Query()] = "mine") -> str:
        with workbench.visit(request, PAGE) as visit:
            values = {"everyone": whose == "everyone", "mine": visit.viewer.email, "most": A_PAGE}
            return visit.render(
                "tasks.html.j2",
                whose=whose,
                waiting=visit.rows(_OPEN, values),
                ended=visit.rows(_ENDED, values | {"most": 10}),
                most=A_PAGE,
                day=published_day(visit.cursor) or visit.now.date(),
            )

    @router.post(f"{PAGE}/{{task_id}}")
    def end(request: Request, task_id: int, given: Annotated[Ended, Form()]) -> Response:
        with workbench.visit(request, PAGE, reading=False) as visit:
            customer_id = _end(visit, task_id, given)
        if given.back == "customer":
            return RedirectResponse(f"/customers/{customer_id}#tasks", status_code=303)
        return RedirectResponse(PAGE, status_code=303)

    return router


def _end(visit: Visit, task_id: int, given: Ended) -> Any:
    """End a task; returns its customer."""
    found = visit.rows("select customer_id from alerts.task where task_id = %s", [task_id])
    if not found:
        # Not there, or another's: which of the two is nobody's business.
        raise Refused("gone", locale=visit.viewer.locale, back=PAGE)
    answer = TaskAnswer(task_id, given.state, visit.viewer.email, one_line(given.said, 500))
    try:
        answer_task(visit.cursor, answer, now=visit.now)
    except Permanent as error:
        raise Refused("task_ended", locale=visit.viewer.locale, back=PAGE) from error
    return found[0]["customer_id"]
