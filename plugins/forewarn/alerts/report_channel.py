"""Cases as a page to read and a table to work with, in a folder under names that stay the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from forewarn.alerts.channel import ChannelDown, Message
from forewarn.alerts.content import ReportContent, ReportRow
from forewarn.alerts.language import Language
from forewarn.alerts.letter import TEMPLATES
from forewarn.alerts.plain import one_line
from forewarn.alerts.spreadsheet import as_csv
from forewarn.alerts.whole_file import write_whole

COLUMNS = ("case_id", "customer", "level", "state", "owner", "expected_loss", "due_on", "reasons", "next_step")


class ReportChannel:
    """Writes `<name>.html` and `<name>.csv`, each whole or not at all; a repeat writes the same again."""

    repeat_when_unknown = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, message: Message) -> str:
        """Write one report and return the path of its page; see `Channel.send`."""
        content = message.content
        if not isinstance(content, ReportContent):
            raise TypeError(f"no report: {type(content).__name__}")
        page = self._folder / f"{content.name}.html"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(page.with_suffix(".csv"), as_csv(COLUMNS, map(_plain, content.rows)))
            write_whole(page, _page(content))
        except OSError as error:
            raise ChannelDown(
                f"folder {self._folder}", expected="room and the right to write", got=str(error)
            ) from error
        return str(page)

    def finish(self) -> None:
        """Nothing is open."""


def _plain(row: ReportRow) -> dict[str, Any]:
    return row.model_dump(mode="json") | {"reasons": "; ".join(row.reasons)}


def _page(content: ReportContent) -> bytes:
    language = Language(content.locale)
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    template = environment.from_string((TEMPLATES / "report.html.j2").read_text(encoding="utf-8"))
    rows = [
        [
            str(row.case_id),
            one_line(row.customer, 120),
            language.text("level", row.level),
            language.text("report", "state", row.state),
            row.owner,
            language.money(row.expected_loss, content.currency),
            language.near_date(row.due_on, content.as_of_date) if row.due_on else "",
            "; ".join(row.reasons),
            row.next_step,
        ]
        for row in content.rows
    ]
    columns = [language.text("report", "columns", column) for column in COLUMNS]
    return template.render(
        language=language.tag,
        title=content.title,
        data=language.text("footer", "data", date=language.date(content.as_of_date)),
        nothing=language.text("report", "nothing"),
        columns=columns,
        rows=rows,
    ).encode()
