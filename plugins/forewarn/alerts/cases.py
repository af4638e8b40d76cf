"""Signals of a date become cases, and cases become letters in the outbox: all of it in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from psycopg2 import extensions

from forewarn.alerts import digests, outbox
from forewarn.alerts.absences import away_on
from forewarn.alerts.admission import withhold, worth
from forewarn.alerts.after_purchase import remind
from forewarn.alerts.case_actions import Desk, action_letters
from forewarn.alerts.case_plan import Known, Plan, case_reasons, plan, said
from forewarn.alerts.case_store import (
    Draft,
    newest_cases,
    note,
    note_quiet,
    note_suppressed,
    write,
    write_due,
    write_withheld,
)
from forewarn.alerts.case_tasks import Told, hand_out
from forewarn.alerts.case_words import Books, content, next_step, step_of
from forewarn.alerts.channel import WITHOUT_CONTACTS
from forewarn.alerts.circuit_breaker import is_released
from forewarn.alerts.control_group import keep_arms
from forewarn.alerts.customer_facts import Facts, read_facts
from forewarn.alerts.escalation import escalate
from forewarn.alerts.holds import hold
from forewarn.alerts.language import Language
from forewarn.alerts.levels import Route
from forewarn.alerts.mail_wishes import keep_to_wishes
from forewarn.alerts.moves import follow_identity
from forewarn.alerts.overdue_tasks import tell_overdue
from forewarn.alerts.playbooks import load_playbooks
from forewarn.alerts.publication import refusal
from forewarn.alerts.quiet import Withholding, quiet_on
from forewarn.alerts.recipients import Directory, Recipient, matter
from forewarn.alerts.routing import load_routing
from forewarn.alerts.signals import Key, Signal, replace_model_signals
from forewarn.alerts.source_records import reason_records
from forewarn.alerts.stage_letters import put_stage_letters
from forewarn.alerts.step_conditions import true_conditions
from forewarn.alerts.transitions import load_transitions, replace_stage_signals, stage_changes
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.warehouse.engine import connect

FROZEN = ("open", "raise", "join")
EVENTS = {"open": "opened", "raise": "raised", "join": "joined", "refresh": "refreshed"}


@dataclass(frozen=True)
class CaseCounts:
    """What became of the signals of a date.

    Attributes
    ----------
    signals, opened, raised, joined, refreshed, unchanged
        Signals of the date, and what they did to cases. To a `joined` case came a route at a level that stays; those
        `unchanged` were decided by an earlier run of the same day.
    moved
        Open cases whose customer has become another.
    quiet
        Open cases that are newly without a signal.
    held, released, dropped
        Alerts that newly wait for late data; those that waited and are true, and those that are not.
    cooling, suppressed
        Customers whose signals open no case since one was closed lately, and how many of them newly so.
    withheld
        Cases of which a route is not told: control group, pilot, contact cap, circuit breaker, a reader's capacity,
        silenced or inhibited.
    escalated
        Cases that nobody answered by the day they were due, and that somebody else hears of now.
    overdue
        Tasks of other departments than the case's own that nobody did by then, likewise.
    tasks, actions
        New tasks, and new rows in the outbox for what other systems do about them.
    reminders
        New tasks that follow a purchase.
    letters, stage_letters
        New rows in the outbox, about cases and about changes of stage that ask for no case.
    reason
        Why nothing was done at all; empty otherwise.
    """

    signals: int = 0
    opened: int = 0
    raised: int = 0
    joined: int = 0
    refreshed: int = 0
    unchanged: int = 0
    cooling: int = 0
    suppressed: int = 0
    withheld: int = 0
    moved: int = 0
    quiet: int = 0
    held: int = 0
    released: int = 0
    dropped: int = 0
    letters: int = 0
    stage_letters: int = 0
    escalated: int = 0
    overdue: int = 0
    tasks: int = 0
    actions: int = 0
    reminders: int = 0
    reason: str = ""


Groups = Mapping[str, Sequence[Signal]]


def open_cases(settings: Settings, project: Project, *, as_of_date: date, run_id: str, now: datetime) -> CaseCounts:
    """Open, raise or refresh one case per customer from the signals of a date, and write its letters.

    Each reader of each route that a case concerns has a letter of their own.

    Only the newest live publication may; for any other nothing is written and the counts tell why. A second run for the
    same date changes nothing.

    Raises
    ------
    ConfigError
        The playbooks or routes say something that cannot be meant.
    """
    playbooks, routing, transitions = load_playbooks(project), load_routing(project), load_transitions(project)
    with connect(settings.warehouse_url) as connection, connection, connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtext('forewarn.cases'))")
        if reason := refusal(cursor, as_of_date=as_of_date, run_id=run_id):
            return CaseCounts(reason=reason)
        away = away_on(cursor, as_of_date, routing.absences)
        books = Books(project, playbooks, Directory(project, routing, away), as_of_date, now)
        moved = follow_identity(cursor, as_of_date=as_of_date, now=now)
        unsure = replace_model_signals(cursor, project, books.playbooks, as_of_date=as_of_date, now=now)
        moves = stage_changes(cursor, as_of_date)
        replace_stage_signals(cursor, project, transitions, moves, as_of_date=as_of_date, now=now)
        groups = _signals(cursor, as_of_date)
        late = hold(cursor, project, _fired(cursor, as_of_date), unsure, as_of_date=as_of_date, now=now)
        customers = sorted(groups)
        facts = read_facts(cursor, customers, as_of_date=as_of_date, definition=project.churn.definition)
        known = newest_cases(cursor, customers)
        cool_down = {str(outcome): days for outcome, days in project.alerts.cool_down_days.items()}
        released = is_released(cursor, as_of_date=as_of_date)
        plans = {
            customer: plan(known.get(customer), signals, as_of_date, cool_down, released=released)
            for customer, signals in groups.items()
        }
        true = true_conditions(cursor, books.playbooks.conditions, customers, as_of_date)
        books = replace(books, true_steps=true)
        where = true_conditions(cursor, routing.conditions, customers, as_of_date)
        drafts = list(_drafts(groups, plans, known, facts, where=where, books=books))
        ids = write(cursor, drafts, as_of_date=as_of_date, now=now)
        # What a case rests on is kept as it was known when it was opened or rose: sources forget and correct.
        news = {draft.customer_id: groups[draft.customer_id] for draft in drafts if draft.plan.action in FROZEN}
        behind = reason_records(cursor, news, as_of_date)
        note(cursor, [_event(draft, ids, behind) for draft in drafts], as_of_date=as_of_date, now=now)
        cooling = [(known[customer], one) for customer, one in plans.items() if one.action == "suppress"]
        suppressed = note_suppressed(
            cursor, [(case.case_id, one.reason) for case, one in cooling], as_of_date=as_of_date, now=now
        )
        # Numbers follow what a call is worth, so that whoever sends in their order sends what matters most first.
        worst_first = sorted(drafts, key=lambda draft: (-worth(draft, project), draft.customer_id))
        quiet = quiet_on(cursor, routing, as_of_date, customers)
        withheld = withhold(cursor, worst_first, project, groups, quiet, as_of_date=as_of_date, now=now)
        share = project.alerts.control_share
        keep_arms(cursor, worst_first, withheld, ids, share=share, as_of_date=as_of_date)
        _note_withheld(cursor, worst_first, withheld, ids, as_of_date=as_of_date, now=now)
        told = [
            (ids[draft.customer_id], draft, route)
            for draft in worst_first
            for route in draft.plan.told
            if route not in withheld.get(draft.customer_id, {})
        ]
        tasks = hand_out(cursor, told, facts, books, now=now)
        care = remind(cursor, books, now=now)
        desk = Desk(books, groups, {**care.facts, **facts}, now)
        actions = action_letters(cursor, desk, [*tasks, *care.written], told)
        digests.withdraw(cursor, told, as_of_date=as_of_date, now=now)
        threads = _first_keys(cursor, [case_id for case_id, _, _ in told])
        letters = list(_letters(told, books, facts, groups, threads, now=now))
        expires_at = now + timedelta(days=project.alerts.expires_after_days)
        letters_put = outbox.put(cursor, [*letters, *care.letters], now=now, expires_at=expires_at)
        keep_to_wishes(cursor, now=now)
        changes = [draft.plan.action for draft in drafts]
        return CaseCounts(
            signals=sum(len(signals) for signals in groups.values()),
            opened=changes.count("open"),
            raised=changes.count("raise"),
            joined=changes.count("join"),
            refreshed=changes.count("refresh"),
            unchanged=len(groups) - len(drafts) - len(cooling),
            cooling=len(cooling),
            suppressed=suppressed,
            withheld=len(withheld),
            moved=moved,
            quiet=note_quiet(cursor, as_of_date=as_of_date, days=project.alerts.quiet_days, now=now),
            held=late.held,
            released=late.released,
            dropped=late.dropped,
            tasks=sum(task.new for task in tasks),
            actions=outbox.put(cursor, actions, now=now, expires_at=expires_at),
            reminders=len(care.written),
            letters=letters_put,
            stage_letters=put_stage_letters(cursor, books, transitions, moves, now=now, expires_at=expires_at),
            escalated=escalate(cursor, books.directory, as_of_date=as_of_date, now=now, expires_at=expires_at),
            overdue=tell_overdue(cursor, books.directory, as_of_date=as_of_date, now=now, expires_at=expires_at),
        )


def _signals(cursor: extensions.cursor, as_of_date: date) -> Groups:
    cursor.execute(
        "select customer_id, name, version, level, route, reason, evidence from alerts.signal"
        " where as_of_date = %s order by customer_id, kind, name",
        [as_of_date],
    )
    signals = [Signal(*row) for row in cursor.fetchall()]
    return {key: list(group) for key, group in groupby(signals, key=lambda one: one.customer_id)}


def _fired(cursor: extensions.cursor, as_of_date: date) -> dict[Key, str]:
    cursor.execute("select customer_id, kind, name, reason from alerts.signal where as_of_date = %s", [as_of_date])
    return {(customer_id, kind, name): reason for customer_id, kind, name, reason in cursor.fetchall()}


def _drafts(
    groups: Groups,
    plans: Mapping[str, Plan],
    known: Mapping[str, Known],
    facts: Mapping[str, Facts],
    *,
    where: Mapping[str, Collection[str]],
    books: Books,
) -> Iterator[Draft]:
    language = Language(books.project.locale)
    for customer_id, signals in groups.items():
        before, about, decided = known.get(customer_id), facts[customer_id], plans[customer_id]
        if decided.action in ("leave", "suppress"):
            continue
        steps = {
            route: step_of(books, customer_id, signals, route=route, level=decided.level) for route in decided.routes
        }
        helpers = [further.who for step in steps.values() for further in step.then if further.who]
        readers = {
            route: books.directory.readers(
                matter(route, decided.level, signals, where.get(customer_id, ())), about.owner
            )
            for route in (*decided.routes, *helpers)
        }
        route = decided.routes[0]
        reader = readers[route][0]
        probability = about.probability
        if probability is None and before is not None and decided.action != "open":
            # Too long silent to be scored any more: the episode's last score still ranks the case.
            probability = before.probability
        assumed = books.playbooks.levels[decided.level].probability_by_rules if probability is None else probability
        reasons = case_reasons(signals, route)
        due_on = books.due(reader, decided.level, steps[route])
        owned = reader.why not in ("team", "routed")
        yield Draft(
            customer_id=customer_id,
            plan=decided,
            known=before,
            recipients=readers,
            owner_id=about.owner_id if owned else None,
            owner_name=about.owner_name if owned else reader.name,
            owner_email=reader.address,
            probability=probability,
            value_at_stake=about.value_at_stake,
            expected_loss=assumed * about.value_at_stake,
            reasons=[{"family": reason["family"], **said(reason, language)} for reason in reasons],
            due_on=due_on,
            next_step=next_step(about, steps[route], due=due_on, language=language),
            steps=steps,
        )


def _letters(
    told: Sequence[tuple[int, Draft, Route]],
    books: Books,
    facts: Mapping[str, Facts],
    groups: Groups,
    threads: Mapping[str, str],
    *,
    now: datetime,
) -> Iterator[outbox.Letter]:
    """Yield the letters of the cases that people are told of: one for each reader and channel."""
    for case_id, draft, route, reader in _each_reader(told):
        about, level = facts[draft.customer_id], draft.plan.level
        for channel in reader.channels or books.project.alerts.channels:
            dedup = outbox.dedup_key(case_id, level, channel, reader.address)
            words = content(
                books,
                replace(about, contact_name=None) if channel in WITHOUT_CONTACTS else about,
                draft,
                groups[draft.customer_id],
                route=route,
                reader=reader,
                case_id=case_id,
                key=outbox.message_key(dedup, now),
                thread_key=threads.get(f"{case_id}:{channel}:{reader.address}"),
            )
            gathered = books.project.alerts.gathers(level)
            yield outbox.Letter(dedup, channel, reader.address, words, time_zone=reader.time_zone, gathered=gathered)


def _note_withheld(
    cursor: extensions.cursor,
    drafts: Sequence[Draft],
    withheld: Mapping[str, Mapping[Route, Withholding]],
    ids: Mapping[str, int],
    *,
    as_of_date: date,
    now: datetime,
) -> None:
    """Keep on each case that was to be told which routes are not; an event says so where that is new."""
    marks: list[tuple[int, str | None, Mapping[str, str]]] = []
    news, first_told = [], list[tuple[int, date]]()
    for draft in drafts:
        if not draft.plan.told:
            continue
        found = withheld.get(draft.customer_id, {})
        before = {} if draft.known is None or draft.plan.action == "open" else dict(draft.known.withheld_routes)
        after = {route: why for route, why in before.items() if route not in draft.plan.told}
        after |= {route: one.why for route, one in found.items()}
        nobody = set(after) == set(draft.plan.routes)
        if draft.route in before and draft.route not in after:
            first_told.append((ids[draft.customer_id], draft.due_on))
        marks.append((ids[draft.customer_id], after[draft.plan.told[0]] if nobody else None, after))
        by_reason: dict[str, list[Route]] = {}
        for route, one in found.items():
            if draft.plan.action != "refresh" or before.get(route) != one.why:
                by_reason.setdefault(one.reason, []).append(route)
        news += [
            (ids[draft.customer_id], "suppressed", reason, {"why": found[routes[0]].why, "routes": routes})
            for reason, routes in by_reason.items()
        ]
    write_withheld(cursor, marks)
    write_due(cursor, first_told)
    note(cursor, news, as_of_date=as_of_date, now=now)


def _event(
    draft: Draft, ids: Mapping[str, int], behind: Mapping[str, dict[str, Any]]
) -> tuple[int, str, str, dict[str, Any]]:
    detail: dict[str, Any] = {
        "level": draft.plan.level,
        "recipient": draft.recipients[draft.route][0].address,
        "because": draft.recipients[draft.route][0].why,
        "told": {route: [_said(reader) for reader in draft.recipients[route]] for route in draft.plan.told},
    }
    if records := behind.get(draft.customer_id):
        detail["records"] = records
    return ids[draft.customer_id], EVENTS[draft.plan.action], draft.plan.reason, detail


def _each_reader(told: Sequence[Told]) -> Iterator[tuple[int, Draft, Route, Recipient]]:
    for case_id, draft, route in told:
        for reader in draft.recipients[route]:
            yield case_id, draft, route, reader


def _said(reader: Recipient) -> str:
    """Return a reader as an event keeps them: address, and why it is this one."""
    return f"{reader.address} ({reader.why}{f': {reader.cause}' if reader.cause else ''})"


def _first_keys(cursor: extensions.cursor, case_ids: Sequence[int]) -> dict[str, str]:
    """Return the key of the first message of each case, channel and reader: what later ones answer to."""
    cursor.execute(
        "select distinct on (case_id, channel, recipient) case_id, channel, recipient, payload ->> 'key'"
        " from alerts.outbox where case_id = any(%s) order by case_id, channel, recipient, alert_id",
        [list(case_ids)],
    )
    return {f"{case_id}:{channel}:{reader}": key for case_id, channel, reader, key in cursor.fetchall()}
