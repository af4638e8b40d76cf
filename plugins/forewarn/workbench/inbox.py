"""The inbox: cases that want an answer, the greatest expected loss first, each answered in its row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from forewarn.alerts.answers import Action, Answer, answer, published_day, stands
from forewarn.alerts.case_plan import Outcome
from forewarn.alerts.plain import one_line
from forewarn.alerts.take_back import WITHIN, take_back
from forewarn.errors import Permanent
from forewarn.workbench.desk import SNOOZE
from forewarn.workbench.refusals import Refused
from forewarn.workbench.spreadsheet import spreadsheet
from forewarn.workbench.visit import Visit, Workbench
from forewarn.workbench.what_was_done import WhatWasDone

PAGE = "/inbox"
A_PAGE = 25
LONGEST_NOTE = 500
# Of the list as a file.
COLUMNS = (
    *("case_id", "customer_id", "name", "owner_name", "owner_email", "level", "state", "outcome", "probability"),
    *("value_at_stake", "expected_loss", "due_on", "snoozed_until", "opened_as_of", "next_step"),
)
Shown = Literal["open", "snoozed", "closed"]
Pressed = Literal["acknowledge", "start", "snooze", "saved", "churned", "false_alarm", "no_answer", "undo"]
_ACTIONS: dict[str, tuple[Action, Outcome | None]] = {
    "acknowledge": ("acknowledge", None),
    "start": ("start", None),
    "snooze": ("snooze", None),
    "saved": ("close", "saved"),
    "churned": ("close", "churned"),
    "false_alarm": ("close", "false_alarm"),
    "no_answer": ("close", "no_answer"),
}
_SHOWN = {
    "open": "c.state <> 'closed' and coalesce(c.snoozed_until <= %(day)s, true)",
    "snoozed": "c.state <> 'closed' and c.snoozed_until > %(day)s",
    "closed": "c.state = 'closed'",
}
_ORDER = {
    "open": "c.expected_loss desc, c.case_id",
    "snoozed": "c.snoozed_until, c.case_id",
    "closed": "c.closed_at desc, c.case_id",
}
# The page first, its customers' names after: names are a join over tables with policies of their own.
_CASES = """
with shown as materialized (
    select c.case_id, c.customer_id, c.level, c.state, c.outcome, c.owner_name, c.owner_email, c.probability,
        c.value_at_stake, c.expected_loss, c.reasons, c.next_step, c.due_on, c.snoozed_until, c.opened_as_of,
        c.closed_at
    from alerts."case" as c
    where {shown} and coalesce(lower(c.owner_email) = lower(%(owner)s), true)
    order by {order}
    limit %(most)s offset %(skip)s
)
select c.*, coalesce(v.name, c.customer_id) as name
from shown as c left join bi.customer_360 as v on v.customer_id = c.customer_id
order by {order}
"""


class Asked(BaseModel):
    """Which cases a person wants to see."""

    model_config = ConfigDict(extra="forbid")

    show: Shown = "open"
    owner: str = Field(default="", max_length=254)
    page: int = Field(default=1, ge=1, le=10_000)
    done: int = Field(default=0, ge=0)
    undone: bool = False

    def address(self, **other: Any) -> str:
        """Return the address that asks for the same, but for what is given otherwise."""
        values = self.model_dump(exclude_defaults=True, exclude={"done", "undone"}) | other
        return f"{PAGE}?{urlencode(values)}" if values else PAGE


class Given(WhatWasDone):
    """What a row's form posts: the pressed button, a note, what was done, and what was asked for before."""

    answer: Pressed
    note: str = Field(default="", max_length=2 * LONGEST_NOTE)
    back: Literal["inbox", "customer"] = "inbox"
    show: Shown = "open"
    owner: str = Field(default="", max_length=254)


