"""`forewarn rules`."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from forewarn.cli.installation import current_project, current_settings
from forewarn.cli.model import AsOf, DryRun
from forewarn.cli.screen import screen
from forewarn.errors import Permanent

if TYPE_CHECKING:
    from psycopg2 import extensions

    from forewarn.alerts.replay import Replayed
    from forewarn.alerts.rules import Rule

app = typer.Typer(help="Rules that open cases.", no_args_is_help=True)


@app.callback()
def rules() -> None:
    """Rules that open cases."""


@app.command()
def check() -> None:
    """Check every rule file; an error names file, line, column and a hint."""
    from forewarn.alerts.rules import load_rules

    table = Table("rule", "version", "state", "level", "route", "when")
    for rule in load_rules(current_project()):
        content = rule.content
        table.add_row(
            rule.name, str(content.version), content.state, content.level, content.route, content.when.strip()
        )
    screen().print(table)


@app.command()
def backtest(
    names: Annotated[list[str] | None, typer.Argument(help="Rules by their id; by default all of the files.")] = None,
    as_of: AsOf = None,
    days: Annotated[int, typer.Option(min=30, help="How far back the rules are replayed.")] = 730,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the figures, and do not keep them.")] = False,
) -> None:
    """Replay rules on past dates: alerts a week, precision, recall and lead time, and whom they would have missed."""
    from forewarn.alerts.backtest import backtest as replayed
    from forewarn.alerts.backtest import keep
    from forewarn.warehouse.engine import connect

    project = current_project()
    chosen, now = _rules(names), datetime.now(UTC)
    with connect(current_settings().warehouse_url) as connection, connection, connection.cursor() as cursor:
        day = _day(cursor, as_of)
        found = replayed(cursor, chosen, project.churn, as_of_date=day, days=days)
        if not dry_run:
            judged = list(zip(chosen, found, strict=True))
            keep(cursor, judged, project.churn, as_of_date=day, by=getpass.getuser(), now=now)
    for rule, one in zip(chosen, found, strict=True):
        _show(rule, one, single=len(chosen) == 1)
    screen().print(_figures(chosen, found))
    if not all(one.dates for one in found):
        typer.echo("No date has features yet: run the pipeline, or `forewarn backfill`.")


@app.command()
def diff(name: Annotated[str, typer.Argument(help="The rule's id.")], as_of: AsOf = None) -> None:
    """Show whom a rule's file would add to those of the live version, and whom it would drop; nothing is sent."""
    from forewarn.alerts.rule_diff import difference
    from forewarn.warehouse.engine import connect

    (rule,) = _rules([name])
    with connect(current_settings().warehouse_url) as connection, connection.cursor() as cursor:
        day = _day(cursor, as_of)
        found = difference(cursor, rule, as_of_date=day)
    against = f"live version {found.live}" if found.live else "no live version"
    typer.echo(
        f"{name}, version {rule.content.version}, against {against} as of {day}:"
        f" adds {len(found.adds):,}, drops {len(found.drops):,}, keeps {found.both:,}"
    )
    for mark, customers in (("+", found.adds), ("-", found.drops)):
        for customer, called in customers[:20]:
            typer.echo(f"{mark} {customer}  {called}")
        if len(customers) > 20:
            typer.echo(f"{mark} and {len(customers) - 20:,} more")


@app.command()
def apply(
    reason: Annotated[str, typer.Option(help="Why the rules change; kept with the change.")] = "changed in its file",
    dry_run: DryRun = False,
) -> None:
    """Take up the rules as their files say; a version without a back-test is refused."""
    from forewarn.alerts.rule_ledger import apply_rules
    from forewarn.warehouse.engine import connect

    chosen, now = _rules(None), datetime.now(UTC)
    with connect(current_settings().warehouse_url) as connection, connection.cursor() as cursor:
        found = apply_rules(cursor, chosen, by=getpass.getuser(), reason=reason, now=now)
        if not dry_run:
            connection.commit()
    table = Table("rule", "version", "", "why")
    for one in found:
        table.add_row(one.rule_id, str(one.version), one.outcome, one.reason)
    screen().print(table)
    if any(one.outcome == "refused" for one in found):
        raise typer.Exit(1)


