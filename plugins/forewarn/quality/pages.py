"""Data docs: a page for each gate and date, and an index, as static HTML without scripts or anything from elsewhere.

Great Expectations' own site loads styles, scripts and pictures from eight other hosts, and shows nothing useful without
a network; these pages are of its results, and open from a folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape
from psycopg2 import extensions

from forewarn.quality.outcome import Outcome, gravest_first

WAREHOUSE_PAGE = "warehouse.html"
_INDEX_ROWS = 200


def write_page(
    folder: Path,
    *,
    gate: str,
    description: str,
    as_of_date: date,
    run_id: str,
    now: datetime,
    outcomes: Sequence[Outcome],
) -> Path:
    """Write the page of a gate for a date, replacing an earlier one, and return its path."""
    file = folder / as_of_date.isoformat() / f"{gate}.html"
    tables: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        tables.setdefault(outcome.table, []).append(outcome)
    _write(
        file,
        "gate.html.j2",
        gate=gate,
        description=description,
        as_of_date=as_of_date,
        run_id=run_id,
        now=now,
        tables=tables,
        checked=len(outcomes),
        critical=sum(not outcome.passed and outcome.severity == "critical" for outcome in outcomes),
        failed=gravest_first(outcomes),
    )
    return file


def write_index(folder: Path, cursor: extensions.cursor) -> Path:
    """Write the index of all pages, newest date first and its gates as they ran; return its path."""
    cursor.execute(
        """
        select * from (
            select distinct on (as_of_date, gate) as_of_date, gate, run_id, max(checked_at) as checked_at, count(*),
                count(*) filter (where not passed and severity = 'critical'),
                count(*) filter (where not passed and severity = 'warning')
            from ops.gate_result
            group by as_of_date, gate, run_id
            order by as_of_date desc, gate, max(checked_at) desc
        ) as newest
        order by as_of_date desc, checked_at, gate
        limit %s
        """,
        [_INDEX_ROWS],
    )
    names = ("as_of_date", "gate", "run_id", "checked_at", "checked", "critical", "warnings")
    rows: list[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for row in rows:
        page = Path(row["as_of_date"].isoformat()) / f"{row['gate']}.html"
        row["page"] = page.as_posix() if (folder / page).exists() else ""
    file = folder / "index.html"
    _write(file, "index.html.j2", rows=rows, warehouse=WAREHOUSE_PAGE if (folder / WAREHOUSE_PAGE).exists() else "")
    return file


def _write(file: Path, template: str, **values: Any) -> None:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=select_autoescape(default=True, default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(environment.get_template(template).render(**values), encoding="utf-8")
