"""Data docs open from a folder, name tables and expectations, and hold no value of any row."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from gated_warehouse import AS_OF, Gate

from forewarn.config.settings import Settings
from forewarn.errors import GateFailed
from forewarn.quality.pages import write_index

SPOILED = """
update marts.dim_customers set customer_id = 'canary-number-77' where customer_id in ('c1', 'c2');
update marts.churn_features set customer_id = 'canary-number-77' where customer_id in ('c1', 'c2');
update marts.churn_features set discount_share_90d = 987.654;
alter table marts.churn_labels alter column eligible type text using 'Ada Canary';
"""


def _pages(company: Settings) -> dict[str, str]:
    return {file.name: file.read_text() for file in sorted(company.data_docs.rglob("*.html"))}


@pytest.mark.capability("C5")
def test_a_failed_gate_leaves_its_page_and_the_index_says_so(good: Any, gate: Gate, company: Settings) -> None:
    good.execute("update marts.churn_features set discount_share_90d = 3; truncate ml.score")
    gate("features")
    with pytest.raises(GateFailed, match=r"All of it: .*scores\.html"):
        gate("scores")
    pages = _pages(company)
    assert sorted(pages) == ["features.html", "index.html", "scores.html"]
    assert "<code>marts.churn_features</code>" in pages["features.html"]
    assert re.search(r'class="warning">warning</span>.*discount_share_90d_is_a_share', pages["features.html"])
    assert re.search(r"<dt>Remedy</dt>.*\n<dt>For</dt><dd>data-platform</dd>", pages["features.html"])
    assert "40 of 40 rows are not so" in pages["features.html"]
    assert "discount_share_90d values must be greater than or equal to 0" in pages["features.html"]
    assert f'<a href="{AS_OF}/scores.html">scores</a>' in pages["index.html"]
    assert re.findall(r"stopped|passed with warnings", pages["index.html"]) == ["passed with warnings", "stopped"]


@pytest.mark.capability("C7")
def test_pages_need_no_network_and_run_no_script(good: Any, gate: Gate, company: Settings) -> None:
    gate("scores")
    for text in _pages(company).values():
        assert not re.search(r"<script|https?://|src=|@import|url\(", text)


def test_no_value_of_a_row_leaves_the_warehouse(
    good: Any, gate: Gate, company: Settings, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    good.execute(SPOILED)
    messages = []
    for name in ("raw", "features", "scores"):
        try:
            gate(name)
        except GateFailed as failed:
            messages.append(str(failed))
    assert len(messages) == 2
    good.execute("select string_agg(observed || remedy, ' ') from ops.gate_result")
    everything = " ".join([*messages, *_pages(company).values(), good.fetchone()[0], caplog.text, *capfd.readouterr()])
    assert not re.search(r"canary|987\.654", everything, re.IGNORECASE)
    assert "could not be checked: psycopg2.errors." in everything


def test_the_index_has_the_newest_date_first_and_its_gates_as_they_ran(good: Any, company: Settings) -> None:
    for day, gate, hour in ((0, "scores", 7), (1, "scores", 7), (1, "raw", 5), (1, "features", 6)):
        good.execute(
            "insert into ops.gate_result values (%s, %s, 'run', 't', 'e', 'info', true, '', '', %s)",
            [gate, AS_OF + timedelta(days=day), datetime(2026, 3, 2, hour, tzinfo=UTC)],
        )
    text = write_index(company.data_docs, good).read_text()
    days = [AS_OF + timedelta(days=1)] * 3 + [AS_OF]
    assert re.findall(r'"date">([\d-]+)<', text) == [str(day) for day in days]
    assert re.findall(r'data-name="Gate">(\w+)<', text) == ["raw", "features", "scores", "scores"]


def test_names_from_outside_are_escaped(good: Any, company: Settings) -> None:
    good.execute(
        "insert into ops.gate_result values ('<img>', %s, '<script>x</script>', 't', 'e', 'info', true, '', '', now())",
        [AS_OF],
    )
    text = write_index(company.data_docs, good).read_text()
    assert "&lt;script&gt;" in text
    assert "<script" not in text
    assert "<img" not in text


def test_nothing_is_printed_or_logged(
    good: Any, gate: Gate, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    gate("raw")
    assert capfd.readouterr() == ("", "")
    assert caplog.messages == []
