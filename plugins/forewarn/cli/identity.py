"""`forewarn identity`: which accounts are one customer and why; people's decisions, and how good the links are."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from forewarn.cli.installation import current_settings
from forewarn.cli.working import working

if TYPE_CHECKING:
    from forewarn.identity import Decision, Decisions

app = typer.Typer(help="Which accounts are one customer, why, and what people decided about it.", no_args_is_help=True)

ACCOUNT = "An account, as source:number, for instance crm:C0000042."
Reason = Annotated[str, typer.Option(help="Why; it stays on record.")]
By = Annotated[str, typer.Option(help="Who decided; by default who is logged in here.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say whether it could be decided, and decide nothing.")]
NEXT = "It takes effect with the next `forewarn run`."


@app.command()
def show(
    wanted: Annotated[str, typer.Argument(metavar="ACCOUNT_OR_CUSTOMER", help=f"{ACCOUNT} Or a customer_id.")],
) -> None:
    """Show the accounts of a customer, what joined each, what else looks like it, and the decisions about it."""
    from rich.table import Table

    from forewarn.cli.screen import screen

    known = _decisions().show(wanted)
    console = screen()
    console.print(f"customer [bold]{known.customer_id}[/]")
    members = Table("account", "name", "matched by", "score", "reason")
    for one in known.members:
        score = "" if one.score is None else f"{one.score:.3f}"
        members.add_row(f"{one.source}:{one.account_id}", one.name or "", one.matched_by, score, one.reason)
    console.print(members)
    if known.links:
        links = Table("probable link", "to", "probability", "state", "on what grounds")
        for link in known.links:
            state = f"{link.state}: {link.reason}" if link.reason else link.state
            links.add_row(":".join(link.account), ":".join(link.other), f"{link.probability:.3f}", state, link.grounds)
        console.print(links)
    for decision in known.decisions:
        typer.echo(_line(decision))


@app.command()
def join(
    one: Annotated[str, typer.Argument(help=ACCOUNT)],
    other: Annotated[str, typer.Argument(help=ACCOUNT)],
    reason: Reason,
    by: By = "",
    dry_run: DryRun = False,
) -> None:
    """Make two accounts one customer, whatever the data say."""
    from forewarn.identity import parse

    number = _decisions().join(
        parse(one), parse(other), reason=reason, by=by or getpass.getuser(), now=_now(), dry_run=dry_run
    )
    typer.echo(
        f"would make {one} and {other} one customer"
        if dry_run
        else f"Decision {number}: {one} and {other} are one customer. {NEXT}"
    )


@app.command()
def separate(
    accounts: Annotated[list[str], typer.Argument(help=f"{ACCOUNT} Several stay together.")],
    reason: Reason,
    by: By = "",
    dry_run: DryRun = False,
) -> None:
    """Make accounts a customer of their own, whatever the data say."""
    from forewarn.identity import parse

    keys = [parse(account) for account in accounts]
    number = _decisions().separate(keys, reason=reason, by=by or getpass.getuser(), now=_now(), dry_run=dry_run)
    apart = f"{', '.join(accounts)} apart from all others"
    typer.echo(f"would set {apart}" if dry_run else f"Decision {number}: {apart}. {NEXT}")


@app.command()
def undo(
    number: Annotated[int, typer.Argument(help="Number of the decision, see `forewarn identity list`.")],
    reason: Reason,
    by: By = "",
    dry_run: DryRun = False,
) -> None:
    """Take a decision back; it stays on record."""
    undone = _decisions().undo(number, reason=reason, by=by or getpass.getuser(), now=_now(), dry_run=dry_run)
    typer.echo(f"would undo {_line(undone)}" if dry_run else f"{_line(undone)} {NEXT}")


@app.command("list")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Also decisions that were undone.")] = False,
) -> None:
    """Show the decisions that stand."""
    decisions = _decisions().list(everything=everything)
    for decision in decisions:
        typer.echo(_line(decision))
    if not decisions:
        typer.echo("None. `forewarn identity join` and `separate` take one.")


@app.command()
def link(
    full: Annotated[bool, typer.Option("--full", help="Learn anew and compare every account.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the counts and write nothing.")] = False,
) -> None:
    """Compare what is new or has changed, as each run does; with --full everything."""
    from forewarn import stages

    now = _now()
    settings = current_settings()
    day = stages.own_day(settings) or now.date()
    with working("linking accounts") as progress:
        counts = stages.link_accounts(
            settings, stages.Run(day, "cli", now), full=full, keep=not dry_run, progress=progress
        )
    typer.echo(", ".join(f"{value:,} {name}" for name, value in counts.items()))


@app.command()
def evaluate() -> None:
    """Hold the customers of the simulated company against its truth: how many pairs of accounts are right."""
    from forewarn.cli.identity_report import measure

    for line in measure(current_settings()):
        typer.echo(line)


def _decisions() -> Decisions:
    from forewarn.identity import Decisions

    return Decisions(current_settings().warehouse_url)


def _line(decision: Decision) -> str:
    accounts = ", ".join(":".join(account) for account in decision.accounts)
    undone = (
        f" Undone {decision.undone_at:%Y-%m-%d} by {decision.undone_by}: {decision.undone_reason}"
        if decision.undone_at
        else ""
    )
    return (
        f"{decision.number}  {decision.action} {accounts}  {decision.decided_at:%Y-%m-%d} by {decision.decided_by}:"
        f" {decision.reason}{undone}"
    )


def _now() -> datetime:
    return datetime.now(UTC)
