"""`forewarn source`: what is configured, and whether it can be reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from forewarn.cli.installation import current_project, current_settings
from forewarn.config.yaml import did_you_mean
from forewarn.errors import ForewarnError

if TYPE_CHECKING:
    from forewarn.sources import Sample

app = typer.Typer(help="Source systems.", no_args_is_help=True)


@app.command("list")
def list_() -> None:
    """List every stream, what it feeds, and when it last landed."""
    from forewarn.sources import load_sources
    from forewarn.warehouse.engine import connect

    with connect(current_settings().warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select source, stream, max(finished_at), sum(rows_loaded), sum(rows_quarantined)"
            " from ops.batch where status = 'landed' group by source, stream"
        )
        landed = {(source, stream): figures for source, stream, *figures in cursor.fetchall()}
    table = Table("source", "stream", "kind", "mode", "feeds", "last landed", "rows", "quarantined")
    for name, source in load_sources(current_project()).items():
        for stream, spec in source.streams.items():
            when, rows, quarantined = landed.get((name, stream), (None, 0, 0))
            last = f"{when:%Y-%m-%d %H:%M}" if when else "never"
            table.add_row(
                name, stream, source.kind, spec.mode, ", ".join(spec.entities), last, f"{rows:,}", f"{quarantined:,}"
            )
    Console().print(table)


@app.command()
def check() -> None:
    """Check every source file; an error names file, line, column and a hint. Nothing is connected."""
    from forewarn.sources import load_sources

    sources = load_sources(current_project())
    typer.echo(f"{len(sources)} sources, {sum(len(source.streams) for source in sources.values())} streams: sound")


@app.command("test")
def show(
    name: Annotated[str, typer.Argument(help="The source: a file of config/sources without its ending.")],
    stream: Annotated[str, typer.Option(help="Only this stream.")] = "",
) -> None:
    """Show five rows and the types of each stream; nothing is landed."""
    from forewarn.local.company import systems
    from forewarn.sources import load_sources, sample

    settings, sources = current_settings(), load_sources(current_project())
    if name not in sources:
        raise ForewarnError(
            f"source {name}", expected="a configured source", got="none", next_step=_near(name, sources)
        )
    source, console = sources[name], Console()
    if stream and stream not in source.streams:
        raise ForewarnError(
            f"stream {name}.{stream}", expected="one of the source", got="none", next_step=_near(stream, source.streams)
        )
    with systems(settings.home):
        for one in [stream] if stream else source.streams:
            console.print(_table(sample(settings, source, one)))


def _table(found: Sample) -> Table:
    table = Table(title=f"{found.source}.{found.stream}", title_justify="left")
    for column, kind in found.types.items():
        table.add_column(f"{column}\n[dim]{kind}[/]", overflow="ellipsis", max_width=24)
    for row in found.rows:
        table.add_row(*("[dim]null[/]" if value is None else str(value) for value in row))
    return table


def _near(name: str, known: object) -> str:
    return did_you_mean(name, [str(one) for one in known]) if isinstance(known, dict) else ""
