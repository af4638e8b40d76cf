"""Errors as one readable message and exit code 1, without a traceback."""

from __future__ import annotations

from typing import Any

import psycopg2
import typer
from typer.core import TyperGroup

from forewarn.cli.installation import typed
from forewarn.errors import ForewarnError


class ReadableErrors(TyperGroup):
    """The root command: whatever a person can mend is printed, everything else keeps its traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; an error of ours ends it with exit code 1."""
        try:
            return super().invoke(ctx)
        except ForewarnError as error:
            if ctx.params.get("debug"):
                raise
            typer.secho(f"Error: {typed(str(error))}", err=True, fg=typer.colors.RED)
            raise typer.Exit(1) from error
        except psycopg2.OperationalError as error:
            if ctx.params.get("debug"):
                raise
            next_step = typed("run `forewarn up --database-only`, or mend FOREWARN_WAREHOUSE_URL")
            typer.secho(f"Error: warehouse: {str(error).strip()}. Next: {next_step}", err=True, fg=typer.colors.RED)
            raise typer.Exit(1) from error
