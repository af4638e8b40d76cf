"""The stages of one day, each a function that runs alone, again, and for one as-of date with the same result.

Airflow's operators and the command line only call these; heavy libraries are imported when a stage runs. Every
function returns a small JSON-able summary of counts: data stay in the warehouse.
"""

from __future__ import annotations

import dataclasses
import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forewarn import rejections
from forewarn.config.project import Project, load_project
from forewarn.config.settings import Settings
from forewarn.configured import configuration, definitions, model_variables, words_of
from forewarn.errors import ForewarnError, ModelRejected, SourceRejected
from forewarn.progress import Progress, untold
from forewarn.warehouse.engine import connect

if TYPE_CHECKING:
    from forewarn.alerts import Trouble
    from forewarn.sources import Late

LAYERS = ("staging", "intermediate", "marts")
OWN_DAY = "as_of_date"

Summary = dict[str, Any]
Resolve = Callable[[str, Settings], str]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """One run over one day.

    Attributes
    ----------
    as_of_date : date
        Everything strictly before its midnight (UTC) is known.
    run_id : str
        Whoever started it gives the name; a stage that is repeated within a run replaces its own rows.
    now : datetime
        The clock, in UTC, read once at the edge.
    live : bool
        False for backfills and rehearsals: they publish, and never open a case or send.
    """

    as_of_date: date
    run_id: str
    now: datetime
    live: bool = True


def streams(settings: Settings) -> list[dict[str, str]]:
    """Return every configured stream as `{"source": …, "stream": …}`, in the order of the files.

    Raises
    ------
    ConfigError
        A source file, or one that says whom to tell of what, cannot be meant; file, line and column are named. A day
        that could tell nobody in the end does not begin.
    """
    from forewarn.alerts import check_alerting
    from forewarn.loop.report_plan import check_reports
    from forewarn.sources import load_sources

    project = _project(settings)
    # An installation that only lands data so far has none.
    if project.path(project.playbooks).is_file():
        check_alerting(project)
        check_reports(project)
    sources = load_sources(project)
    return [{"source": name, "stream": stream} for name, source in sources.items() for stream in source.streams]


def extract(settings: Settings, run: Run, *, source: str, stream: str, resolve: Resolve | None = None) -> Summary:
    """Land what is new in one stream, after what was asked to be tried again; `resolve` finds a connection's URL.

    Raises
    ------
    SourceUnavailable, SourceRejected
        The source did not answer, or its answer cannot be used.
    """
    settings = settings.as_service("loader")
    from forewarn.sources import extract_stream, load_sources
    from forewarn.sources.redrive_requests import carry_out

    found = load_sources(_project(settings))[source]
    again: Summary = {}
    try:
        # What was set aside is older than what the source has to say now.
        if done := carry_out(settings, found, stream, now=run.now):
            again = {"redriven": done.landed, "redriven_of": done.tried}
    except ForewarnError as error:
        _log.warning("Rows that were set aside stay so: %s", error)
    more: dict[str, Any] = {"resolve": resolve} if resolve else {}
    batch = extract_stream(settings, found, stream, run_id=run.run_id, now=run.now, **more)
    return _summary(batch) | again


