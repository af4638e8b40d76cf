"""What telling people saved: those told of an alert beside the control group, by intention to treat, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from forewarn.alerts.answers import published_day
from forewarn.loop.figures import ask
from forewarn.loop.save_rate import LEAST_CUSTOMERS, SaveRate, judged, statement
from forewarn.workbench.chart import Bar, bars
from forewarn.workbench.spreadsheet import spreadsheet
from forewarn.workbench.visit import Visit, Workbench

PAGE = "/saved"
Division = Literal["segment", "manager", "rule", "model", "playbook"]
COLUMNS = (
    *("member", "told", "told_left", "control", "control_left", "unripe", "saved", "low", "high", "shown", "too_few"),
    *("value", "saved_value", "cost", "roi"),
)


@dataclass(frozen=True)
class Found:
    """The save rates of a division's members, the query that counts them, and an interval to draw for each."""

    rates: Sequence[SaveRate]
    sql: str
    bars: Sequence[Bar | None]


def saved(workbench: Workbench) -> APIRouter:
    """Return the routes of what telling people saved."""
    router = APIRouter()

    @router.get(PAGE, response_class=HTMLResponse)
    def show(request: Request, by: Annotated[Division, Query()] = "segment") -> str:
        with workbench.visit(request, PAGE) as visit:
            whole = _found(visit, "all")
            return visit.render(
                "saved.html.j2",
                whole=whole,
                one=whole.rates[0] if whole.rates else None,
                members=_found(visit, by),
                by=by,
                choices=_choices(visit),
                said=_said(visit, whole.rates),
                least=LEAST_CUSTOMERS,
                window=visit.say.days(visit.project.churn.horizon_days),
                share=lambda value: "–" if value is None else visit.say.percent(value, 1),
            )

    @router.get(f"{PAGE}.csv")
    def export(request: Request, by: Annotated[Division | Literal["all"], Query()] = "segment") -> Response:
        with workbench.visit(request, PAGE) as visit:
            return spreadsheet(f"saved-by-{by}", COLUMNS, [_row(one) for one in _found(visit, by).rates])

    return router


def _found(visit: Visit, by: Division | Literal["all"]) -> Found:
    if by == "playbook":
        # A playbook follows the draw: the control group has none to compare with.
        return Found([], "", [])
    day = published_day(visit.cursor) or visit.now.date()
    asked = ask(visit.cursor, statement(by, "bi"), {"until": day + timedelta(days=1), "dimension": by})
    rates = judged(asked.rows)
    return Found(rates, asked.sql, bars([None if one.too_few else one.saved for one in rates]))


def _choices(visit: Visit) -> list[Division]:
    """Return the divisions; a manager has no others to compare with."""
    every: tuple[Division, ...] = ("segment", "manager", "rule", "model", "playbook")
    return [one for one in every if one != "manager" or visit.viewer.role != "manager"]


def _said(visit: Visit, rates: Sequence[SaveRate]) -> str:
    """Return what the comparison shows, as a sentence; nothing is said of an effect that is not shown."""
    say, words = visit.say, ("desk", "saved", "said")
    if not rates:
        return say.text(*words, "none")
    one = rates[0]
    if one.too_few or one.saved is None:
        told, control = (say.number(arm.customers) for arm in (one.told, one.control))
        return say.text(*words, "too_few", told=told, control=control, least=say.number(LEAST_CUSTOMERS))
    values = {name: say.percent(getattr(one.saved, name), 1) for name in ("value", "low", "high")}
    return say.text(*words, "shown" if one.shown else "not_shown", **values)


def _row(one: SaveRate) -> dict[str, Any]:
    difference = None if one.too_few else one.saved
    return {
        "member": one.member,
        "told": one.told.customers,
        "told_left": one.told.left,
        "control": one.control.customers,
        "control_left": one.control.left,
        "unripe": one.unripe,
        "saved": difference and difference.value,
        "low": difference and difference.low,
        "high": difference and difference.high,
        "shown": one.shown and not one.too_few,
        "too_few": one.too_few,
        "value": one.value,
        "saved_value": None if one.too_few else one.saved_value,
        "cost": one.cost,
        "roi": None if one.too_few else one.roi,
    }
