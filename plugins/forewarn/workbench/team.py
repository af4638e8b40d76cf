"""The team, for who leads it: what waits for each account manager, and what came of what was closed."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from forewarn.alerts.absences import away_on
from forewarn.alerts.answers import published_day
from forewarn.workbench.visit import Workbench

PAGE = "/team"
LOOKS_BACK = timedelta(days=90)
_MANAGERS = """
select lower(owner_email) as email, min(owner_name) as name,
    count(*) filter (where state <> 'closed') as under_way,
    count(*) filter (where state = 'open' and coalesce(snoozed_until <= %(day)s, true)) as unanswered,
    count(*) filter (where state = 'open' and due_on < %(day)s and coalesce(snoozed_until <= %(day)s, true)) as late,
    coalesce(sum(expected_loss) filter (where state <> 'closed'), 0) as expected_loss,
    count(*) filter (where closed_as_of > %(since)s and outcome = 'saved') as saved,
    count(*) filter (where closed_as_of > %(since)s and outcome = 'churned') as churned,
    count(*) filter (where closed_as_of > %(since)s and outcome = 'false_alarm') as false_alarm,
    count(*) filter (where closed_as_of > %(since)s and outcome = 'no_answer') as no_answer
from alerts."case"
group by 1
order by late desc, unanswered desc, expected_loss desc, 1
"""


def team(workbench: Workbench) -> APIRouter:
    """Return the route of the team."""
    router = APIRouter()

    @router.get(PAGE, response_class=HTMLResponse)
    def show(request: Request) -> str:
        with workbench.visit(request, PAGE) as visit:
            day = published_day(visit.cursor) or visit.now.date()
            managers = visit.rows(_MANAGERS, {"day": day, "since": day - LOOKS_BACK})
            away = away_on(visit.cursor, day, visit.routing.absences)
            return visit.render(
                "team.html.j2", managers=managers, away=away, day=day, days=visit.say.days(LOOKS_BACK.days)
            )

    return router
