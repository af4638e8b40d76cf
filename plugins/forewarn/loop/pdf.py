"""A report as PDF, with its font inside: it needs nothing of the machine that makes it or shows it."""

from __future__ import annotations

from datetime import datetime
from importlib.resources import files

from fpdf import FPDF
from fpdf.enums import TableBordersLayout
from fpdf.fonts import FontFace

from forewarn.loop.page import Page, Section, Table

FONT = "Noto Sans SC"
INK, QUIET, LINE = (28, 39, 51), (85, 97, 109), (213, 219, 225)
# Beyond so many columns a table is set smaller.
WIDE = 8


def pdf(page: Page, *, made_at: datetime) -> bytes:
    """Return a report as PDF; the same page and moment give the same bytes."""
    sheet = _Sheet(page, made_at)
    for section in page.sections:
        sheet.section(section)
    sheet.queries()
    return bytes(sheet.output())


class _Sheet(FPDF):
    def __init__(self, page: Page, made_at: datetime) -> None:
        super().__init__(format="A4")
        self._page = page
        font = str(files("pylopdf_fonts_zh_cn") / "NotoSansSC-Regular.otf")
        for style in ("", "B"):
            self.add_font(FONT, style, font)
        self.set_creation_date(made_at)
        self.set_title(page.title)
        self.set_lang(page.language)
        self.set_margins(16, 16)
        self.set_auto_page_break(True, 18)
        self.add_page()
        self._write(page.title, 20)
        self._write(page.subtitle, 9, QUIET)

    def footer(self) -> None:
        """Write what stands at the foot of each page."""
        self.set_y(-12)
        self.set_font(FONT, size=8)
        self.set_text_color(*QUIET)
        self.cell(0, 5, f"{self._page.footer}   {self.page_no()}", align="C")

    def section(self, section: Section) -> None:
        self.ln(4)
        if self.will_page_break(40):
            self.add_page()
        self._write(section.title, 13)
        for sentence in section.sentences:
            self._write(sentence, 9.5)
        if section.table is not None and section.table.rows:
            self._table(section.table)

    def queries(self) -> None:
        self.add_page()
        self._write(self._page.sql_label, 13)
        self._write(self._page.sql_help, 9.5)
        for section in self._page.sections:
            if section.sql:
                self.ln(2)
                self._write(section.title, 10.5)
            for query in section.sql:
                self._write(f"{query};", 6.5, QUIET)

    def _write(self, text: str, size: float, colour: tuple[int, int, int] = INK) -> None:
        self.set_font(FONT, size=size)
        self.set_text_color(*colour)
        self.multi_cell(0, size * 0.5, text, align="L", new_x="LMARGIN", new_y="NEXT")
        self.ln(1)

    def _table(self, table: Table) -> None:
        size = 6.5 if len(table.columns) > WIDE else 8
        self.ln(1)
        self.set_font(FONT, size=size)
        self.set_text_color(*INK)
        self.set_draw_color(*LINE)
        others = len(table.columns) - 1
        with self.table(
            col_widths=(max(2.0, others * 0.22), *[1.0] * others),
            text_align=("LEFT", *["RIGHT"] * others),
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            line_height=size * 0.55,
            padding=0.8,
            headings_style=FontFace(color=QUIET),
        ) as drawn:
            for row in (table.columns, *table.rows):
                drawn.row(row)