def inbox(workbench: Workbench) -> APIRouter:
    """Return the routes of the inbox."""
    router = APIRouter()

    @router.get(PAGE, response_class=HTMLResponse)
    def show(request: Request, asked: Annotated[Asked, Query()]) -> str:
        with workbench.visit(request, PAGE) as visit:
            cases = _cases(visit, asked, most=A_PAGE + 1, skip=(asked.page - 1) * A_PAGE)
            return visit.render(
                "inbox.html.j2",
                asked=asked,
                cases=cases[:A_PAGE],
                more=len(cases) > A_PAGE,
                counts=_counts(visit, asked),
                owners=_owners(visit),
                choices=get_args(Shown),
                done=done(visit, asked.done, undone=asked.undone) if asked.done else None,
                day=published_day(visit.cursor),
            )

    @router.get(f"{PAGE}.csv")
    def export(request: Request, asked: Annotated[Asked, Query()]) -> Response:
        with workbench.visit(request, PAGE) as visit:
            cases = _cases(visit, asked, most=10_000, skip=0)
        return spreadsheet("inbox", COLUMNS, cases)

    @router.post("/cases/{case_id}")
    def act(request: Request, case_id: int, given: Annotated[Given, Form()]) -> Response:
        with workbench.visit(request, PAGE, reading=False) as visit:
            customer_id = _act(visit, case_id, given)
        told = {"done": case_id} | ({"undone": 1} if given.answer == "undo" else {})
        if given.back == "customer":
            return RedirectResponse(f"/customers/{customer_id}?{urlencode(told)}", status_code=303)
        return RedirectResponse(Asked(show=given.show, owner=given.owner).address(**told), status_code=303)

    return router


def _act(visit: Visit, case_id: int, given: Given) -> str:
    """Record an answer, or take the own newest one back; returns the customer."""
    visit.cursor.execute('select customer_id from alerts."case" where case_id = %s', [case_id])
    row = visit.cursor.fetchone()
    if row is None:
        # Not there, or another's: which of the two is nobody's business.
        raise Refused("gone", locale=visit.viewer.locale, back=PAGE)
    note, by = one_line(given.note, LONGEST_NOTE), visit.viewer.email
    try:
        if given.answer == "undo":
            take_back(visit.cursor, case_id, by=by, reason=note, only_own=True, now=visit.now)
        else:
            action, outcome = _ACTIONS[given.answer]
            until = (published_day(visit.cursor) or visit.now.date()) + SNOOZE if action == "snooze" else None
            answer(visit.cursor, given.of(Answer(case_id, action, by, note, outcome, until)), now=visit.now)
    except Permanent as error:
        raise Refused("conflict", locale=visit.viewer.locale, back=PAGE) from error
    return str(row[0])


@dataclass(frozen=True)
class Done:
    """What was done to a case last, for the line that says so; `can_undo` within a day by who did it."""

    case_id: int
    name: str
    text: str
    can_undo: bool


def done(visit: Visit, case_id: int, *, undone: bool) -> Done | None:
    """Return what the viewer did to a case last; None where that was nothing, or the case is not theirs."""
    found = visit.rows(
        "select c.state, c.outcome, c.snoozed_until, coalesce(v.name, c.customer_id) as name"
        ' from alerts."case" as c left join bi.customer_360 as v using (customer_id) where c.case_id = %s',
        [case_id],
    )
    if not found:
        return None
    case, say = found[0], visit.say
    if undone:
        return Done(case_id, case["name"], say.text("workbench", "taken_back"), False)
    answers = stands(visit.cursor, case_id)
    if not answers or answers[0][2]["by"] != visit.viewer.email:
        return None
    _, kind, _, happened_at = answers[0]
    text = say.text(
        "workbench",
        "done",
        kind,
        date=say.date(case["snoozed_until"]) if case["snoozed_until"] else "",
        outcome=say.text("workbench", "outcome", case["outcome"]) if case["outcome"] else "",
    )
    return Done(case_id, case["name"], text, visit.now - happened_at < WITHIN)


def _cases(visit: Visit, asked: Asked, *, most: int, skip: int) -> list[dict[str, Any]]:
    query = _CASES.format(shown=_SHOWN[asked.show], order=_ORDER[asked.show])
    return visit.rows(query, _values(visit, asked) | {"most": most, "skip": skip})


def _values(visit: Visit, asked: Asked) -> dict[str, Any]:
    return {"day": published_day(visit.cursor) or visit.now.date(), "owner": asked.owner or None}


def _counts(visit: Visit, asked: Asked) -> dict[str, int]:
    counts = ", ".join(f"count(*) filter (where {condition}) as {name}" for name, condition in _SHOWN.items())
    [row] = visit.rows(
        f'select {counts} from alerts."case" as c where coalesce(lower(c.owner_email) = lower(%(owner)s), true)',
        _values(visit, asked),
    )
    return row


def _owners(visit: Visit) -> list[dict[str, Any]]:
    """Return the account managers among whose cases one may choose; none for a manager."""
    if visit.viewer.role == "manager":
        return []
    return visit.rows(
        'select lower(owner_email) as email, min(owner_name) as name from alerts."case"'
        " where owner_email is not null group by 1 order by 2, 1"
    )