def check_sources(settings: Settings, run: Run) -> Summary:
    """Say which streams are blocked or late; the others go on.

    A blocked stream stays at what landed last. What rests on a late one is unknown for the day, and operations hear of
    both once, and once when they are over.

    Raises
    ------
    SourceRejected
        Not one stream landed in this run: there is nothing new to judge anybody by.
    """
    from forewarn.alerts import tell_operations
    from forewarn.sources import late_streams, load_sources

    project = _project(settings)
    sources = load_sources(project)
    wanted = [(name, stream) for name, source in sources.items() for stream in source.streams]
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("select source, stream, since, reason, next_step from ops.source_trouble")
        troubles = [_blocked(*row) for row in cursor.fetchall() if row[:2] in wanted]
        ended_at = datetime.combine(day, time(), UTC) if (day := own_day(settings)) else None
        late = late_streams(cursor, sources, run.now, ended_at=ended_at)
        cursor.execute(
            "select distinct source, stream from ops.batch where run_id = %s and status = 'landed'", [run.run_id]
        )
        landed = set(cursor.fetchall()) & set(wanted)
    blocked = {(one.source, one.stream): one.reason for one in troubles}
    told = 0
    if run.live:
        # Before anything can stop the run: what is wrong with the sources is told whatever becomes of the day.
        troubles += _late(settings, late)
        told = tell_operations(settings, project, troubles, as_of_date=run.as_of_date, now=run.now)
    reasons = [blocked[one] for one in wanted if one in blocked]
    if wanted and not landed:
        raise SourceRejected(
            "sources",
            expected=f"at least one of {len(wanted)} streams to land",
            got=reasons[0] if reasons else "none that was tried",
            next_step="read ops.source_trouble; nothing was published, and no case was opened",
        )
    for reason in reasons:
        _log.warning("Goes on without: %s", reason)
    names = ", ".join(f"{source}.{stream}" for source, stream in wanted if (source, stream) in blocked)
    counts = {"landed": len(landed), "blocked": len(reasons), "late": len(late), "told": told}
    return counts | ({"skipped": f"without {names}"} if names else {})


def tell_operations(settings: Settings, run: Run, *, dry_run: bool = False, resolve: Resolve | None = None) -> Summary:
    """Send what waits in the outbox by now, above all what `check_sources` has to say; the day's cases come later."""
    return dispatch(settings, run, dry_run=dry_run, resolve=resolve)


def gate(settings: Settings, run: Run, *, gate: str) -> Summary:
    """Check one gate's expectations.

    Scores are not checked when the model was rejected in this run: there are none, and operations already know.

    Raises
    ------
    GateFailed
        A critical expectation failed.
    """
    if gate == "scores" and rejections.stands(settings, run.as_of_date, run.run_id):
        return {"skipped": "the model was rejected; rules alone"}
    from forewarn.quality import run_gate
    from forewarn.sources import canonical_mappings, load_sources

    mappings = canonical_mappings(load_sources(_project(settings)))
    report = run_gate(settings, gate, as_of_date=run.as_of_date, run_id=run.run_id, now=run.now, mappings=mappings)
    return _summary(report)


def build(settings: Settings, run: Run, *, layer: str | None = None, full_refresh: bool = False) -> Summary:
    """Build and test one layer of the warehouse, or all of them in order.

    Raises
    ------
    BuildFailed
        dbt could not build or test a model; each is named with its file.
    """
    from forewarn.sources import (
        canonical_mappings,
        dbt_sources,
        ensure_raw_tables,
        forget_again,
        load_sources,
        ready_for_build,
    )
    from forewarn.warehouse import dbt

    project = _project(settings)
    sources = load_sources(project)
    loader, transformer = settings.as_service("loader"), settings.as_service("transformer")
    ensure_raw_tables(loader, sources)
    forget_again(settings, sources)
    mappings = canonical_mappings(sources)
    ready_for_build(loader, mappings)
    defined = definitions(settings, project)
    known = set() if full_refresh else dbt.feature_dates(transformer, mappings, defined)
    wanted = project.churn.training_dates(run.as_of_date)
    results = []
    for one in [layer] if layer else LAYERS:
        if one == "intermediate" and not layer:
            read_words(settings, run)
            link_accounts(settings, run)
        results += dbt.build(
            transformer,
            mappings=mappings,
            sources_yaml=dbt_sources(sources),
            as_of_dates=sorted({day for day in wanted if day not in known} | {run.as_of_date}),
            churn=project.churn.model_dump(),
            definitions=defined,
            select=one,
            full_refresh=full_refresh,
            # A run for an earlier day sees today's contracts and owners, which say nothing of that day.
            versions=run.as_of_date >= (own_day(settings) or run.now.date()),
        )
    return {f"{kind}s": sum(result.kind == kind for result in results) for kind in ("model", "seed", "test")}


def read_words(settings: Settings, run: Run) -> Summary:
    """Read what customers wrote since the last time: language, sentiment, topics, competitors.

    Raises
    ------
    ConfigError
        `words.yml` says something that cannot be meant.
    """
    from forewarn.words import read_new_texts

    return _summary(read_new_texts(settings, words_of(_project(settings)), now=run.now))


