"""The monthly report: made, kept on disk with a row in the ledger, and mailed once to each of its readers."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from psycopg2 import extensions
from psycopg2.extras import Json

from forewarn.alerts import outbox
from forewarn.alerts.absences import away_on
from forewarn.alerts.answers import published_day
from forewarn.alerts.language import CATALOGS, Language
from forewarn.alerts.news import MONTHLY, MonthlyNews
from forewarn.alerts.recipients import Directory
from forewarn.alerts.routing import load_routing
from forewarn.alerts.whole_file import write_whole
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.errors import Permanent
from forewarn.loop.figures import Figures, following, read_figures
from forewarn.loop.missed import post_mortem
from forewarn.loop.monthly_page import monthly_page
from forewarn.loop.page import html
from forewarn.loop.pdf import pdf
from forewarn.loop.thresholds import Suggestion, suggest
from forewarn.warehouse.engine import connect

FOLDER = Path("reports")


@dataclass(frozen=True)
class Made:
    """What became of a month's report.

    Attributes
    ----------
    files
        Pages and PDFs, one of each a language.
    letters
        New messages; none where the month's report went out before.
    """

    month: date
    files: tuple[Path, ...]
    letters: int


def month_before(day: date) -> date:
    """Return the first day of the month before that of a day."""
    return (day.replace(day=1) - timedelta(days=1)).replace(day=1)


def monthly_report(settings: Settings, project: Project, month: date, *, now: datetime, dry_run: bool = False) -> Made:
    """Write the report of a month in every language, and put it into the outbox for each of its readers.

    Who left without an alert is examined anew before. Made again it takes the place of its files, and nobody gets it
    twice.

    Parameters
    ----------
    month
        Its first day.
    dry_run
        Write nothing, and tell what would be written and sent.

    Raises
    ------
    Permanent
        Nothing was published yet, or the month is not over by the newest published day.
    """
    with connect(settings.warehouse_url, application="forewarn report") as connection, connection.cursor() as cursor:
        as_of_date = _demand_over(cursor, month)
        post_mortem(cursor, project, as_of_date=as_of_date, now=now)
        figures = read_figures(cursor, month, definition=project.churn.definition)
        suggestions = suggest(cursor, project.churn, as_of_date=as_of_date)
        made = {
            locale: _written(figures, suggestions, project, locale, as_of_date=as_of_date, now=now)
            for locale in CATALOGS.values()
        }
        files = tuple(
            settings.home / FOLDER / f"monthly-{month:%Y-%m}.{locale}.{kind}"
            for locale in made
            for kind in ("html", "pdf")
        )
        letters = _put(cursor, project, figures, made, as_of_date=as_of_date, now=now)
        if dry_run:
            connection.rollback()
            return Made(month, files, letters)
        (settings.home / FOLDER).mkdir(parents=True, exist_ok=True)
        for file, content in zip(files, [one for pair in made.values() for one in pair], strict=True):
            write_whole(file, content)
        _keep(cursor, figures, suggestions, made, as_of_date=as_of_date, now=now)
        connection.commit()
    return Made(month, files, letters)


def _demand_over(cursor: extensions.cursor, month: date) -> date:
    as_of_date = published_day(cursor)
    if as_of_date is None or as_of_date < following(month):
        raise Permanent(
            f"report of {month:%Y-%m}",
            expected="a month that is over by the newest published day",
            got=f"{as_of_date or 'nothing published yet'}",
            next_step="ask for an earlier month, or run the pipeline first",
        )
    return as_of_date


def _written(
    figures: Figures,
    suggestions: Sequence[Suggestion],
    project: Project,
    locale: str,
    *,
    as_of_date: date,
    now: datetime,
) -> tuple[bytes, bytes]:
    page = monthly_page(figures, suggestions, project, locale, as_of_date=as_of_date)
    return html(page), pdf(page, made_at=now)


def _keep(
    cursor: extensions.cursor,
    figures: Figures,
    suggestions: Sequence[Suggestion],
    made: dict[str, tuple[bytes, bytes]],
    *,
    as_of_date: date,
    now: datetime,
) -> None:
    kept = _as_json(figures, suggestions)
    for locale, (_, portable) in made.items():
        name = FOLDER / f"monthly-{figures.month:%Y-%m}.{locale}"
        cursor.execute(
            "insert into alerts.report (kind, since, locale, html_path, pdf_path, pdf_sha256, figures, made_as_of,"
            " made_at) values ('monthly', %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                figures.month,
                locale,
                f"{name}.html",
                f"{name}.pdf",
                hashlib.sha256(portable).hexdigest(),
                Json(kept, dumps=lambda value: json.dumps(value, default=str)),
                as_of_date,
                now,
            ],
        )


def _as_json(figures: Figures, suggestions: Sequence[Suggestion]) -> dict[str, Any]:
    return {
        "ripe_month": figures.ripe,
        "performance": {name: dict(one.members) for name, one in figures.performance.items()},
        "saves": {name: [asdict(one) for one in found] for name, (found, _) in figures.saves.items()},
        "missed": [list(row) for row in figures.missed.rows],
        "suggestions": [
            {
                "rule": one.rule_id,
                "metric": one.change.metric,
                "before": one.change.before,
                "after": one.change.after,
                "when": one.change.rule.content.when,
                "now": one.now.as_json() | {"examples": [], "missed": []},
                "then": one.then.as_json() | {"examples": [], "missed": []},
            }
            for one in suggestions
        ],
    }


def _put(
    cursor: extensions.cursor,
    project: Project,
    figures: Figures,
    made: dict[str, tuple[bytes, bytes]],
    *,
    as_of_date: date,
    now: datetime,
) -> int:
    routing = load_routing(project)
    directory = Directory(project, routing, away_on(cursor, as_of_date, routing.absences))
    letters = []
    for to in project.alerts.report_recipients or [project.alerts.fallback_recipient]:
        reader = directory.at(to)
        locale = Language(reader.locale).catalog
        page = monthly_page(figures, (), project, locale, as_of_date=as_of_date)
        for channel in reader.channels or project.alerts.channels:
            dedup = f"report:monthly:{figures.month:%Y-%m}:{channel}:{reader.address.lower()}"
            content = MonthlyNews(
                as_of_date=as_of_date,
                company=project.company,
                **reader.told,
                key=outbox.message_key(dedup, now),
                month=figures.month,
                title=page.title,
                sentences=list(page.sections[0].sentences),
                file_name=f"forewarn-{figures.month:%Y-%m}.pdf",
                pdf=base64.b64encode(made[locale][1]).decode(),
            )
            letters.append(
                outbox.Letter(dedup, channel, reader.address, content, kind=MONTHLY, time_zone=reader.time_zone)
            )
    return outbox.put(cursor, letters, now=now, expires_at=now + timedelta(days=project.alerts.expires_after_days))
