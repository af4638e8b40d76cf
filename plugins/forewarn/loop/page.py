"""What a report shows, as texts: sections of sentences and tables, for a page and for a PDF alike."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Table:
    """Headings and rows; the first column names what a row is about."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """One part of a report; `sql` gives every figure in it."""

    title: str
    sentences: tuple[str, ...] = ()
    table: Table | None = None
    sql: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """A whole report in one language.

    Attributes
    ----------
    language
        As HTML names it.
    sql_label, sql_help
        What the queries are called, and how to run them.
    """

    language: str
    title: str
    subtitle: str
    sections: tuple[Section, ...]
    sql_label: str
    sql_help: str
    footer: str


def html(page: Page) -> bytes:
    """Return a report as one file that needs no other."""
    return _environment().get_template("report.html.j2").render(page=page).encode()


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
