"""Which version of each rule is live or in shadow, and how it came to be: files propose, the ledger decides.

A version goes live or into shadow only once it has a back-test as it stands. Only the rules of an empty ledger are
back-tested and taken up by the first run itself, so that an installation alerts from its first day.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from psycopg2 import extensions
from psycopg2.extras import Json

from forewarn.alerts.backtest import backtest, keep, tested
from forewarn.alerts.rules import Rule, State, load_rules, stored_rule
from forewarn.config.project import Project

LOCK = "select pg_advisory_xact_lock(hashtext('forewarn.rules'))"
USED: tuple[State, ...] = ("live", "shadow")

Outcome = Literal["unchanged", "changed", "refused"]


@dataclass(frozen=True)
class Applied:
    """What became of one rule when its file was applied, and why."""

    rule_id: str
    version: int
    outcome: Outcome
    reason: str


@dataclass(frozen=True)
class _Stored:
    rule: Rule
    state: State


def rules_in(cursor: extensions.cursor, state: State) -> list[Rule]:
    """Return the rules of a state, by name."""
    cursor.execute("select content from alerts.rule_version where state = %s order by rule_id", [state])
    return [stored_rule(content) for (content,) in cursor.fetchall()]


def in_use(cursor: extensions.cursor, project: Project) -> list[Rule]:
    """Return the live rules; where the ledger is empty yet, those that the first run will take up.

    Raises
    ------
    ConfigError
        The ledger is empty, and a rule file says something that cannot be meant.
    """
    cursor.execute("select exists (select from alerts.rule_version)")
    if (cursor.fetchone() or [False])[0]:
        return rules_in(cursor, "live")
    return [rule for rule in load_rules(project) if rule.content.state == "live"]


def found_ledger(
    cursor: extensions.cursor, project: Project, *, as_of_date: date, by: str, now: datetime
) -> list[Applied]:
    """Back-test and take up the rules of the files where the ledger is empty; otherwise do nothing.

    Raises
    ------
    ConfigError
        A rule file says something that cannot be meant.
    """
    cursor.execute(LOCK)
    cursor.execute("select exists (select from alerts.rule_version)")
    if (cursor.fetchone() or [True])[0]:
        return []
    rules = load_rules(project)
    judged = zip(rules, backtest(cursor, rules, project.churn, as_of_date=as_of_date), strict=True)
    keep(cursor, list(judged), project.churn, as_of_date=as_of_date, by=by, now=now)
    return apply_rules(cursor, rules, by=by, reason="first rules of the installation", now=now)


def pending(cursor: extensions.cursor, rules: Sequence[Rule]) -> list[str]:
    """Return the names of the rules whose files say something that the ledger does not hold yet."""
    cursor.execute("select rule_id, version, state, content, origin from alerts.rule_version")
    rows = cursor.fetchall()
    known = {(rule_id, version): (state, content) for rule_id, version, state, content, _ in rows}
    waiting = {
        rule.name
        for rule in rules
        if known.get((rule.name, rule.content.version)) != (rule.content.state, rule.content.model_dump(mode="json"))
    }
    used = {rule_id for rule_id, _, state, _, origin in rows if state in USED and origin == "file"}
    return sorted(waiting | (used - {rule.name for rule in rules})) if known else []


def apply_rules(
    cursor: extensions.cursor, rules: Sequence[Rule], *, by: str, reason: str, now: datetime
) -> list[Applied]:
    """Take up the versions of files as their `state` says; the caller commits.

    Parameters
    ----------
    rules : sequence of Rule
        All rules of the files: one that the ledger uses, that came from a file and is not among them is retired.
    by, reason : str
        Who changes the rules, and why; both are kept.

    Returns
    -------
    list of Applied
        One a rule. Refused is what has no back-test as it stands, and what changed without a new version.
    """
    cursor.execute(LOCK)
    ready = tested(cursor, rules)
    found = [_apply(cursor, rule, rule.name in ready, by=by, reason=reason, now=now) for rule in rules]
    return found + _retire_missing(cursor, {rule.name for rule in rules}, by=by, now=now)


def take_up(cursor: extensions.cursor, rule: Rule, *, by: str, reason: str, now: datetime) -> Applied:
    """Take up one version that was made in the workbench, as its `state` says; the caller commits.

    Returns
    -------
    Applied
        Refused is what `apply_rules` refuses.
    """
    cursor.execute(LOCK)
    is_tested = rule.name in tested(cursor, [rule])
    return _apply(cursor, rule, is_tested, by=by, reason=reason, now=now, origin="workbench")


def versions_of(cursor: extensions.cursor, rule_id: str) -> list[Rule]:
    """Return the versions of a rule, the newest first, each with the state that the ledger gives it."""
    return [
        dataclasses.replace(one.rule, content=one.rule.content.model_copy(update={"state": one.state}))
        for _, one in sorted(_versions(cursor, rule_id).items(), reverse=True)
    ]


def _apply(
    cursor: extensions.cursor,
    rule: Rule,
    is_tested: bool,
    *,
    by: str,
    reason: str,
    now: datetime,
    origin: Literal["file", "workbench"] = "file",
) -> Applied:
    versions = _versions(cursor, rule.name)
    number, wanted = rule.content.version, rule.content.state
    known = versions.get(number)
    if known is None and versions and number < max(versions):
        return Applied(rule.name, number, "refused", f"version {max(versions)} is known already; raise `version`")
    if known and known.rule.digest != rule.digest:
        return Applied(rule.name, number, "refused", f"version {number} judges otherwise; raise `version`")
    if wanted in USED and not is_tested and not (known and known.state == wanted):
        return Applied(
            rule.name, number, "refused", f"no back-test as it stands: run `forewarn rules backtest {rule.name}`"
        )
    same_words = known is not None and known.rule.content == rule.content
    if known is None:
        cursor.execute(
            "insert into alerts.rule_version (rule_id, version, content, digest, state, created_at, origin)"
            " values (%s, %s, %s, %s, 'draft', %s, %s)",
            [rule.name, number, Json(rule.content.model_dump(mode="json")), rule.digest, now, origin],
        )
        _note(cursor, (rule.name, number), None, "draft", reason, by=by, now=now)
    elif not same_words:
        cursor.execute(
            "update alerts.rule_version set content = %s where (rule_id, version) = (%s, %s)",
            [Json(rule.content.model_dump(mode="json")), rule.name, number],
        )
        _note(cursor, (rule.name, number), known.state, known.state, f"{reason}; other texts", by=by, now=now)
    before: State = known.state if known else "draft"
    if before == wanted:
        changed = not same_words
        return Applied(rule.name, number, "changed" if changed else "unchanged", f"{wanted}, as before")
    if wanted in USED:
        for other, stored in versions.items():
            # A version in shadow stays beside the live one that it is compared with.
            if other != number and stored.state == wanted:
                _move(cursor, (rule.name, other), stored.state, "retired", f"version {number} follows", by=by, now=now)
    _move(cursor, (rule.name, number), before, wanted, reason, by=by, now=now)
    return Applied(rule.name, number, "changed", f"from {before} to {wanted}")


def _versions(cursor: extensions.cursor, rule_id: str) -> dict[int, _Stored]:
    cursor.execute(
        "select version, content, state from alerts.rule_version where rule_id = %s order by version", [rule_id]
    )
    return {version: _Stored(stored_rule(content), state) for version, content, state in cursor.fetchall()}


def _retire_missing(cursor: extensions.cursor, present: set[str], *, by: str, now: datetime) -> list[Applied]:
    cursor.execute(
        "select rule_id, version, state from alerts.rule_version"
        " where state in ('live', 'shadow') and origin = 'file' and not rule_id = any(%s) order by 1, 2",
        [sorted(present)],
    )
    gone = cursor.fetchall()
    for rule_id, version, state in gone:
        _move(cursor, (rule_id, version), state, "retired", "its file is gone", by=by, now=now)
    return [Applied(rule_id, version, "changed", f"from {state} to retired") for rule_id, version, state in gone]


def _move(
    cursor: extensions.cursor, key: tuple[str, int], before: str, after: str, reason: str, *, by: str, now: datetime
) -> None:
    cursor.execute("update alerts.rule_version set state = %s where (rule_id, version) = (%s, %s)", [after, *key])
    _note(cursor, key, before, after, reason, by=by, now=now)


def _note(
    cursor: extensions.cursor,
    key: tuple[str, int],
    before: str | None,
    after: str,
    reason: str,
    *,
    by: str,
    now: datetime,
) -> None:
    cursor.execute(
        "insert into alerts.rule_event (rule_id, version, from_state, to_state, reason, changed_at, changed_by)"
        " values (%s, %s, %s, %s, %s, %s, %s)",
        [*key, before, after, reason, now, by],
    )
