"""`forewarn rules`."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.table import Table

from forewarn.cli.installation import current_project

app = typer.Typer(help="Rules that open cases.", no_args_is_help=True)


@app.callback()
def rules() -> None:
    """Rules that open cases."""


@app.command()
def check() -> None:
    """Check every rule file; an error names file, line, column and a hint."""
    from forewarn.alerts.rules import load_rules

    table = Table("rule", "version", "level", "route", "when")
    for rule in load_rules(current_project()):
        content = rule.content
        table.add_row(rule.name, str(content.version), content.level, content.route, content.when.strip())
    Console().print(table)