@app.command()
def history(name: Annotated[str | None, typer.Argument(help="A rule's id; by default all rules.")] = None) -> None:
    """Show who changed which rule, when and why, newest first."""
    from forewarn.warehouse.engine import connect

    table = Table("when (UTC)", "rule", "version", "from", "to", "by", "why")
    with connect(current_settings().warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select to_char(changed_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), rule_id, version::text,"
            " coalesce(from_state, ''), to_state, changed_by, reason from alerts.rule_event"
            " where rule_id = coalesce(%s, rule_id) order by event_id desc",
            [name],
        )
        for row in cursor.fetchall():
            table.add_row(*row)
    screen().print(table)


@app.command()
def shadow() -> None:
    """Show what the rules in shadow found on the newest dates, and how many of those no live rule found."""
    from forewarn.alerts.rule_diff import shadow_days
    from forewarn.warehouse.engine import connect

    table = Table("as of", "rule", "version", "customers", "found by no live rule")
    with connect(current_settings().warehouse_url) as connection, connection.cursor() as cursor:
        for one in shadow_days(cursor):
            table.add_row(str(one.day), one.rule_id, str(one.version), f"{one.customers:,}", f"{one.unseen:,}")
    screen().print(table)


def _rules(names: Sequence[str] | None) -> list[Rule]:
    from forewarn.alerts.rules import load_rules
    from forewarn.config.yaml import did_you_mean

    known = {rule.name: rule for rule in load_rules(current_project())}
    for name in names or ():
        if name not in known:
            raise Permanent(
                f"rule {name}", expected="the id of a rule file", got=name, next_step=did_you_mean(name, list(known))
            )
    return [known[name] for name in names] if names else list(known.values())


def _day(cursor: extensions.cursor, as_of: datetime | None) -> date:
    from forewarn.alerts.rule_diff import newest_day

    day = as_of.date() if as_of else newest_day(cursor)
    if day is None:
        raise Permanent(
            "marts.feature_dates", expected="a date with features", got="none", next_step="run the pipeline once"
        )
    return day


def _show(rule: Rule, found: Replayed, *, single: bool) -> None:
    if not single:
        return
    managers = ", ".join(f"{name} {count:.1f}" for name, count in found.managers[:5])
    typer.echo(
        f"{rule.name}, version {rule.content.version}, on {found.dates} dates from {found.first} to {found.last}"
    )
    typer.echo(f"alerts a week by manager: {managers or 'none'}")
    for title, examples in (("newest alerts", found.examples), ("newest leavers missed", found.missed)):
        typer.echo(f"{title}:{'' if examples else ' none'}")
        for one in examples:
            typer.echo(f"  {one.day}  {one.said:<18}  {one.name} ({one.customer_id})")


def _figures(rules: Sequence[Rule], found: Sequence[Replayed]) -> Table:
    table = Table("rule", "alerts/week", "most for one manager", "precision", "recall", "lead days (median)")
    for rule, one in zip(rules, found, strict=True):
        precision = (
            f"unknown (0 of {one.alerts} judged)"
            if one.precision is None
            else f"{one.precision:.0%} ({one.right} of {one.judged} judged)"
        )
        recall = "unknown" if one.recall is None else f"{one.recall:.0%} ({one.foreseen} of {one.leavers})"
        table.add_row(
            rule.name,
            f"{one.alerts_per_week:.1f}",
            f"{one.managers[0][1]:.1f} ({one.managers[0][0]})" if one.managers else "",
            precision,
            recall,
            "" if one.lead_days is None else f"{one.lead_days:.0f}",
        )
    return table
