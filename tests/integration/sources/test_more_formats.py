"""Streams of compressed CSV, JSON lines and Excel workbooks, and what people really send by those names."""

from __future__ import annotations

import gzip
import json
import zipfile

import pytest
from workbooks import write_parts, write_workbook

from forewarn.errors import SourceRejected
from forewarn.sources import canonical_mappings, sample

ORDERS = """
kind: files
connection: drops
streams:
  orders:
    path: "{path}"
    format: {format}
    key: [No]
    entities:
      order:
        columns: {{order_id: No, account_id: Customer, ordered_at: "{date}", amount: Net}}
"""
ROWS = [["O1", "K1", "2026-01-31", "10.50"], ["O2", "K2", "2026-02-01", "7"]]
HEADER = ["No", "Customer", "Date", "Net"]


@pytest.fixture
def orders(write_source):
    def write(format_: str, path: str, *, date: str = "Date", more: str = ""):
        text = ORDERS.format(format=format_, path=path, date=date)
        return write_source("shop", text.replace("    key:", f"{more}    key:"))

    return write


@pytest.fixture
def landed(rows):
    return lambda: rows('select "No", "Customer", "Date"::date::text, "Net" from raw_shop.orders order by 1')


EXPECTED = [("O1", "K1", "2026-01-31", pytest.approx(10.5)), ("O2", "K2", "2026-02-01", 7)]


def _csv(rows, delimiter=","):
    return "".join(delimiter.join(row) + "\n" for row in [HEADER, *rows]).encode()


@pytest.mark.capability("C1", "C51")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030"])
def test_compressed_csv_of_any_delimiter_lands_like_a_plain_one(orders, drops, land, landed, encoding):
    rows = [[*ROWS[0]], ROWS[1], ["O3", "上海贸易有限公司与北京科技有限公司", "2026-02-02", "1"]]
    (drops / "a.tsv.gz").write_bytes(gzip.compress(_csv(rows, "\t").decode().encode(encoding)))
    source = orders("csv", "*.tsv.gz", more='    delimiter: "\\t"\n')
    assert land(source, "orders").rows_loaded == 3
    assert landed()[:2] == EXPECTED
    assert landed()[2][1] == rows[2][1]
    assert land(source, "orders").rows_in == 0


@pytest.mark.parametrize("damage", [lambda whole: whole[:-12], lambda whole: whole[:30] + b"\0\0\0\0" + whole[34:]])
def test_a09_damaged_gzip_is_quarantined_whole(orders, drops, land, damage):
    rows = [[f"O{n}", "K", "2026-01-01", str(n * 7919 % 1000)] for n in range(500)]
    (drops / "a.csv.gz").write_bytes(damage(gzip.compress(_csv(rows))))
    assert "gzip" in land(orders("csv", "*.gz"), "orders").quarantined_files["a.csv.gz"]


def test_a13_gzip_bomb_is_refused_before_it_fills_anything(orders, drops, land):
    with gzip.open(drops / "a.csv.gz", "wb") as file:
        file.write(_csv(ROWS))
        for _ in range(120):
            file.write(b"0" * 1_000_000)
    assert "that unpack to more than" in land(orders("csv", "*.gz"), "orders").quarantined_files["a.csv.gz"]


@pytest.mark.capability("C1", "C51")
def test_json_lines_land_with_nested_objects_and_late_columns(orders, drops, land, landed, rows):
    records = [dict(zip(HEADER, row, strict=True)) for row in ROWS]
    records[1] |= {"Net": 7, "ship": {"city": "Köln", "tags": ["a", None]}}
    (drops / "a.jsonl").write_text("".join(json.dumps(record, ensure_ascii=False) + "\n\n" for record in records))
    assert land(orders("json", "*.jsonl"), "orders").rows_loaded == 2
    assert landed() == EXPECTED
    assert rows("select ship__city, ship__tags from raw_shop.orders where \"No\" = 'O2'") == [("Köln", '["a", null]')]


def test_json_that_is_one_list_lands_too(orders, drops, land, landed):
    (drops / "a.json").write_text(json.dumps([dict(zip(HEADER, row, strict=True)) for row in ROWS], indent=1))
    assert land(orders("json", "*.json"), "orders").rows_loaded == 2
    assert landed() == EXPECTED


@pytest.mark.capability("C5")
def test_json_lines_that_are_no_records_are_quarantined_alone(orders, drops, land, rows):
    good = [json.dumps(dict(zip(HEADER, row, strict=True))) for row in ROWS]
    bad = json.dumps(dict(zip(HEADER, ["O9", "K1", "soon", "1"], strict=True)))
    nul = json.dumps(dict(zip(HEADER, ["O8", "K\0", "2026-01-01", "1"], strict=True)))
    (drops / "a.jsonl").write_text("\n".join([good[0], "{broken", "[1]", bad, nul, good[1], ""]))
    batch = land(orders("json", "*.jsonl"), "orders")
    assert (batch.rows_in, batch.rows_loaded, batch.rows_quarantined) == (6, 2, 4)
    assert [reason for (reason,) in rows("select reason from quarantine.row order by row_id")] == [
        "line 2: expected a JSON object, got something else",
        "line 3: expected a JSON object, got something else",
        "Date: expected timestamptz, got 'soon'",
        "line 5: expected text, got a NUL character",
    ]


def test_a09_cut_json_is_quarantined_whole(orders, drops, land):
    (drops / "a.jsonl").write_text(json.dumps(dict(zip(HEADER, ROWS[0], strict=True))) + '\n{"No": "O2", "Cust')
    assert "the file was cut" in land(orders("json", "*.jsonl"), "orders").quarantined_files["a.jsonl"]


