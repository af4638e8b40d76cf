"""The reports of reports.yml: made once their period is over, kept with a row in the ledger, sent once to each."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from psycopg2 import extensions
from psycopg2.extras import Json

from forewarn.alerts import outbox
from forewarn.alerts.absences import away_on
from forewarn.alerts.hours import days_off
from forewarn.alerts.language import Language
from forewarn.alerts.news import SCHEDULED, ScheduledNews
from forewarn.alerts.publication import refusal
from forewarn.alerts.recipients import Directory, Recipient
from forewarn.alerts.routing import load_routing
from forewarn.alerts.whole_file import write_whole
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.loop.anomalies import noticed, watch
from forewarn.loop.figures import Asked, ask
from forewarn.loop.monthly import FOLDER
from forewarn.loop.page import Page, html
from forewarn.loop.pdf import pdf
from forewarn.loop.report_plan import Kind, Period, Planned, load_reports
from forewarn.loop.scheduled_page import OF_REPORT, Found, scheduled_page
from forewarn.loop.sections import SECTIONS, Counted
from forewarn.warehouse.engine import connect


@dataclass(frozen=True)
class Reported:
    """What became of a day's reports.

    Attributes
    ----------
    anomalies
        Figures of the company that have newly left their range.
    files
        Pages and PDFs that were written.
    letters
        New messages.
    """

    anomalies: int = 0
    files: tuple[Path, ...] = ()
    letters: int = 0


@dataclass(frozen=True)
class _Made:
    found: Found
    locale: str
    page: Page
    files: tuple[Path, Path]
    contents: tuple[bytes, bytes]


@dataclass
class _Desk:
    """What one day's reports share, so that each is counted and written once for all of its readers."""

    cursor: extensions.cursor
    home: Path
    directory: Directory
    as_of_date: date
    now: datetime
    counted: dict[tuple[Kind, str], Found] = field(default_factory=dict)
    made: dict[tuple[Kind, str, str], _Made] = field(default_factory=dict)


def report(
    settings: Settings,
    project: Project,
    *,
    as_of_date: date,
    run_id: str,
    now: datetime,
    unknown: Collection[str] = (),
    dry_run: bool = False,
) -> Reported:
    """Hold the company's figures against their own past, and make and send every report whose period is newly over.

    The same day again makes nothing anew, and nobody gets a report of a period twice. A period that began before
    anything was published live has none: its figures would be of a part of it. A report of anomalies has something to
    tell or is none.

    Parameters
    ----------
    unknown
        Entities that late or blocked streams feed.
    dry_run
        Write nothing, and tell what would be written and sent.

    Raises
    ------
    ConfigError
        reports.yml or routes.yml say something that cannot be meant.
    """
    routing = load_routing(project)
    planned = load_reports(project, routing)
    with connect(settings.warehouse_url, application="forewarn report") as connection, connection.cursor() as cursor:
        cursor.execute("select to_regclass('marts.kpi_monthly') is not null")
        if not (cursor.fetchone() or [False])[0] or refusal(cursor, as_of_date=as_of_date, run_id=run_id):
            return Reported()
        cursor.execute("select pg_advisory_xact_lock(hashtext('forewarn.reports'))")
        off = days_off(project.alerts.holidays)
        holidays = {day for day in (as_of_date - timedelta(days=back) for back in range(1, 120)) if day in off}
        begun = watch(cursor, project, as_of_date=as_of_date, now=now, unknown=unknown, holidays=holidays)
        directory = Directory(project, routing, away_on(cursor, as_of_date, routing.absences))
        desk = _Desk(cursor, settings.home, directory, as_of_date, now)
        letters = [letter for one in planned for letter in _letters(desk, one)]
        expires_at = now + timedelta(days=project.alerts.expires_after_days)
        new = outbox.put(cursor, letters, now=now, expires_at=expires_at)
        files = tuple(file for made in desk.made.values() for file in made.files)
        if dry_run:
            connection.rollback()
            return Reported(begun, files, new)
        for made in desk.made.values():
            _keep(desk, made)
        connection.commit()
    return Reported(begun, files, new)


