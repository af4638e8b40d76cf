"""A list as a file for a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi.responses import Response

from forewarn.alerts.spreadsheet import as_csv


def spreadsheet(name: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Response:
    """Return rows as a CSV file `forewarn-NAME.csv` with a line of columns above."""
    headers = {"content-disposition": f'attachment; filename="forewarn-{name}.csv"'}
    return Response(as_csv(columns, rows), media_type="text/csv; charset=utf-8", headers=headers)
