"""`forewarn source new`: a source file from a look at a database, an API or a folder."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forewarn.cli.installation import PROJECT, chosen, current_project, typed
from forewarn.errors import ConfigError, Permanent

if TYPE_CHECKING:
    from forewarn.scaffold import Proposal, Table

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_OLD = timedelta(days=60)


def new(  # noqa: PLR0917
    name: Annotated[str, typer.Argument(help="Name of the source, and of its file: a-z, 0-9 and _.")],
    database: Annotated[str, typer.Option(help="A SQLAlchemy URL, or the name of a connection.")] = "",
    api: Annotated[
        list[str] | None,
        typer.Option(help="Address of an OpenAPI document, or of a list in JSON; once for each list of the server."),
    ] = None,
    folder: Annotated[Path | None, typer.Option(help="Folder of CSV, TSV, Parquet, JSON lines or Excel files.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the file, and write nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file of that name.")] = False,
) -> None:
    """Look at a source and propose its file: streams, keys, and what each feeds. What is unsure stands as a comment."""
    from forewarn.scaffold import propose, source_text

    if not _NAME.fullmatch(name):
        raise Permanent(
            f"source {name}", expected="a-z, 0-9 and _, 40 at most", got=name, next_step="choose another name"
        )
    if sum(map(bool, (database, api, folder))) != 1:
        raise Permanent(
            "forewarn source new",
            expected="one of --database, --api and --folder",
            got="none or several",
            next_step="give one",
        )
    project = current_project()
    file = project.path(project.sources) / f"{name}.yml"
    if file.exists() and not (force or dry_run):
        raise Permanent(
            str(file), expected="no file yet", got="one that somebody wrote", next_step="give --force, or another name"
        )
    kind, tables, problems, connection, address = _look(name, database, api or [], folder)
    proposal = propose(tables, datetime.now(UTC).date())
    proposal.unplaced += problems
    text = source_text(proposal, kind=kind, connection=connection, description=_description(kind, tables))
    if dry_run:
        typer.echo(text, nl=False)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    if address:
        from forewarn.config.connections import name_connection

        name_connection(chosen().home, connection, address)
    _tell(name, file, proposal, project.churn.definition, project.as_of_date)


def _look(
    name: str, database: str, api: list[str], folder: Path | None
) -> tuple[str, list[Table], list[str], str, str]:
    """Return kind, tables, problems, connection and the address to remember (empty where it is known already)."""
    from forewarn.scaffold import look_at_api, look_at_database, look_at_folder

    if folder is not None:
        found = folder.expanduser().resolve()
        return "files", *look_at_folder(found), name, str(found)
    if api:
        tables, problems, base = look_at_api(api, name)
        return "rest", tables, problems, name, base
    if "://" in database:
        return "sql", *look_at_database(database, name), name, database
    from forewarn.config.settings import Settings
    from forewarn.sources import resolve

    here = chosen()
    url = resolve(database, Settings(PROJECT, here.config, here.home, warehouse_url="", mlflow_url=""))
    return "sql", *look_at_database(url, database), database, ""


def _description(kind: str, tables: list[Table]) -> str:
    what = {"sql": "tables", "rest": "lists", "files": "files"}[kind]
    what = what.removesuffix("s") if len(tables) == 1 else what
    return f"{len(tables)} {what}: {', '.join(table.name for table in tables[:6])}{', …' if len(tables) > 6 else ''}."


def _fed(file: Path) -> set[str]:
    """Return the entities that another source feeds with records of their own; none while its file has mistakes."""
    from forewarn.sources.loader import load_source

    try:
        streams = load_source(file).streams.values()
    except ConfigError:
        return set()
    return {entity for stream in streams for entity, mapping in stream.entities.items() if not mapping.distinct}


def _tell(name: str, file: Path, proposal: Proposal, definition: str, as_of_date: date | None) -> None:
    """Say what was found, what is missing, and what to do next."""
    from forewarn.sources.loader import load_source

    others = {other.stem: _fed(other) for other in sorted(file.parent.glob("*.y*ml")) if other != file}
    try:
        load_source(file, known=list(others))
    except ConfigError as error:
        # It would be a fault of ours: the file is there to be mended by hand all the same.
        typer.secho(f"{error}", err=True, fg=typer.colors.YELLOW)
    typer.echo(f"Wrote {file}")
    for stream in proposal.streams:
        feeds = ", ".join(feed.entity for feed in stream.feeds) or "nothing yet"
        typer.echo(f"  {stream.name}: {feeds}{'' if stream.key else ' (no key: identical rows count once)'}")
    for line in proposal.unplaced:
        typer.echo(f"  not placed: {line}")
    for line in proposal.missing(elsewhere=set[str]().union(*others.values())):
        typer.echo(f"Missing: {line}")
    lists = [other for other, fed in others.items() if "account" in fed]
    if lists and not any(
        feed.entity == "account" and not feed.distinct for one in proposal.streams for feed in one.feeds
    ):
        typer.echo(
            f"Whose numbers are its customers'? If those of {' or '.join(f'`{other}`' for other in lists)}: write"
            f" `account_source: {lists[0]}` beside `columns` of each entity, and take its `account` out."
        )
    fed = {"order": "non_contractual", "subscription": "contractual"}
    if (fits := [meant for entity, meant in fed.items() if entity in proposal.fed]) and definition not in fits:
        typer.echo(f"forewarn.yml says `definition: {definition}`; what this source feeds fits `{fits[0]}`.")
    today = datetime.now(UTC).date()
    if proposal.newest and proposal.newest < today - _OLD and as_of_date is None:
        after = proposal.newest + timedelta(days=1)
        typer.echo(
            f"The data end on {proposal.newest}: write `as_of_date: {after}` into forewarn.yml, or run with --as-of."
        )
    check = typed(f"`forewarn source check` and `forewarn source test {name}`")
    typer.echo(f"Next: read the comments in the file, then {check}.")
