from __future__ import annotations

import hashlib
import tracemalloc
from datetime import date

import pyarrow as pa
import pytest

from forewarn.demo.generate import History, draw_history
from forewarn.demo.world import World, chunks


def _digests(history: History) -> dict[str, str]:
    tables = history.tables | {"truth": history.customers, "hazards": history.hazards, "defects": history.defects.table}
    return {name: _digest(table) for name, table in tables.items()}


def _digest(table: pa.Table) -> str:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return hashlib.sha256(sink.getvalue()).hexdigest()


def _world(customers: int, seed: int = 7) -> World:
    return World.ending(date(2026, 6, 30), seed=seed, customers=customers, months=24)


@pytest.mark.capability("B15")
def test_the_same_seed_gives_the_same_company() -> None:
    assert _digests(draw_history(_world(300).blocks())) == _digests(draw_history(_world(300).blocks()))


def test_another_seed_gives_another_company_in_every_table() -> None:
    one, other = (_digests(draw_history(_world(300, seed).blocks())) for seed in (7, 8))
    assert [name for name in one if one[name] == other[name]] == []


@pytest.mark.parametrize("size", [500, 1_000])
def test_the_size_of_chunks_changes_nothing(size: int, world: World, history: History) -> None:
    parts = [draw_history([b for b in chunk if not b.future]) for chunk in chunks(world, size) if not chunk[0].future]
    whole = {name: pa.concat_tables([part.tables[name] for part in parts]) for name in history.tables}
    assert {name: _digest(table) for name, table in whole.items()} == {
        name: _digest(table) for name, table in history.tables.items()
    }


def test_a_larger_company_begins_with_the_same_customers() -> None:
    small, large = (draw_history(_world(customers).blocks()[:1]) for customers in (500, 1_500))
    assert _digests(small) == _digests(large)


def test_memory_follows_the_chunk_and_not_the_company() -> None:
    def peak(customers: int) -> int:
        tracemalloc.start()
        try:
            for chunk in chunks(_world(customers), 500):
                draw_history(chunk)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(3_000) < 1.2 * peak(1_000)
    assert pa.total_allocated_bytes() < 2**30
