"""`forewarn source`: what is configured, and whether it can be reached."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from forewarn.cli import source_new
from forewarn.cli.installation import current_project, current_settings
from forewarn.cli.screen import screen
from forewarn.config.yaml import did_you_mean
from forewarn.errors import ForewarnError

if TYPE_CHECKING:
    from forewarn.sources import Sample, Source

_ANY_WIDTH = 10_000

app = typer.Typer(help="Source systems.", no_args_is_help=True)
app.command("new")(source_new.new)


@app.command("list")
def list_() -> None:
    """List every stream, what it feeds, and when it last landed."""
    from forewarn.sources import load_sources
    from forewarn.warehouse.engine import connect

    with connect(current_settings().warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select source, stream, max(finished_at) filter (where not redrive), sum(rows_loaded),"
            " sum(rows_quarantined) from ops.batch where status = 'landed' group by source, stream"
        )
        landed = {(source, stream): figures for source, stream, *figures in cursor.fetchall()}
    table = Table(Column("stream", no_wrap=True), "kind", "mode", "feeds", "last landed")
    for heading in ("rows", "quarantined"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, source in load_sources(current_project()).items():
        for stream, spec in source.streams.items():
            when, rows, quarantined = landed.get((name, stream), (None, 0, 0))
            last = f"{when:%Y-%m-%d %H:%M}" if when else "never"
            table.add_row(
                f"{name}.{stream}",
                source.kind,
                spec.load_mode,
                ", ".join(spec.entities),
                last,
                f"{rows:,}",
                f"{quarantined:,}",
            )
    screen().print(table)


@app.command()
def check() -> None:
    """Check every source file; an error names file, line, column and a hint. Nothing is connected."""
    from forewarn.sources import load_sources

    sources = load_sources(current_project())
    typer.echo(f"{len(sources)} sources, {sum(len(source.streams) for source in sources.values())} streams: sound")


@app.command()
def reset(
    name: Annotated[str, typer.Argument(help="The source.")],
    stream: Annotated[str, typer.Argument(help="The stream that is to be loaded anew.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be forgotten, and touch nothing.")
    ] = False,
) -> None:
    """Forget what has landed of a stream, so that the next run loads it anew."""
    from forewarn.sources import reset_stream

    settings, source = current_settings(), _source(name, stream)
    what = f"all rows of {source.schema_name}.{stream}, its watermark and its list of files"
    if dry_run:
        typer.echo(f"would forget {what}")
    elif yes or typer.confirm(f"Forget {what}?"):
        reset_stream(settings, source, stream)
        typer.echo(f"Forgot {what}. The next run loads the stream anew.")


@app.command("redrive")
def try_again(
    name: Annotated[str, typer.Argument(help="The source.")],
    stream: Annotated[str, typer.Argument(help="The stream whose rows were set aside.")],
    reason: Annotated[str, typer.Option(help="What was mended; kept with it.")] = "mended",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be tried, and change nothing.")] = False,
) -> None:
    """Try again the rows of a stream that were set aside; those that fit now leave the quarantine."""
    from forewarn.sources.redrive import preview
    from forewarn.sources.redrive_requests import ask, carry_out
    from forewarn.warehouse.engine import connect

    settings, source, now = current_settings(), _source(name, stream), datetime.now(UTC)
    if dry_run:
        typer.echo(f"would be {preview(settings, source, stream)}")
        return
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        ask(cursor, name, stream, reason=reason, by=getpass.getuser(), now=now)
        connection.commit()
    typer.echo(str(carry_out(settings.as_service("loader"), source, stream, now=now)))


@app.command("test")
def show(
    name: Annotated[str, typer.Argument(help="The source: a file of config/sources without its ending.")],
    stream: Annotated[str, typer.Option(help="Only this stream.")] = "",
) -> None:
    """Show five rows and the types of each stream; nothing is landed."""
    from forewarn.local.company import systems
    from forewarn.sources import sample

    source, settings, console = _source(name, stream), current_settings(), screen()
    with systems(settings.home):
        for one in [stream] if stream else source.streams:
            found = sample(settings, source, one)
            table = _table(found)
            wide = console.measure(table, options=console.options.update_width(_ANY_WIDTH)).maximum > console.width
            console.print(_columns(found) if wide else table)


def _source(name: str, stream: str) -> Source:
    """Return a source that is configured, and has the stream when one is named."""
    from forewarn.sources import load_sources

    sources = load_sources(current_project())
    if name not in sources:
        near = did_you_mean(name, list(sources))
        raise ForewarnError(f"source {name}", expected="a configured source", got="none", next_step=near)
    streams = sources[name].streams
    if stream and stream not in streams:
        near = did_you_mean(stream, list(streams))
        raise ForewarnError(f"stream {name}.{stream}", expected="a stream of the source", got="none", next_step=near)
    return sources[name]


def _table(found: Sample) -> Table:
    """Return a line for each row."""
    table = Table(title=f"{found.source}.{found.stream}", title_justify="left")
    for column, kind in found.types.items():
        table.add_column(f"{column}\n[dim]{kind}[/]", no_wrap=True, overflow="ellipsis", max_width=24)
    for row in found.rows:
        table.add_row(*map(_value, row))
    return table


def _columns(found: Sample) -> Table:
    """Return a line for each column, for what is wider than the screen."""
    table = Table("column", "type", Column("row by row", overflow="fold"))
    table.title, table.title_justify = f"{found.source}.{found.stream}", "left"
    for number, (column, kind) in enumerate(found.types.items()):
        # A row that could not be read has its reason alone.
        values = [_value(row[number]) for row in found.rows if number < len(row)]
        table.add_row(escape(column), kind, "[dim] │ [/]".join(values))
    return table


def _value(value: str | None) -> str:
    return "[dim]null[/]" if value is None else escape(value)
