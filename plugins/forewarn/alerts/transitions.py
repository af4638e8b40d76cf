"""Changes of a customer's stage: which are worth an alert, which there are since the last live day, their signals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal, get_args

from psycopg2 import extensions
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from forewarn.alerts.language import CATALOGS, Language
from forewarn.alerts.levels import Level, Route
from forewarn.alerts.news_view import change_text
from forewarn.alerts.routing import as_list
from forewarn.alerts.signals import Signal, replace
from forewarn.config.project import Project
from forewarn.config.segments import Stage
from forewarn.config.yaml import Document

FILE = "transitions.yml"
FAMILY = "rhythm"


class Transition(BaseModel):
    """One change of stage that is worth an alert."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: Stage
    before: Annotated[list[Stage], BeforeValidator(as_list)] = Field(default=[], alias="from")
    tell: Literal["case", "message"] = "case"
    level: Level = "medium"
    route: Route = "account_manager"


class Transitions(BaseModel):
    """The content of `transitions.yml`; without the file nobody is told of a change of stage."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    transitions: list[Transition] = []

    def of(self, before: Stage, after: Stage) -> Transition | None:
        """Return what is said of a change; the first that fits, None for one that is not worth an alert."""
        fitting = (one for one in self.transitions if one.to == after and (not one.before or before in one.before))
        return next(fitting, None)


@dataclass(frozen=True)
class Change:
    """One customer's stage on a day, and on the live day before; `silent_days` since the last purchase or term."""

    customer_id: str
    before: Stage
    after: Stage
    previous_as_of: date
    silent_days: int | None


def signal_name(stage: str) -> str:
    """Return the name of the signals of a stage that was come to."""
    return f"stage_{stage}"


def load_transitions(project: Project) -> Transitions:
    """Read `transitions.yml` beside the playbooks.

    Raises
    ------
    ConfigError
        With file, line, column and a hint.
    """
    file = project.path(project.playbooks).with_name(FILE)
    if not file.is_file():
        return Transitions()
    document = Document(file)
    content = document.read(Transitions)
    for number, one in enumerate(content.transitions):
        if one.to in one.before:
            raise document.error(["transitions", number, "from"], f"from `{one.to}` to itself is no change")
    return content


def stage_changes(cursor: extensions.cursor, as_of_date: date) -> list[Change]:
    """Return the customers whose stage is another than on the newest live day before.

    Days that were built later as history do not count, so that each change is found once: by the first live run after
    it. Before there is an earlier live day there is none.
    """
    cursor.execute("select to_regclass('marts.customer_lifecycle') is not null")
    if not (cursor.fetchone() or [False])[0]:
        return []
    cursor.execute(
        "select now.customer_id, before.stage, now.stage, before.as_of_date, now.silent_days"
        " from marts.customer_lifecycle as now join marts.customer_lifecycle as before using (customer_id)"
        " where now.as_of_date = %(day)s and before.as_of_date ="
        " (select max(as_of_date) from ops.publication where live and as_of_date < %(day)s)"
        " and now.stage <> before.stage and 'unknown' not in (now.stage, before.stage) order by now.customer_id",
        {"day": as_of_date},
    )
    return [Change(*row) for row in cursor.fetchall()]


def replace_stage_signals(
    cursor: extensions.cursor,
    project: Project,
    transitions: Transitions,
    found: Sequence[Change],
    *,
    as_of_date: date,
    now: datetime,
) -> None:
    """Replace the signals of changes of stage of a date within the caller's transaction.

    A change is a signal on its day. It stays one while the customer stays in the stage and has an open case that rests
    on it, and is none any more once that is closed.
    """
    signals = {
        change.customer_id: _signal(change, told, project)
        for change in found
        if (told := transitions.of(change.before, change.after)) and told.tell == "case"
    }
    if transitions.transitions:
        moved = {change.customer_id for change in found}
        for signal in _standing(cursor, as_of_date):
            if signal.customer_id not in moved:
                signals[signal.customer_id] = signal
    replace(cursor, "stage", list(signals.values()), as_of_date=as_of_date, now=now)


def _standing(cursor: extensions.cursor, as_of_date: date) -> list[Signal]:
    cursor.execute("select to_regclass('marts.customer_lifecycle') is not null")
    if not (cursor.fetchone() or [False])[0]:
        return []
    cursor.execute(
        "select s.customer_id, s.name, s.version, s.level, s.route, s.reason, s.evidence from alerts.signal as s"
        ' join alerts."case" as c on c.customer_id = s.customer_id and c.updated_as_of = s.as_of_date'
        " join marts.customer_lifecycle as l on l.customer_id = s.customer_id and l.as_of_date = %s"
        " and l.stage = s.evidence -> 'values' ->> 'stage'"
        " where s.kind = 'stage' and c.state <> 'closed'",
        [as_of_date],
    )
    return [Signal(*row) for row in cursor.fetchall()]


def _signal(change: Change, told: Transition, project: Project) -> Signal:
    texts = {catalog: _texts(change, Language(catalog)) for catalog in CATALOGS.values()}
    return Signal(
        change.customer_id,
        signal_name(change.after),
        "1",
        told.level,
        told.route,
        texts[Language(project.locale).catalog]["text"],
        {
            "family": FAMILY,
            "values": {"stage": change.after, "previous_stage": change.before, "silent_days": change.silent_days},
            "texts": texts,
        },
    )


def _texts(change: Change, language: Language) -> dict[str, str]:
    return {
        "title": language.text("stages", "title", after=language.text("stage", change.after)),
        "text": change_text(change.before, change.after, change.silent_days, language),
    }


NAMES = tuple(signal_name(stage) for stage in get_args(Stage))