def _letters(desk: _Desk, one: Planned) -> list[outbox.Letter]:
    """Return the messages of a report that its reader has not got yet."""
    project, period = desk.directory.project, one.newest(desk.as_of_date)
    desk.cursor.execute("select min(as_of_date) <= %s from ops.publication where live", [period.since])
    if not (desk.cursor.fetchone() or [None])[0]:
        return []
    reader = desk.directory.at(one.to)
    reader = replace(reader, locale=one.locale or reader.locale)
    keys = {
        channel: f"report:{one.report}:{period.name}:{channel}:{reader.address.lower()}"
        for channel in reader.channels or project.alerts.channels
    }
    desk.cursor.execute("select dedup_key from alerts.outbox where dedup_key = any(%s)", [list(keys.values())])
    known = {key for (key,) in desk.cursor.fetchall()}
    wanted = {channel: key for channel, key in keys.items() if key not in known}
    if not wanted or (made := _make(desk, one.report, period, reader)) is None:
        return []
    letters = []
    for channel, key in wanted.items():
        news = ScheduledNews(
            as_of_date=desk.as_of_date,
            company=project.company,
            **reader.told,
            key=outbox.message_key(key, desk.now),
            report=one.report,
            period=period.name,
            title=made.page.title,
            sentences=list(made.page.sections[0].sentences),
            file_name=f"forewarn-{one.report}-{period.name}.pdf",
            pdf=base64.b64encode(made.contents[1]).decode(),
        )
        letters.append(outbox.Letter(key, channel, reader.address, news, kind=SCHEDULED, time_zone=reader.time_zone))
    return letters


def _make(desk: _Desk, kind: Kind, period: Period, reader: Recipient) -> _Made | None:
    """Return a report in its reader's language; None of one of anomalies that has none to tell."""
    found = _found(desk, kind, period)
    if kind == "anomalies" and not found.anomalies:
        return None
    project, locale = desk.directory.project, Language(reader.locale).catalog
    if (known := desk.made.get((kind, period.name, locale))) is not None:
        return known
    page = scheduled_page(found, project, locale, as_of_date=desk.as_of_date)
    name = f"{kind}-{period.name}.{locale}"
    files = (desk.home / FOLDER / f"{name}.html", desk.home / FOLDER / f"{name}.pdf")
    made = _Made(found, locale, page, files, (html(page), pdf(page, made_at=desk.now)))
    desk.made[kind, period.name, locale] = made
    return made


def _found(desk: _Desk, kind: Kind, period: Period) -> Found:
    if (known := desk.counted.get((kind, period.name))) is not None:
        return known
    values = {
        "since": period.since,
        "until": period.until,
        "before": period.since - (period.until - period.since),
        "definition": desk.directory.project.churn.definition,
    }
    counted: Sequence[tuple[Counted, Asked]] = [(one, ask(desk.cursor, one.sql, values)) for one in SECTIONS[kind]]
    anomalies, sql = noticed(desk.cursor, OF_REPORT[kind], since=period.since, until=period.until)
    desk.counted[kind, period.name] = Found(kind, period, counted, anomalies, sql)
    return desk.counted[kind, period.name]


def _keep(desk: _Desk, made: _Made) -> None:
    made.files[0].parent.mkdir(parents=True, exist_ok=True)
    for file, content in zip(made.files, made.contents, strict=True):
        write_whole(file, content)
    figures = {
        **{one.name: {"columns": list(one.columns), "rows": asked.rows} for one, asked in made.found.counted},
        "anomalies": [asdict(one) for one in made.found.anomalies],
    }
    desk.cursor.execute(
        "insert into alerts.report (kind, every, since, locale, html_path, pdf_path, pdf_sha256, figures, made_as_of,"
        " made_at) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            *(made.found.kind, made.found.period.every, made.found.period.since, made.locale),
            *(str(file.relative_to(desk.home)) for file in made.files),
            hashlib.sha256(made.contents[1]).hexdigest(),
            Json(figures, dumps=lambda value: json.dumps(value, default=str)),
            *(desk.as_of_date, desk.now),
        ],
    )