def link_accounts(
    settings: Settings, run: Run, *, full: bool = False, keep: bool = True, progress: Progress = untold
) -> Summary:
    """Find accounts that are probably one customer; only what is new or has changed since is compared."""
    from forewarn.identity import link_accounts as link

    return _summary(link(settings, _project(settings).identity, now=run.now, full=full, keep=keep, progress=progress))


def dbt_command(settings: Settings, as_of_date: date, arguments: Sequence[str]) -> list[str]:
    """Run a dbt command with the variables of the daily run; return a line for each node that it touched.

    Raises
    ------
    BuildFailed
        The command failed; each node is named with its file.
    """
    from forewarn.warehouse import dbt

    project = _project(settings)
    days = [*project.churn.training_dates(as_of_date), as_of_date]
    nodes = dbt.invoke(
        settings.as_service("transformer"),
        arguments,
        variables=model_variables(settings, project),
        environment={
            "FOREWARN_AS_OF_DATES": ",".join(day.isoformat() for day in sorted(days)),
            "FOREWARN_RUN_AS_OF_DATE": as_of_date.isoformat(),
        },
    )
    return [f"{node.status:<8} {node.kind:<9} {node.seconds:6.1f} s  {node.name}" for node in nodes]


def warehouse_docs(settings: Settings, as_of_date: date) -> Path:
    """Write dbt's documentation of the warehouse as one file beside the gates' pages, and link it from their index.

    Raises
    ------
    BuildFailed
        dbt could not read the project or the warehouse.
    """
    from forewarn.quality import WAREHOUSE_PAGE, write_index

    dbt_command(settings, as_of_date, ["docs", "generate", "--static"])
    page = settings.data_docs / WAREHOUSE_PAGE
    page.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(settings.home / "dbt" / "target" / "static_index.html", page)
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        write_index(settings.data_docs, cursor)
    return page


def train_if_missing(settings: Settings, run: Run) -> Summary:
    """Train and register a champion where there is none; a rejected model is recorded, and rules go on alone."""
    owner, settings = settings, settings.as_service("scorer")
    from churn_model import has_champion, train

    project = _project(settings)
    rejections.forget(settings, run.as_of_date, run.run_id, "train")
    try:
        if has_champion(settings, project):
            return {"trained": False}
        report = train(settings, project, as_of_date=run.as_of_date, run_id=run.run_id, now=run.now)
    except ModelRejected as rejected:
        _tell_of_model(owner, run, rejected)
        return dict(rejections.record(settings, run.as_of_date, run.run_id, "train", rejected, now=run.now))
    return {"trained": True} | _summary(report)


def score(settings: Settings, run: Run) -> Summary:
    """Score the eligible customers; a rejected model leaves no score for the day, and rules go on alone.

    Models in the shadow score the same customers into rows of their own.
    """
    owner, settings = settings, settings.as_service("scorer")
    if rejections.stands(settings, run.as_of_date, run.run_id, "train"):
        return {"scored": 0, "skipped": "no champion"}
    from churn_model import load_champion, score_in_shadow
    from churn_model import score as score_customers

    project = _project(settings)
    rejections.forget(settings, run.as_of_date, run.run_id, "score")
    try:
        champion, told = load_champion(settings, project), configuration(project)
        day, now = run.as_of_date, run.now
        scored = score_customers(
            settings, project, as_of_date=day, run_id=run.run_id, now=now, configuration=told, champion=champion
        )
    except ModelRejected as rejected:
        _tell_of_model(owner, run, rejected)
        return {"scored": 0} | rejections.record(settings, run.as_of_date, run.run_id, "score", rejected, now=run.now)
    _tell_of_model(owner, run, None, went_on=champion.note)
    shadow = score_in_shadow(settings, project, as_of_date=run.as_of_date, now=run.now)
    return {"scored": scored} | {f"shadow_{role}": count for role, count in shadow.items()}


def publish(settings: Settings, run: Run) -> Summary:
    """Let readers see this version, in one transaction; `ops.publication` has the rows of each view."""
    from forewarn.warehouse.publish import publish as publish_version

    rows = publish_version(settings, as_of_date=run.as_of_date, run_id=run.run_id, live=run.live, now=run.now)
    return {"views": len(rows), "rows": sum(rows.values())}