@pytest.mark.capability("C1", "C51")
def test_excel_sheet_lands_below_its_header(orders, drops, land, landed, settings):
    table = [[None], HEADER, ["O1", "K1", 46053, 10.5], [None, None], ["O2", "K2", 46054, 7, "a remark beside it"]]
    write_workbook(drops / "a.xlsx", {"Cover": [["about this file"]], "Orders 2026": table})
    source = orders("excel", "a.xlsx", date="excel_date(Date)", more="    sheet: Orders 2026\n")
    found = sample(settings, source, "orders", resolve=lambda *_: str(drops))
    assert found.rows == [["O1", "K1", "46053", "10.5"], ["O2", "K2", "46054", "7"]]
    assert land(source, "orders").rows_loaded == 2


@pytest.mark.capability("C5")
def test_excel_values_that_do_not_fit_are_quarantined_with_their_row(orders, drops, land, rows):
    write_workbook(
        drops / "a.xlsx", {"S": [HEADER, *ROWS, ["O3", "K3", "2026-02-30", 1], [None, "K4", "2026-02-01", 1]]}
    )
    batch = land(orders("excel", "*.xlsx"), "orders")
    assert (batch.rows_in, batch.rows_loaded, batch.rows_quarantined) == (4, 2, 2)
    assert rows("select reason from quarantine.row order by row_id") == [
        ("Date: expected timestamptz, got '2026-02-30'",),
        ("No: expected a key, got nothing",),
    ]


def test_sheet_that_is_not_there_is_named_with_the_nearest(orders, drops, land):
    write_workbook(drops / "a.xlsx", {"Orders": [HEADER, *ROWS]})
    with pytest.raises(SourceRejected, match=r"expected a sheet `Order` in a\.xlsx.*did you mean `Orders`"):
        land(orders("excel", "*.xlsx", more="    sheet: Order\n"), "orders")


def _lie(file):
    """A sheet that claims to be small and unpacks to half a gigabyte."""
    write_parts(file, {"S": ""})
    with (
        zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/sharedStrings.xml", "w") as entry,
    ):
        for _ in range(410):
            entry.write(b" " * 1_000_000)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda file: file.write_bytes(b"No,Customer\n"), "cut or is none"),
        (lambda file: file.write_bytes(b""), "cut or is none"),
        (lambda file: (write_workbook(file, {"S": [HEADER, *ROWS]}), file.write_bytes(file.read_bytes()[:-40])), "cut"),
        (lambda file: file.write_bytes(b"\xd0\xcf\x11\xe0" + b"\0" * 600), "cannot be read"),
        (lambda file: zipfile.ZipFile(file, "w").writestr("a.csv", "x"), "got another file"),
        (lambda file: write_workbook(file, {"S": []}), "empty sheet"),
        (_lie, "bytes unpacked, got more"),
        (
            lambda file: write_parts(
                file,
                {"S": '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'},
            ),
            "at most 20000000 cells, got a sheet of 1048576 rows by 16384 columns",
        ),
    ],
    ids=["csv by that name", "no byte", "cut", "old and broken", "another archive", "empty", "bomb", "wide and long"],
)
def test_a13_workbook_that_is_none_or_would_fill_the_memory_is_set_aside(orders, drops, land, make, reason):
    make(drops / "a.xlsx")
    assert reason in land(orders("excel", "*.xlsx"), "orders").quarantined_files["a.xlsx"]


@pytest.mark.capability("C5")
def test_value_that_an_expression_cannot_read_is_quarantined_and_stops_nothing(write_source, drops, land, rows):
    source = write_source(
        "shop",
        """
kind: files
connection: drops
streams:
  orders:
    path: "*.csv"
    format: csv
    delimiter: ";"
    key: [No]
    quarantine:
      the order is a test: Customer = 'TEST'
    entities:
      order:
        where: Kind <> 'draft'
        columns:
          order_id: No
          account_id: Customer
          ordered_at: to_timestamp("Date", 'DD.MM.YYYY')
          amount: number(Net, ',')
          discount_amount: coalesce(number(Off, ','), 0)
          status: {from: Kind, map: {s: sold, r: reserved}, otherwise: null}
""",
    )
    (drops / "a.csv").write_text(
        "No;Customer;Date;Net;Off;Kind\n"
        "1;K1;31.01.2026;1.234,50 €;n/a;s\n"
        "2;K1;31.02.2026;1;;s\n"
        "3;K1;01.02.2026;1.5;;r\n"
        "4;K1;never;x;;draft\n"
        "5;TEST;01.02.2026;1;;s\n"
        "6;K1;;1;;s\n"
        "7;K1;01.02.2026;;;?\n"
    )
    batch = land(source, "orders")
    assert (batch.rows_in, batch.rows_loaded, batch.rows_quarantined) == (7, 3, 4)
    assert rows("select reason from quarantine.row order by row_id") == [
        ("Date: expected a time like DD.MM.YYYY for order.ordered_at, got '31.02.2026'",),
        ("Net: expected a number with `,` before its decimals for order.amount, got '1.5'",),
        ("the order is a test",),
        ("Date: expected a value for order.ordered_at, got nothing",),
    ]
    (mapping,) = canonical_mappings({"shop": source})["order"]
    columns = mapping["columns"]
    query = (
        f"select {columns['amount']}, {columns['discount_amount']}, {columns['status']}, {columns['ordered_at']}::text"
        f" from raw_shop.orders where {mapping['where']} order by 1 nulls last"
    )
    assert rows(query.replace("%", "%%")) == [
        (1234.5, 0, "sold", "2026-01-31 00:00:00+00"),
        (None, 0, None, "2026-02-01 00:00:00+00"),
    ]
