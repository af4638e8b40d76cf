"""Words that stand in another table: an address and its city, a category, a status."""

from __future__ import annotations

import sqlite3
from datetime import date
from pathlib import Path

import pytest

from forewarn.scaffold import look_at_database, look_at_folder, propose, source_text
from forewarn.sources.loader import load_source

TODAY = date(2026, 3, 2)
RENTALS = """
create table country (country_id integer primary key, country text);
create table city (city_id integer primary key, city text, country_id integer);
create table address (address_id integer primary key, address text, city_id integer, postal_code text, phone text);
create table store (store_id integer primary key, address_id integer);
create table customer (customer_id integer primary key, store_id integer, last_name text, address_id integer);
create table order_status (id integer primary key, label text);
create table orders (order_id integer primary key, customer_id integer, order_date timestamp, order_status_id integer,
                     total numeric);
insert into country values (1, 'Germany'), (2, 'France');
insert into city values (1, 'Ulm', 1), (2, 'Paris', 2);
insert into address values (1, 'Weg 1', 1, '89073', '0731 123456'), (2, 'Rue 2', 2, '75001', '01 4567890');
insert into store values (1, 2);
insert into customer values (1, 1, 'Ann', 1), (2, 1, 'Bea', 2);
insert into order_status values (1, 'open'), (2, 'cancelled');
insert into orders values (7, 1, '2026-01-05 10:00:00', 1, 10), (8, 2, '2026-01-06 10:00:00', 2, 20);
"""


@pytest.mark.capability("C51")
def test_an_address_in_three_steps_and_a_status_are_looked_up(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "rentals.db") as connection:
        connection.executescript(RENTALS)
    proposal = propose(look_at_database(f"sqlite:///{tmp_path / 'rentals.db'}", "rentals")[0], TODAY)
    text = source_text(proposal, kind="sql", connection="rentals", description="x")
    (tmp_path / "rentals.yml").write_text(text)
    streams = load_source(tmp_path / "rentals.yml").streams
    assert {name: (one.stream, one.by, one.take) for name, one in streams["customer"].lookup.items()} == {
        "phone": ("address", ["address_id"], "phone"),
        "street": ("address", ["address_id"], "address"),
        "postcode": ("address", ["address_id"], "postal_code"),
        "city_id": ("address", ["address_id"], "city_id"),
        "city": ("city", ["city_id"], "city"),
        "country_id": ("city", ["city_id"], "country_id"),
        "country": ("country", ["country_id"], "country"),
    }
    assert streams["customer"].entities["account"].columns["country"] == "country"
    assert streams["orders"].entities["order"].columns["status"] == "status"
    (status,) = streams["orders"].lookup.values()
    assert (status.stream, status.by, status.take) == ("order_status", ["order_status_id"], "label")
    # Where a shop is says nothing of where its customers are.
    assert streams["address"].entities == streams["store"].entities == {}
    assert "# Not placed:\n#   store: nothing says what its rows are\n" in text


def test_a_list_of_translations_gets_the_key_by_which_it_is_looked_up(tmp_path: Path) -> None:
    (tmp_path / "products.csv").write_text("product_id,product_category_name\nP1,beleza\nP2,esporte\n")
    words = "product_category_name,product_category_name_english\nbeleza,beauty\nesporte,sports\n"
    (tmp_path / "translation.csv").write_text(words, encoding="utf-8-sig")
    proposal = propose(look_at_folder(tmp_path)[0], TODAY)
    products, translation = proposal.streams
    assert products.feeds[0].columns == {"product_id": "product_id", "category": "category"}
    assert translation.key == ["product_category_name"]
    assert proposal.unplaced == []