def open_cases(settings: Settings, run: Run) -> Summary:
    """Evaluate the rules, open or raise one case per customer and episode, and put the messages in the outbox."""
    settings = settings.as_service("dispatcher")
    from forewarn.alerts import evaluate_rules, tell_kpis, tell_low_stock, tell_stop
    from forewarn.alerts import open_cases as open_from_signals

    project = _by_its_clock(settings)
    signals = evaluate_rules(settings, project, as_of_date=run.as_of_date, now=run.now)
    counts = open_from_signals(settings, project, as_of_date=run.as_of_date, run_id=run.run_id, now=run.now)
    told = {}
    if run.live:
        told["low_stock"] = tell_low_stock(settings, project, as_of_date=run.as_of_date, now=run.now)
        told["kpis"] = tell_kpis(settings, project, as_of_date=run.as_of_date, run_id=run.run_id, now=run.now)
        told["stopped"] = tell_stop(settings, project, as_of_date=run.as_of_date, now=run.now)
    return {"rule_signals": signals} | _summary(counts) | {name: count for name, count in told.items() if count}


def dispatch(settings: Settings, run: Run, *, dry_run: bool = False, resolve: Resolve | None = None) -> Summary:
    """Send what waits in the outbox; a run that is not live sends nothing."""
    settings = settings.as_service("dispatcher")
    if not run.live:
        return {"skipped": "not a live run"}
    from forewarn.alerts import dispatch as send
    from forewarn.alerts import tell_undelivered
    from forewarn.sources import resolve as installed

    if reason := _paused(settings):
        return {"skipped": reason}
    project = _by_its_clock(settings)
    counts = send(settings, project, now=run.now, dry_run=dry_run, resolve=resolve or installed)
    if not dry_run and tell_undelivered(settings, project, now=run.now):
        counts += send(settings, project, now=run.now, resolve=resolve or installed)
    return _summary(counts)


def _paused(settings: Settings) -> str:
    """Return why nothing is sent, and what ends that; empty while the outbox sends."""
    from forewarn.alerts.pause import paused

    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        found = paused(cursor)
    if found is None:
        return ""
    return f"paused since {found.paused_at:%Y-%m-%d %H:%M} by {found.by}: {found.reason}; see `forewarn alerts resume`"


def heartbeat(settings: Settings, run: Run, *, dry_run: bool = False) -> Summary:
    """Say whether a day was published in time; operations hear of a silence once."""
    settings = settings.as_service("dispatcher")
    from forewarn.alerts import missed, tell_missed

    project = _project(settings)
    found = missed(settings, project, now=run.now)
    told = 0 if dry_run else tell_missed(settings, project, found, now=run.now)
    return {"silent": found.reason if found else "", "told": told}


def retain(settings: Settings, run: Run, *, dry_run: bool = False) -> Summary:
    """Let go of what is older than its period; returns how much went, by period."""
    from forewarn.privacy.files import report_folders
    from forewarn.privacy.retention import retain as let_go

    project = _project(settings)
    reports = report_folders(settings.home, project)
    with connect(settings.warehouse_url, application="forewarn retain") as connection, connection.cursor() as cursor:
        gone = let_go(cursor, settings.home, project.retention, now=run.now, reports=reports, dry_run=dry_run)
        if not dry_run:
            connection.commit()
    return dict(gone)


def monthly_report(settings: Settings, run: Run) -> Summary:
    """Write the report of the month before the run's day, and put it into the outbox once."""
    from forewarn.loop.monthly import month_before, monthly_report

    made = monthly_report(settings, _project(settings), month_before(run.as_of_date), now=run.now)
    return {"month": made.month.isoformat(), "files": len(made.files), "letters": made.letters}


