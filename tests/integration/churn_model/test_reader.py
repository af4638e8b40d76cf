"""The binary reader against the database's own values."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from psycopg2 import errors, sql

from churn_model.reader import read, read_batches

QUERY = sql.SQL("select * from sample order by place")


@pytest.fixture
def sample(warehouse):
    cursor = warehouse.cursor()
    cursor.execute("create table sample (place integer, customer text, amount numeric, days double precision)")
    return cursor


def test_texts_of_any_length_and_alphabet_and_nulls_arrive(sample, warehouse):
    sample.execute(
        "insert into sample values (1, 'a', 1.50, null), (2, 'Żółć 客户', null, -3), (3, 'x%s', 1e300, 'infinity')"
    )
    keys, numbers = read(warehouse, QUERY, keys=["customer"], numbers=["place", "amount", "days"])
    assert [customer.decode() for customer in keys["customer"].tolist()] == ["a", "Żółć 客户", "x%s"]
    np.testing.assert_array_equal(numbers, [[1, 1.5, np.nan], [2, np.nan, -3], [3, 1e300, np.inf]])


def test_rows_are_whole_across_batches(sample, warehouse):
    sample.execute("insert into sample select n, 'c' || n, n / 7.0, n from generate_series(1, 25003) n")
    batches = list(read_batches(warehouse, QUERY, keys=["customer"], numbers=["place", "amount"], rows=1000))
    assert {len(numbers) for _, numbers in batches} == {1000, 3}
    places = np.concatenate([numbers[:, 0] for _, numbers in batches])
    np.testing.assert_array_equal(places, np.arange(1, 25004))
    assert batches[-1][0]["customer"].tolist() == [b"c25001", b"c25002", b"c25003"]


def test_an_empty_table_gives_an_empty_matrix(sample, warehouse):
    keys, numbers = read(warehouse, QUERY, keys=["customer"], numbers=["place", "amount"])
    assert keys["customer"].shape == (0,)
    assert numbers.shape == (0, 2)


def test_a_reader_that_stops_early_leaves_no_thread_behind(sample, warehouse):
    sample.execute("insert into sample select n, 'c' || n, n, n from generate_series(1, 200000) n")
    before = threading.active_count()
    batches = read_batches(warehouse, QUERY, keys=["customer"], numbers=["place"], rows=100)
    next(batches)
    batches.close()
    assert threading.active_count() == before


def test_an_error_of_the_database_reaches_the_reader(sample, warehouse):
    sample.execute("insert into sample values (1, 'a', 0, 0)")
    broken = sql.SQL("select place, 1 / amount as amount from sample")
    with pytest.raises(errors.DivisionByZero, match="division by zero"):
        read(warehouse, broken, keys=[], numbers=["amount"])
