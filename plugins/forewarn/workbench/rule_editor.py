"""Rules: what each says and how right it was, and an editor that tries a change on the past before anybody is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from ruamel.yaml import YAML

from forewarn.alerts.backtest import backtest, keep
from forewarn.alerts.levels import Level, Route
from forewarn.alerts.metrics import declared
from forewarn.alerts.plain import one_line
from forewarn.alerts.replay import Replayed
from forewarn.alerts.rule_diff import Difference, difference, newest_day, shadow_days
from forewarn.alerts.rule_ledger import take_up, versions_of
from forewarn.alerts.rules import FAMILIES, Rule, State
from forewarn.errors import Permanent
from forewarn.workbench.refusals import Refused
from forewarn.workbench.rule_draft import COMPARISONS, Draft
from forewarn.workbench.visit import Visit, Workbench

PAGE = "/rules"
MOST_NAMED = 50
_RULES = """
select r.rule_id, r.version, r.state, r.origin, r.content, b.figures, b.as_of_date
from alerts.rule_version as r
left join lateral (
    select figures, as_of_date from alerts.backtest as b
    where b.rule_id = r.rule_id and b.digest = r.digest order by backtest_id desc limit 1
) as b on true
where r.state in ('live', 'shadow') or r.version = (
    select max(version) from alerts.rule_version as newest where newest.rule_id = r.rule_id
)
order by r.rule_id, r.version desc
"""
_HISTORY = """
select version, from_state, to_state, reason, changed_by, changed_at from alerts.rule_event
where rule_id = %s order by event_id desc limit 50
"""
_MEANINGS = """
select a.attname, d.description from pg_attribute as a
join pg_description as d on d.objoid = a.attrelid and d.objsubid = a.attnum
where a.attrelid = to_regclass('marts.churn_features')
"""


@dataclass(frozen=True)
class Tried:
    """What a rule would have done on past dates, and whom it would add and drop today."""

    rule: Rule
    replayed: Replayed
    change: Difference


def rule_editor(workbench: Workbench) -> APIRouter:
    """Return the routes of rules."""
    router = APIRouter()

    @contextmanager
    def editing(request: Request, *, reading: bool = True) -> Iterator[Visit]:
        with workbench.visit(request, PAGE, reading=reading) as visit:
            # Rules are judged over every customer, so that this page is for those who see them all (decision 0040).
            visit.cursor.execute("select access.sees_every_customer()")
            if visit.cursor.fetchone() != (True,):
                raise Refused("forbidden", locale=visit.viewer.locale, back="/")
            visit.cursor.execute(
                "select set_config('role', 'rule_editor', true), set_config('statement_timeout', '120s', true)"
            )
            yield visit

    @router.get(PAGE, response_class=HTMLResponse)
    def list_rules(request: Request) -> str:
        with editing(request) as visit:
            return visit.render("rules.html.j2", rules=visit.rows(_RULES), shadows=shadow_days(visit.cursor))

    @router.get(f"{PAGE}/new", response_class=HTMLResponse)
    def new(request: Request) -> str:
        with editing(request) as visit:
            return _page(visit, Draft(), [])

    @router.get(f"{PAGE}/{{rule_id}}", response_class=HTMLResponse)
    def show(request: Request, rule_id: str, when: Annotated[str, Query(max_length=4000)] = "") -> str:
        # A report's suggestion comes with the condition that it proposes.
        with editing(request) as visit:
            versions = _versions(visit, rule_id)
            draft = Draft.of(versions[0])
            return _page(visit, draft.model_copy(update={"when": when}) if when else draft, versions)

    @router.post(f"{PAGE}/new")
    def add(request: Request, draft: Annotated[Draft, Form()]) -> Response:
        with editing(request, reading=False) as visit:
            if versions_of(visit.cursor, draft.id):
                wrong = visit.say.text("desk", "rules", "known", id=draft.id)
                return HTMLResponse(_page(visit, draft, [], wrong=wrong), 409)
            return _do(visit, draft, [])

    @router.post(f"{PAGE}/{{rule_id}}")
    def change(request: Request, rule_id: str, draft: Annotated[Draft, Form()]) -> Response:
        with editing(request, reading=False) as visit:
            return _do(visit, draft.model_copy(update={"id": rule_id}), _versions(visit, rule_id))

    return router


def _versions(visit: Visit, rule_id: str) -> list[Rule]:
    versions = versions_of(visit.cursor, rule_id)
    if not versions:
        raise Refused("gone", locale=visit.viewer.locale, back=PAGE)
    return versions


def _do(visit: Visit, draft: Draft, versions: list[Rule]) -> Response:
    """Do what the pressed button says; what cannot be meant comes back with what was typed, and nothing is kept."""
    try:
        if draft.change is not None or draft.remove is not None:
            return HTMLResponse(_page(visit, draft.without_condition(), versions))
        if draft.act == "add":
            return HTMLResponse(_page(visit, draft.with_condition(), versions))
        if draft.act == "try":
            return HTMLResponse(_page(visit, draft, versions, tried=_try(visit, draft.rule(versions, "draft"))))
        wrong = _take_up(visit, draft, versions, draft.act)
    except Permanent as error:
        wrong = str(error)
    if wrong:
        return HTMLResponse(_page(visit, draft, versions, wrong=wrong), 409)
    return RedirectResponse(f"{PAGE}/{draft.id}", status_code=303)


def _try(visit: Visit, rule: Rule) -> Tried:
    """Replay a rule and keep the back-test, without which no version goes into use."""
    day, churn = newest_day(visit.cursor), visit.project.churn
    if day is None:
        raise Permanent("marts.feature_dates", expected="a date with features", got="none")
    [found] = backtest(visit.cursor, [rule], churn, as_of_date=day)
    keep(visit.cursor, [(rule, found)], churn, as_of_date=day, by=visit.viewer.email, now=visit.now)
    return Tried(rule, found, difference(visit.cursor, rule, as_of_date=day))


def _take_up(visit: Visit, draft: Draft, versions: list[Rule], state: State) -> str:
    """Let a version be of a state; returns what is wrong, if anything is."""
    why = one_line(draft.why, 500)
    if not why:
        return visit.say.text("desk", "rules", "no_why")
    rule = draft.rule(versions, state)
    applied = take_up(visit.cursor, rule, by=visit.viewer.email, reason=why, now=visit.now)
    return applied.reason if applied.outcome == "refused" else ""


def _page(visit: Visit, draft: Draft, versions: list[Rule], *, tried: Tried | None = None, wrong: str = "") -> str:
    visit.cursor.execute(_MEANINGS)
    meanings = dict(visit.cursor.fetchall())
    known = declared()
    return visit.render(
        "rule.html.j2",
        draft=draft,
        versions=versions,
        tried=tried,
        most_named=MOST_NAMED,
        wrong=wrong,
        history=visit.rows(_HISTORY, [draft.id]) if versions else [],
        yaml=_as_file(tried.rule if tried else versions[0]) if tried or versions else "",
        metrics=[(name, meanings.get(name, "")) for name in [*known.metrics, *known.attributes]],
        comparisons=COMPARISONS,
        levels=get_args(Level),
        routes=get_args(Route),
        families=FAMILIES,
    )


def _as_file(rule: Rule) -> str:
    """Return a rule as the file that would say it."""
    content: dict[str, Any] = rule.content.model_dump(mode="json", exclude_defaults=True)
    content["reason"] = {name: some[0] if len(some) == 1 else some for name, some in rule.content.reason.items()}
    file, yaml = StringIO(), YAML(typ="rt", pure=True)
    yaml.width = 120
    yaml.dump(content, file)
    return file.getvalue()
