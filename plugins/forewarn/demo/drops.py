"""What finance, marketing, the product and the surveys deliver as files.

One file a month in the past, one a day from the last month on.
"""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from forewarn.demo.rows import UNTIL, UPDATED
from forewarn.demo.world import World

DELIVERED = {
    "finance.subscriptions": ("csv", {UPDATED: "changed_at"}),
    "finance.invoices": ("csv", {}),
    "finance.payments": ("csv", {}),
    "finance.credit_limits": ("csv", {}),
    "finance.disputes": ("csv", {UPDATED: "changed_at"}),
    "marketing.campaigns": ("csv", {}),
    "marketing.events": ("parquet", {}),
    "usage.usage": ("parquet", {}),
    "voice.survey_answers": ("csv", {}),
    "voice.reviews": ("csv", {UPDATED: "exported_at"}),
    "voice.mentions": ("csv", {}),
}
"""Table → format, and which bookkeeping columns are delivered under which name."""

SYSTEMS = tuple(sorted({name.split(".")[0] for name in DELIVERED}))
DELIMITER = ";"


def periods(world: World, first: date, before: date) -> list[tuple[str, date, date]]:
    """Return name, first day and end of every file that is delivered for the days in [first, before)."""
    daily_from = (world.history_end - timedelta(days=1)).replace(day=1)
    result, day = [], first
    while day < before:
        if day < daily_from:
            end = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
            result.append((f"{day:%Y-%m}", day, end))
        else:
            end = day + timedelta(days=1)
            result.append((f"{day:%Y-%m-%d}", day, end))
        day = end
    return result


class Drops:
    """The folders of those systems in a home, open for writing in chunks; a period without rows has no file."""

    def __init__(self, home: Path, world: World) -> None:
        self.home, self.world = home, world
        self._open: dict[Path, pyarrow.csv.CSVWriter | pyarrow.parquet.ParquetWriter] = {}

    def clear(self) -> None:
        """Remove whatever was delivered before."""
        for folder in SYSTEMS:
            shutil.rmtree(self.home / folder, ignore_errors=True)

    def write(self, tables: dict[str, pa.Table], first: date, before: date) -> None:
        """Add the rows written in [first, before) to the files of their periods."""
        for name, (kind, renamed) in DELIVERED.items():
            table = tables.get(name)
            if table is None:
                continue
            updated, until = (
                table.column(column).cast(pa.timestamp("s")).to_numpy().astype("datetime64[s]")
                for column in (UPDATED, UNTIL)
            )
            order = np.argsort(updated, kind="stable")
            for label, start, end in periods(self.world, first, before):
                low, high = np.searchsorted(updated[order], [np.datetime64(start, "s"), np.datetime64(end, "s")])
                # A row that changed twice within a period is delivered once, as it is at the end.
                rows = np.sort(order[low:high][until[order[low:high]] >= np.datetime64(end, "s")])
                if len(rows):
                    self._append(name, kind, label, _delivered(table.take(pa.array(rows)), renamed))

    def close(self) -> None:
        """Finish the files; each appears under its name only now, whole."""
        for path, writer in self._open.items():
            writer.close()
            path.with_name(path.name + ".part").replace(path)
        self._open.clear()

    def repeat(self, table: str, month: str) -> Path:
        """Deliver one file a second time under another name, as a careless colleague would."""
        stream = table.split(".")[1]
        original = self.home / "finance" / stream / f"{stream}-{month}.csv"
        again = original.with_name(f"{stream}-{month}-again.csv")
        shutil.copyfile(original, again)
        return again

    def _append(self, name: str, kind: str, label: str, rows: pa.Table) -> None:
        system, stream = name.split(".")
        path = self.home / system / stream / f"{stream}-{label}.{kind}"
        if path not in self._open:
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_name(path.name + ".part")
            if kind == "csv":
                options = pyarrow.csv.WriteOptions(delimiter=DELIMITER, quoting_style="needed")
                self._open[path] = pyarrow.csv.CSVWriter(unfinished, rows.schema, write_options=options)
            else:
                self._open[path] = pyarrow.parquet.ParquetWriter(unfinished, rows.schema)
        self._open[path].write_table(rows)


def _delivered(table: pa.Table, renamed: dict[str, str]) -> pa.Table:
    hidden = [name for name in (UPDATED, UNTIL) if name not in renamed]
    kept = table.drop_columns(hidden)
    return kept.rename_columns([renamed.get(name, name) for name in kept.column_names])
