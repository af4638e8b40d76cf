"""Tables as a source shows them, and what is proposed for them."""

from __future__ import annotations

from pathlib import Path

from forewarn.scaffold import Proposal, Table, source_text
from forewarn.scaffold.feed import Feed
from forewarn.scaffold.table import columns_of
from forewarn.sources.loader import load_source


def table(name: str, text: str) -> Table:
    """Return a table of lines of values between blanks; `-` is an empty one, and `_` stands for a blank."""
    header, *lines = [line.split() for line in text.strip().splitlines()]
    rows = [[None if value == "-" else value.replace("_", " ") for value in line] for line in lines]
    return Table(name, {"path": f"{name}.csv", "format": "csv"}, columns_of(header, [None] * len(header), rows))


def feeds(proposal: Proposal, name: str) -> dict[str, Feed]:
    """Return what a stream feeds, by entity."""
    return {feed.entity: feed for stream in proposal.streams if stream.name == name for feed in stream.feeds}


def accepted(proposal: Proposal, folder: Path) -> None:
    """See that the file passes the check as it is."""
    file = folder / "any.yml"
    file.write_text(source_text(proposal, kind="files", connection="any", description="x"), encoding="utf-8")
    load_source(file)
