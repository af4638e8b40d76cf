"""Data health: how fresh each stream is, what the gates say, what is wrong, and rows set aside, to be tried again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from forewarn.alerts.plain import one_line
from forewarn.sources.redrive_requests import ask
from forewarn.workbench.refusals import Refused
from forewarn.workbench.visit import Workbench

PAGE = "/data"
_STREAMS = """
select b.source, b.stream, max(b.finished_at) filter (where b.status = 'landed') as landed_at,
    (array_agg(b.status order by b.batch_id desc))[1] as status,
    (array_agg(b.error order by b.batch_id desc))[1] as error,
    (array_agg(b.next_step order by b.batch_id desc))[1] as next_step,
    (array_agg(b.rows_loaded order by b.batch_id desc))[1] as rows_loaded,
    sum(b.rows_quarantined) as rows_quarantined,
    exists (
        select from ops.late_stream as l where l.source = b.source and l.stream = b.stream
            and l.as_of_date = (select max(as_of_date) from ops.publication)
    ) as late
from ops.batch as b
where not b.redrive
group by b.source, b.stream
order by late desc, (array_agg(b.status order by b.batch_id desc))[1] = 'landed', b.source, b.stream
"""
_GATES = """
with newest as (select gate, max(checked_at) as checked_at from ops.gate_result group by gate),
of_newest as (
    select r.* from ops.gate_result as r
    where r.run_id = (
        select n.run_id from ops.gate_result as n
        join newest on n.gate = newest.gate and n.checked_at = newest.checked_at
        where n.gate = r.gate limit 1
    )
)
select gate, max(checked_at) as checked_at, count(*) as checks,
    count(*) filter (where not passed and severity <> 'warning') as failed,
    count(*) filter (where not passed and severity = 'warning') as warned
from of_newest group by gate order by max(checked_at)
"""
_FAILED = """
select gate, table_name, expectation, severity, observed, remedy, owner, checked_at from ops.gate_result
where not passed and checked_at > (select max(checked_at) from ops.gate_result) - interval '14 days'
order by checked_at desc, gate, table_name limit 50
"""
_TROUBLE = """
select source, stream, kind, since, reason from ops.trouble
where over_at is null order by since desc, trouble_id limit 50
"""
_SET_ASIDE = "select *, source || '.' || stream as place from workbench.rows_set_aside() limit 100"
_REDRIVES = """
select source, stream, reason, asked_by, asked_at, done_at, outcome from ops.redrive_request
order by done_at is not null, request_id desc limit 20
"""
_MAY_REDRIVE = ("operations", "admin")


class TryAgain(BaseModel):
    """A stream whose rows are to be tried again; `stream` is written source.stream."""

    model_config = ConfigDict(extra="forbid")

    stream: str = Field(max_length=200)
    reason: str = Field(min_length=1, max_length=500)


def data_health(workbench: Workbench) -> APIRouter:
    """Return the route of data health."""
    router = APIRouter()

    @router.get(PAGE, response_class=HTMLResponse)
    def show(request: Request) -> str:
        with workbench.visit(request, PAGE) as visit:
            return visit.render(
                "data.html.j2",
                streams=visit.rows(_STREAMS),
                gates=visit.rows(_GATES),
                failed=visit.rows(_FAILED),
                troubles=visit.rows(_TROUBLE),
                set_aside=visit.rows(_SET_ASIDE),
                redrives=visit.rows(_REDRIVES),
                may_redrive=visit.viewer.role in _MAY_REDRIVE,
                moment=lambda at: f"{visit.say.date(at.date())}, {at:%H:%M} UTC" if at else "",
            )

    @router.post(f"{PAGE}/redrive")
    def redrive(request: Request, new: Annotated[TryAgain, Form()]) -> Response:
        with workbench.visit(request, PAGE, reading=False) as visit:
            if visit.viewer.role not in _MAY_REDRIVE:
                raise Refused("forbidden", locale=visit.viewer.locale, back=PAGE)
            source, _, stream = new.stream.partition(".")
            if new.stream not in {row["place"] for row in visit.rows(_SET_ASIDE)}:
                raise Refused("gone", locale=visit.viewer.locale, back=PAGE)
            reason = one_line(new.reason, 500)
            ask(visit.cursor, source, stream, reason=reason, by=visit.viewer.email, now=visit.now)
        return RedirectResponse(f"{PAGE}#aside", status_code=303)

    return router
