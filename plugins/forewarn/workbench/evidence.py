"""Why a customer may leave: each sign with its metrics, the records behind each of them, and a record itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from forewarn.alerts.case_plan import said
from forewarn.alerts.metrics import declared
from forewarn.expressions import names
from forewarn.sources.column_types import expressions
from forewarn.sources.loader import load_sources
from forewarn.warehouse.records import TELLS_OF
from forewarn.workbench.customer_header import CUSTOMERS, who
from forewarn.workbench.refusals import Refused
from forewarn.workbench.visit import Visit, Workbench

_SIGNS = "select as_of_date, level, evidence from workbench.signs(%s)"
_BEHIND = """
select features, since, total, entity, source, record_id, day from workbench.records_behind(%s, %s, %s)
order by day desc, entity, source, record_id
"""


def record_page(workbench: Workbench) -> APIRouter:
    """Return the route of a record."""
    router = APIRouter()
    personal = lru_cache(maxsize=1)(lambda: _personal(workbench))

    @router.get(f"{CUSTOMERS}/{{customer_id}}/records/{{entity}}/{{source}}/{{record_id:path}}")
    def show(request: Request, customer_id: str, entity: str, source: str, record_id: str) -> HTMLResponse:
        with workbench.visit(request, CUSTOMERS) as visit:
            about = who(visit, customer_id)
            fields = visit.rows(
                "select column_name, said from workbench.record(%s, %s, %s, %s) order by place",
                [customer_id, entity, source, record_id],
            )
            if not fields:
                raise Refused("gone", locale=visit.viewer.locale, back=f"{CUSTOMERS}/{customer_id}")
            hidden = personal().get((source, entity), set())
            shown = [field for field in fields if field["column_name"] not in hidden]
            named = {"source": source, "record_id": record_id, "entity_label": entity_label(visit)(entity)}
            return HTMLResponse(visit.render("record.html.j2", who=about, fields=shown, **named))

    return router


def _personal(workbench: Workbench) -> dict[tuple[str, str], set[str]]:
    """Return by source and entity the columns that are read from what a source declares as personal."""
    found: dict[tuple[str, str], set[str]] = {}
    for name, source in load_sources(workbench.project).items():
        for stream in source.streams.values():
            for entity, column, expression in expressions(stream):
                if column is not None and set(stream.personal) & set(names(expression)):
                    found.setdefault((name, entity), set()).add(column)
    return found


def entity_label(visit: Visit) -> Callable[[str], str]:
    """Return what names the entity of a record in the viewer's language; a new one has its own name."""
    say = visit.say
    return lambda entity: say.text("desk", "entity", entity) if say.knows("desk", "entity", entity) else entity


def signs(visit: Visit, customer_id: str, score: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return the rules that fired on the published day, and the reasons of the newest score.

    Parameters
    ----------
    score
        `as_of_date` and `reasons` of the newest score; None where the model has judged nobody.

    Returns
    -------
    list of dict
        `title`, `text`, `day`, `measures`: metric, value and what is usual; and `groups`: measures that rest on the
        same records, with `behind`, those records.
    """
    found = [_of_rule(visit, sign) for sign in visit.rows(_SIGNS, [customer_id])]
    found += [_of_model(reason, score["as_of_date"]) for reason in score["reasons"]] if score else []
    for day in {sign["day"] for sign in found}:
        measures = [measure for sign in found if sign["day"] == day for measure in sign["measures"]]
        behind = _behind(visit, customer_id, sorted({one["feature"] for one in measures}), day)
        for sign in found:
            if sign["day"] == day:
                sign["groups"] = _grouped(sign["measures"], behind)
    return found


def _grouped(measures: list[dict[str, Any]], behind: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    groups: dict[int, dict[str, Any]] = {}
    for measure in measures:
        records = behind.get(measure["feature"])
        groups.setdefault(id(records), {"behind": records, "measures": []})["measures"].append(measure)
    return list(groups.values())


def _of_rule(visit: Visit, sign: dict[str, Any]) -> dict[str, Any]:
    evidence, known = sign["evidence"], declared().metrics
    measures = [
        {"feature": name, "value": value, "baseline": None}
        for name, value in evidence.get("values", {}).items()
        if name in known
    ]
    return said(evidence, visit.say) | {"day": sign["as_of_date"], "measures": measures}


def _of_model(reason: dict[str, Any], day: date) -> dict[str, Any]:
    measure = {name: reason.get(name) for name in ("feature", "value", "baseline")}
    return {"title": None, "text": reason["text"], "day": day, "measures": [measure] if measure["feature"] else []}


def _behind(visit: Visit, customer_id: str, features: list[str], day: date) -> dict[str, dict[str, Any]]:
    """Return by feature the first day that counts, how many records count, and the newest of them."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in visit.rows(_BEHIND, [customer_id, features, day]):
        one = found.setdefault(tuple(row["features"]), {"since": row["since"], "total": row["total"], "records": []})
        one["records"].append(row | {"entity": TELLS_OF.get(row["entity"], row["entity"])})
    return {feature: one for named, one in found.items() for feature in named}
