"""`forewarn doctor`: is everything here that a run needs; each failure says which command mends it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer

from forewarn.cli.installation import chosen, typed


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check versions, database, migrations, configuration, connections, SMTP, MLflow and freshness."""
    from rich.table import Table

    from forewarn.cli.screen import screen
    from forewarn.local.checkup import examine

    here = chosen()
    found = examine(here.config, here.home, now=datetime.now(UTC))
    findings = [replace(one, found=typed(one.found), remedy=typed(one.remedy)) for one in found]
    if as_json:
        typer.echo(json.dumps([vars(finding) for finding in findings], indent=1))
    else:
        table = Table("", "check")
        # A command that is cut short cannot be typed.
        for heading in ("found", "mend it with"):
            table.add_column(heading, overflow="fold")
        for finding in findings:
            mark = "[green]✓[/]" if finding.ok else "[red]✗[/]"
            table.add_row(mark, finding.check, finding.found, "" if finding.ok else finding.remedy)
        screen().print(table)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)
