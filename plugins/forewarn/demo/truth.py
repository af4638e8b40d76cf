"""What really happens, apart from everything that a pipeline may read: `truth/` in the home.

`customers` has who leaves when and why, `hazards` how likely it was, `accounts` which records of the systems are one
customer, `defects` which faults were planted, and `future` every row that the source systems do not know yet.
"""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from forewarn.demo.generate import History
from forewarn.demo.rows import UPDATED, written_from

PARTS = ("customers", "hazards", "accounts", "defects")


class Truth:
    """The folder `truth` of a home."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "truth"

    def clear(self) -> None:
        """Forget everything."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, chunk: int, history: History, *, as_of: date, end: date) -> None:
        """Keep one chunk's truth, and of its rows those that are written from `as_of` on and before `end`."""
        parts = (history.customers, history.hazards, history.accounts, history.defects.table)
        for name, table in zip(PARTS, parts, strict=True):
            self._write(name, chunk, table)
        horizon = np.datetime64(end, "s")
        for name, table in history.tables.items():
            future = written_from(table, np.datetime64(as_of, "s"))
            updated = future.column(UPDATED).cast(pa.timestamp("s")).to_numpy()
            self._write(f"future/{name}", chunk, future.slice(0, int(np.searchsorted(updated, horizon))))

    def add_defect(self, chunk: int, table: pa.Table) -> None:
        """Keep faults that were planted after the rows were drawn."""
        self._write("defects", chunk, table)

    def read(self, name: str) -> pa.Table:
        """Return `customers`, `hazards`, `accounts` or `defects`."""
        return pyarrow.parquet.read_table(self.folder / name)

    def day(self, table: str, day: date) -> pa.Table:
        """Return the versions of one table's rows that are written on a future day."""
        start = _stamp(day)
        window = [(UPDATED, ">=", start), (UPDATED, "<", _stamp(day + timedelta(days=1)))]
        rows = pyarrow.parquet.read_table(self.folder / "future" / table, filters=window)
        # Parquet knows no whole seconds; written as milliseconds, rows of this day would look unlike those before.
        return rows.cast(pa.schema([field.with_type(_seconds(field.type)) for field in rows.schema]))

    def _write(self, name: str, chunk: int, table: pa.Table) -> None:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        # Small row groups, since a day is read by their statistics of time.
        pyarrow.parquet.write_table(table, folder / f"part-{chunk:05d}.parquet", row_group_size=20_000)


def _seconds(kind: pa.DataType) -> pa.DataType:
    return pa.timestamp("s", tz=kind.tz) if pa.types.is_timestamp(kind) else kind


def _stamp(day: date) -> pa.Scalar:
    return pa.scalar(np.datetime64(day, "s").item(), pa.timestamp("s", tz="UTC")).cast(pa.timestamp("ms", tz="UTC"))
