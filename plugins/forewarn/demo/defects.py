"""The faults that are planted in the sources on purpose, with place and time, so that a run can be held to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from forewarn.demo.world import Flags, Moments

SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("source", pa.string()),
        ("stream", pa.string()),
        ("record", pa.string()),
        ("delivered_at", pa.timestamp("s", tz="UTC")),
    ]
)


@dataclass(frozen=True)
class Defects:
    """Planted faults, one row each: kind, source, stream, record and when the source delivers it."""

    table: pa.Table

    @classmethod
    def of(cls, kind: str, table: str, records: pa.Array, delivered: Moments, faulty: Flags) -> Defects:
        """Return one kind's faults among some records of a table, named `source.stream`."""
        at = np.flatnonzero(faulty)
        constant = [pa.array([text] * len(at), pa.string()) for text in (kind, *table.split("."))]
        when = pa.array(delivered[at].astype("datetime64[s]")).cast(pa.timestamp("s", tz="UTC"))
        chosen = records.take(pa.array(at))
        if isinstance(chosen, pa.ChunkedArray):
            chosen = chosen.combine_chunks()
        return cls(pa.Table.from_arrays([*constant, chosen, when], schema=SCHEMA))

    def __add__(self, other: Defects) -> Defects:
        return Defects(pa.concat_tables([self.table, other.table]))
