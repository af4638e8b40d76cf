"""Everything that happened to a customer: a page at a time, of every department or of one, and as a file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from forewarn.warehouse.records import TELLS_OF
from forewarn.workbench.customer_header import CUSTOMERS, who
from forewarn.workbench.evidence import entity_label
from forewarn.workbench.spreadsheet import spreadsheet
from forewarn.workbench.visit import Visit, Workbench

A_PAGE = 100
WHOLE_FILE = 100_000
COLUMNS = ("happened_on", "kind", "entity", "source", "record_id", "amount", "detail")
Department = Literal["sales", "service", "finance", "marketing", "delivery", "product"]
# Who knows of each entity of the event spine; each has one.
DEPARTMENTS: dict[Department, tuple[str, ...]] = {
    "sales": (
        *("order", "order_line", "order_cancellation", "opportunity", "opportunity_closed", "lead_converted"),
        *("interaction", "owner_assignment"),
    ),
    "service": ("ticket", "ticket_rating", "return"),
    "finance": ("invoice", "payment", "dispute", "credit_limit"),
    "marketing": ("marketing_event", "survey_response", "review", "mention"),
    "delivery": ("shipment_due", "backorder"),
    "product": ("usage_event", "subscription"),
}
# A day of use is an event as well, and there are more of them than of everything else.
WITHOUT_USE = [entity for some in DEPARTMENTS.values() for entity in some if entity != "usage_event"]


class Asked(BaseModel):
    """Of which department, and after which event: its day and key."""

    model_config = ConfigDict(extra="forbid")

    of: Department | Literal[""] = ""
    day: date | None = None
    key: str = Field(default="", max_length=1000)


def timeline(workbench: Workbench) -> APIRouter:
    """Return the routes of a customer's timeline."""
    router = APIRouter()

    @router.get(f"{CUSTOMERS}/{{customer_id}}/timeline", response_class=HTMLResponse)
    def show(request: Request, customer_id: str, asked: Annotated[Asked, Query()]) -> str:
        with workbench.visit(request, CUSTOMERS) as visit:
            about = who(visit, customer_id)
            found = events(visit, customer_id, most=A_PAGE + 1, of=_entities(asked), after=asked)
            last = found[A_PAGE - 1] if len(found) > A_PAGE else None
            return visit.render(
                "timeline.html.j2",
                who=about,
                asked=asked,
                departments=get_args(Department),
                events=found[:A_PAGE],
                event_label=event_label(visit),
                entity_label=entity_label(visit),
                further=last and urlencode({"of": asked.of, "day": last["happened_on"], "key": last["event_key"]}),
            )

    @router.get(f"{CUSTOMERS}/{{customer_id}}/timeline.csv")
    def export(request: Request, customer_id: str, asked: Annotated[Asked, Query()]) -> Response:
        with workbench.visit(request, CUSTOMERS) as visit:
            who(visit, customer_id)
            found = events(visit, customer_id, most=WHOLE_FILE, of=_entities(asked))
        return spreadsheet("timeline", COLUMNS, found)

    return router


def _entities(asked: Asked) -> list[str] | None:
    return list(DEPARTMENTS[asked.of]) if asked.of else None


def events(
    visit: Visit, customer_id: str, *, most: int, of: list[str] | None = None, after: Asked | None = None
) -> list[dict[str, Any]]:
    """Return published events of a customer, newest first; `entity` is that of the record which each tells of."""
    day, key = (after.day, after.key) if after else (None, None)
    found = visit.rows("select * from workbench.timeline(%s, %s, %s, %s, %s)", [customer_id, most, of, day, key])
    for event in found:
        event["entity"] = TELLS_OF.get(event["entity"], event["entity"])
    return found


def event_label(visit: Visit) -> Callable[[str], str]:
    """Return what names a kind of event in the viewer's language; one that is new has its own name."""
    say = visit.say
    return lambda kind: say.text("desk", "event", kind) if say.knows("desk", "event", kind) else kind