def redrive(settings: Settings, run: Run, *, dry_run: bool = False) -> Summary:
    """Try again what was asked for in the workbench; one that fails keeps its error, and the others go on.

    While a build reads the raw tables nothing lands: what waits is done the next time.
    """
    settings = settings.as_service("loader")
    from forewarn.sources import load_sources
    from forewarn.sources.redrive_requests import carry_out, waiting
    from forewarn.warehouse.lock import BUILD, is_held

    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        wanted = waiting(cursor)
        building = is_held(cursor, BUILD)
    if dry_run or building or not wanted:
        return {"waiting": len(wanted)} | ({"skipped": "a build reads the raw tables"} if building else {})
    sources, landed, failed = load_sources(_project(settings)), 0, 0
    for name, stream in wanted:
        if name not in sources or stream not in sources[name].streams:
            continue
        try:
            done = carry_out(settings, sources[name], stream, now=run.now)
            landed += done.landed if done else 0
        except ForewarnError as error:
            failed += 1
            _log.warning("Rows that were set aside stay so: %s", error)
    return {"requests": len(wanted), "landed": landed, "failed": failed}


def report(settings: Settings, run: Run, *, dry_run: bool = False) -> Summary:
    """Notice company figures out of the ordinary, and put the reports whose period is over into the outbox, once each.

    What late or blocked streams feed is unknown: nothing is said of figures that rest on it.
    """
    from forewarn.loop.scheduled import report as report_on
    from forewarn.sources import load_sources

    project = _project(settings)
    sources = load_sources(project)
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select source, stream from ops.late_stream where as_of_date = %s"
            " union select source, stream from ops.source_trouble",
            [run.as_of_date],
        )
        doubtful = set(cursor.fetchall())
    unknown = {
        entity
        for name, source in sources.items()
        for stream, spec in source.streams.items()
        if (name, stream) in doubtful
        for entity in spec.entities
    }
    done = report_on(
        settings,
        project,
        as_of_date=run.as_of_date,
        run_id=run.run_id,
        now=run.now,
        unknown=unknown,
        dry_run=dry_run,
    )
    return {"anomalies": done.anomalies, "files": len(done.files), "letters": done.letters}


def own_day(settings: Settings) -> date | None:
    """Return the day of an installation whose data do not end today; None where the wall clock is its own.

    It stands in the project's `as_of_date`, or in the file `as_of_date` under `home`, which the simulated company
    keeps.
    """
    if fixed := _project(settings).as_of_date:
        return fixed
    file = settings.home / OWN_DAY
    return date.fromisoformat(file.read_text(encoding="utf-8").strip()) if file.is_file() else None


def _project(settings: Settings) -> Project:
    return load_project(settings.config)


def _by_its_clock(settings: Settings) -> Project:
    """Return the project as it tells people: at any hour where its days are not those of the wall clock."""
    project = _project(settings)
    return project.model_copy(update={"alerts": project.alerts.at_any_hour()}) if own_day(settings) else project


def _tell_of_model(settings: Settings, run: Run, rejected: ModelRejected | None, *, went_on: str = "") -> None:
    if run.live:
        project = _project(settings)
        rejections.tell(settings, project, rejected, went_on=went_on, as_of_date=run.as_of_date, now=run.now)


def _blocked(source: str, stream: str, since: datetime, reason: str, next_step: str) -> Trouble:
    from forewarn.alerts import Trouble

    return Trouble(source, stream, "blocked", since, reason=reason, advice=next_step)


def _late(settings: Settings, late: Sequence[Late]) -> list[Trouble]:
    """Return late streams with the features that are unknown because of them."""
    from forewarn.alerts import Trouble
    from forewarn.warehouse.late import reads

    features = reads(settings)
    return [
        Trouble(
            one.source,
            one.stream,
            "late",
            one.since,
            one.arrived_at,
            one.promise,
            tuple(name for entity in features if entity in one.entities for name in features[entity]),
        )
        for one in late
    ]


def _summary(report: object) -> Summary:
    """Keep the counts and short texts of a stage's report; everything longer stays in the warehouse."""
    if isinstance(report, dict):
        fields = report
    elif dataclasses.is_dataclass(report) and not isinstance(report, type):
        fields = {field.name: getattr(report, field.name) for field in dataclasses.fields(report)}
    else:
        fields = dict(vars(report))
    return {name: value for name, value in fields.items() if isinstance(value, int | float | str | None)}
