"""Excel workbooks written by hand: the little of the format that a table needs, and what nobody should send."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

_KINDS = "http://schemas.openxmlformats.org"
_TYPES = (
    f'<Types xmlns="{_KINDS}/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/>'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/></Types>'
)
_ROOT = (
    f'<Relationships xmlns="{_KINDS}/package/2006/relationships"><Relationship Id="r1" Target="xl/workbook.xml"'
    f' Type="{_KINDS}/officeDocument/2006/relationships/officeDocument"/></Relationships>'
)


def write_workbook(file: Path, sheets: Mapping[str, Sequence[Sequence[Any]]]) -> None:
    """Write sheets of texts, numbers and empty cells."""
    write_parts(
        file, {name: "".join(_row(number, row) for number, row in enumerate(rows, 1)) for name, rows in sheets.items()}
    )


def write_parts(file: Path, sheets: Mapping[str, str]) -> None:
    """Write sheets of which the rows stand as XML already."""
    listed = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{number}" r:id="r{number}"/>' for number, name in enumerate(sheets, 1)
    )
    links = "".join(
        f'<Relationship Id="r{number}" Target="worksheets/sheet{number}.xml"'
        f' Type="{_KINDS}/officeDocument/2006/relationships/worksheet"/>'
        for number in range(1, len(sheets) + 1)
    )
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", _TYPES)
        archive.writestr("_rels/.rels", _ROOT)
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{_KINDS}/spreadsheetml/2006/main"'
            f' xmlns:r="{_KINDS}/officeDocument/2006/relationships"><sheets>{listed}</sheets></workbook>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{_KINDS}/package/2006/relationships">{links}</Relationships>',
        )
        for number, rows in enumerate(sheets.values(), 1):
            archive.writestr(
                f"xl/worksheets/sheet{number}.xml",
                f'<worksheet xmlns="{_KINDS}/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>',
            )


def _row(number: int, values: Sequence[Any]) -> str:
    cells = "".join(_cell(f"{_letters(column)}{number}", value) for column, value in enumerate(values))
    return f'<row r="{number}">{cells}</row>'


def _cell(place: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, int | float):
        return f'<c r="{place}"><v>{value}</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t>{escape(str(value))}</t></is></c>'


def _letters(column: int) -> str:
    return (_letters(column // 26 - 1) if column >= 26 else "") + chr(65 + column % 26)
