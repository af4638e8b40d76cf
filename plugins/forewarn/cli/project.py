"""`forewarn project`: a configuration folder of one's own."""

from __future__ import annotations

import shutil
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from forewarn.cli.installation import PROJECT, typed
from forewarn.errors import Permanent

app = typer.Typer(help="A company's own configuration.", no_args_is_help=True)

_TEXT = """# What {company} means by churn, and whom alerts reach. Every key: docs/reference/configuration.md
company: {company}
currency: {currency}
# time_zone: Europe/Berlin
churn:
  # non_contractual: no purchase within the horizon. contractual: the subscription ends within it.
  definition: {churn}
  # About three times the usual gap between two purchases of a customer, or the notice period of a contract.
  horizon_days: {horizon}
  # Whom to judge: who bought within so many days. A contract that runs is judged in any case.
  eligible_days: 90
  # As-of dates that training looks back to: every so many days, so many of them.
  snapshot_days: 30
  snapshots: 12
  alert_share: 0.05
alerts:
  channels: [file]
  fallback_recipient: {recipient}
  # Nobody is told at night or on a free day, by their own clock, and what is not urgent comes as one message at eight.
  # quiet_hours: {{from: "18:00", to: "08:00"}}
  # working_days: [monday, tuesday, wednesday, thursday, friday]
  # holidays: {{country: DE}}
  # digest: {{at: "08:00", levels: [low, medium]}}
  # When more than so much of the base has a case on one day, operations look first.
  # circuit_breaker: {{share: 0.25}}
# For data that end in the past: the first day that they do not know. Without it, today.
# as_of_date: 2026-03-01
"""
_BESIDE = "rules, playbooks.yml, routes.yml, and sources, which is empty"


class Definition(StrEnum):
    """What churn means."""

    NON_CONTRACTUAL = "non_contractual"
    CONTRACTUAL = "contractual"


@app.command()
def new(  # noqa: PLR0917
    folder: Annotated[Path, typer.Argument(help="Folder to make; it must not exist yet, or be empty.")],
    company: Annotated[str, typer.Option(help="Name of the company; by default the folder's.")] = "",
    currency: Annotated[str, typer.Option(help="Its currency.")] = "USD",
    churn: Annotated[Definition, typer.Option(help="What churn means for it.")] = Definition.NON_CONTRACTUAL,
    recipient: Annotated[str, typer.Option(help="Who gets what has no account manager.")] = "sales@example.com",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print forewarn.yml and what else there would be; write nothing.")
    ] = False,
) -> None:
    """Make a configuration folder: forewarn.yml, rules, playbooks and routes, and a place for sources."""
    folder = folder.expanduser().resolve()
    if folder.exists() and any(folder.iterdir()):
        raise Permanent(
            f"{folder}", expected="a new or empty folder", got="one with files in it", next_step="name another"
        )
    text = _TEXT.format(
        company=_quoted(company or folder.name),
        currency=_quoted(currency),
        churn=churn.value,
        horizon=60 if churn is Definition.CONTRACTUAL else 90,
        recipient=_quoted(recipient),
    )
    if dry_run:
        typer.echo(text, nl=False)
        typer.echo(f"would write this to {folder / 'forewarn.yml'}, and beside it {_BESIDE}")
        return
    (folder / "sources").mkdir(parents=True)
    shutil.copytree(PROJECT / "config" / "rules", folder / "rules")
    shutil.copy(PROJECT / "config" / "playbooks.yml", folder)
    (folder / "forewarn.yml").write_text(text, encoding="utf-8")
    (folder / "routes.yml").write_text(
        "# Who gets which kind of case. `owner` is the customer's account manager; where there is none,\n"
        "# the message goes to `alerts.fallback_recipient` of forewarn.yml, and says so.\n"
        "routes:\n  account_manager: {to: owner}\n"
        f"  finance: {{to: {_quoted(recipient)}, name: Receivables, locale: en}}\n"
        f"  service: {{to: {_quoted(recipient)}, name: Support, locale: en}}\n",
        encoding="utf-8",
    )
    (folder / ".gitignore").write_text(".forewarn/\n", encoding="utf-8")
    typer.echo(f"Wrote {folder}: forewarn.yml, {_BESIDE}.")
    look = typed("`forewarn source new NAME --folder PATH`")
    typer.echo(f"Next: `export FOREWARN_CONFIG={folder}`, then {look}.")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
