"""Forty-odd kinds of defect, each put where it would arise: a gate catches it, names it, and says whose affair it is.

Row 24 of the list of faults that Forewarn survives. What landing refuses or sets aside by itself stands in
`test_a_ingest.py` (cut files, NUL, year 0001, encodings) and in `test_a_source_changes.py` (renamed columns, halved
sources).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from judged_company import Judged, judged_company

pytestmark = [pytest.mark.timeout(900), pytest.mark.capability("C5")]

# Rows of tonight's landing, by stream.
NEW = "_batch_id = (select max(batch_id) from ops.batch where source = '{0}' and stream = '{1}' and rows_loaded > 0)"


def new(stream: str) -> str:
    """Return the condition of tonight's rows of a stream, `source.stream`."""
    return NEW.format(*stream.split("."))


@dataclass(frozen=True)
class Defect:
    """One kind of defect: SQL that makes it, and what must be found."""

    name: str
    gate: str
    table: str
    expectation: str
    severity: str
    sql: str
    place: str = ""


def raw(name: str, feed: str, expectation: str, severity: str, sql: str, place: str = "") -> Defect:
    """Return a defect of what landed tonight; `feed` is the stream, with the entity that it is seen as."""
    return Defect(name, "raw", feed, expectation, severity, sql, place)


def mart(name: str, table: str, expectation: str, severity: str, sql: str, place: str = "") -> Defect:
    """Return a defect of a table that people read."""
    return Defect(name, "features", f"marts.{table}", expectation, severity, sql, place)


def score(name: str, expectation: str, severity: str, sql: str) -> Defect:
    """Return a defect of the day's scores."""
    return Defect(name, "scores", "ml.score", expectation, severity, sql)


ORDERS, LINES, INVOICES = (
    "raw_erp.orders as order",
    "raw_erp.order_lines as order_line",
    "raw_finance.invoices as invoice",
)
DEFECTS = [
    # How much came.
    raw(
        "half volume",
        "ops.batch",
        "volume_is_as_usual",
        "warning",
        "update ops.batch set rows_loaded = rows_loaded / 2, rows_in = rows_loaded / 2, rows_quarantined = 0,"
        " rows_deduplicated = 0 where run_id = 'today' and stream = 'orders'",
        "erp orders",
    ),
    raw(
        "double volume",
        "ops.batch",
        "volume_is_as_usual",
        "warning",
        "update ops.batch set rows_loaded = rows_loaded * 2, rows_in = rows_loaded * 2, rows_quarantined = 0,"
        " rows_deduplicated = 0 where run_id = 'today' and stream = 'daily_usage'",
        "usage daily_usage",
    ),
    raw("empty stream", "raw_erp.orders", "not_empty", "critical", "truncate raw_erp.orders"),
    raw("table gone", "raw_crm.accounts", "not_empty", "critical", "drop table raw_crm.accounts cascade"),
    raw(
        "deleted rows",
        "ops.batch",
        "few_records_are_deleted",
        "warning",
        "update ops.batch set rows_removed = 300 where run_id = 'today' and stream = 'accounts'",
        "crm accounts",
    ),
    raw(
        "rows lost on the way",
        "ops.batch",
        "every_row_is_accounted_for",
        "critical",
        "alter table ops.batch drop constraint batch_check;"
        "update ops.batch set rows_in = rows_in + 7 where run_id = 'today' and stream = 'tickets'",
    ),
    raw(
        "most rows quarantined",
        "ops.batch",
        "most_rows_fit",
        "critical",
        "update ops.batch set rows_quarantined = rows_loaded * 2, rows_in = rows_loaded * 3, rows_deduplicated = 0"
        " where run_id = 'today' and stream = 'orders'",
    ),
    raw(
        "old export delivered anew",
        ORDERS,
        "newest_moves_on",
        "warning",
        f"update raw_erp.orders set placed_at = placed_at - interval '40 days' where {new('erp.orders')}",
    ),
    # Keys.
    raw(
        "missing key",
        "raw_erp.orders",
        "key_is_there:order_no",
        "critical",
        f"update raw_erp.orders set order_no = null where {new('erp.orders')} and order_no like '%7'",
    ),
    raw(
        "duplicate key",
        ORDERS,
        "key_is_once",
        "critical",
        "drop index raw_erp.orders_identity; alter table raw_erp.orders drop column _row_hash;"
        f"insert into raw_erp.orders select * from raw_erp.orders where {new('erp.orders')}",
    ),
    raw(
        "white space around keys",
        ORDERS,
        "key_is_trimmed",
        "warning",
        f"update raw_erp.orders set order_no = order_no || ' ' where {new('erp.orders')} and order_no like '%7'",
    ),
    raw(
        "ids in another case",
        "raw_usage.daily_usage as usage_event",
        "accounts_are_known",
        "warning",
        f"update raw_usage.daily_usage set tenant = lower(tenant) where {new('usage.daily_usage')}",
    ),
    raw(
        "leading zeros lost",
        "raw_wms.shipments as shipment",
        "accounts_are_known",
        "warning",
        f"update raw_wms.shipments set customer_no = ltrim(customer_no, '0') where {new('wms.shipments')}",
    ),
    raw(
        "accounts that differ by case alone",
        "raw_crm.accounts as account",
        "numbers_differ_by_more_than_case",
        "warning",
        "alter table raw_crm.accounts drop column _row_hash;"
        "insert into raw_crm.accounts"
        " select (jsonb_populate_record(a, jsonb_build_object('account_no', lower(a.account_no),"
        " '_batch_id', (select max(batch_id) from ops.batch where run_id = 'today' and stream = 'accounts')))).*"
        " from raw_crm.accounts as a limit 5; update ops.batch set rows_loaded = 5, rows_in = 5, rows_deduplicated = 0,"
        " rows_quarantined = 0 where run_id = 'today' and stream = 'accounts'",
    ),
    # What refers to what.
    raw(
        "orphan accounts",
        ORDERS,
        "accounts_are_known",
        "warning",
        f"update raw_erp.orders set customer_no = 'nobody' where {new('erp.orders')} and order_no like '%7'",
    ),
    raw(
        "orphan lines",
        LINES,
        "orders_are_known",
        "warning",
        f"update raw_erp.order_lines set order_no = 'gone' || order_no where {new('erp.order_lines')} and line_no = 1",
    ),
    raw(
        "orphan shipments",
        "raw_wms.shipments as shipment",
        "orders_are_known",
        "warning",
        f"update raw_wms.shipments set order_no = 'gone' where {new('wms.shipments')} and shipment_no like '%7'",
    ),
    raw(
        "orphan invoices",
        INVOICES,
        "orders_are_known",
        "warning",
        "update raw_finance.invoices set invoice_no = replace(invoice_no, 'RE', 'RE9')"
        f" where {new('finance.invoices')}",
    ),
    raw(
        "payments of unknown invoices",
        "raw_finance.payments as payment",
        "invoices_are_known",
        "warning",
        f"update raw_finance.payments set invoice_no = 'gone' where {new('finance.payments')} and payment_no like '%7'",
    ),
    raw(
        "owner unknown",
        "raw_crm.accounts as account",
        "owners_are_known",
        "warning",
        "update raw_crm.accounts set owner_no = 'nobody', _batch_id = (select max(batch_id) from ops.batch where"
        " run_id = 'today' and stream = 'accounts') where account_no like '%7'; update ops.batch set rows_loaded = 120,"
        " rows_in = 120, rows_deduplicated = 0, rows_quarantined = 0 where run_id = 'today' and stream = 'accounts'",
    ),
    # Values.
    raw(
        "unit change times 100",
        ORDERS,
        "amounts_keep_their_scale",
        "critical",
        f"update raw_erp.orders set net_amount = net_amount * 100 where {new('erp.orders')}",
    ),
    raw(
        "currencies mixed",
        ORDERS,
        "few_amounts_are_outliers",
        "warning",
        f"update raw_erp.orders set net_amount = net_amount * 150 where {new('erp.orders')} and order_no like '%7'",
    ),
    raw(
        "outliers",
        INVOICES,
        "few_amounts_are_outliers",
        "warning",
        f"update raw_finance.invoices set amount = 9999999 where {new('finance.invoices')} and invoice_no like '%7'",
    ),
    raw(
        "NULL flood",
        ORDERS,
        "columns_do_not_run_empty",
        "warning",
        f"update raw_erp.orders set net_amount = null where {new('erp.orders')}",
        "amount",
    ),
    raw(
        "constant column",
        ORDERS,
        "amounts_vary",
        "warning",
        f"update raw_erp.orders set net_amount = 100 where {new('erp.orders')}",
    ),
    raw(
        "negative amounts",
        ORDERS,
        "amounts_are_mostly_positive",
        "critical",
        f"update raw_erp.orders set net_amount = -net_amount where {new('erp.orders')}",
    ),
    raw(
        "negative quantity",
        LINES,
        "quantities_are_mostly_positive",
        "critical",
        f"update raw_erp.order_lines set quantity = -quantity where {new('erp.order_lines')}",
    ),
    raw(
        "swapped columns",
        ORDERS,
        "discount_is_less_than_the_value",
        "critical",
        "update raw_erp.orders set net_amount = discount_amount, discount_amount = net_amount"
        f" where {new('erp.orders')}",
    ),
    raw(
        "lines do not add up",
        LINES,
        "lines_add_up_to_their_orders",
        "warning",
        f"update raw_erp.order_lines set net_amount = net_amount * 1.19 where {new('erp.order_lines')}",
    ),
    raw(
        "new category",
        "raw_helpdesk.tickets as ticket",
        "no_new_category",
        "warning",
        f"update raw_helpdesk.tickets set priority = 'P1' where {new('helpdesk.tickets')}",
        "priority",
    ),
    raw(
        "a word of another language",
        "raw_helpdesk.tickets as ticket",
        "kind_is_one_of_ours",
        "warning",
        f"update raw_helpdesk.tickets set type = 'Reklamation' where {new('helpdesk.tickets')}",
    ),
    raw(
        "score off its scale",
        "raw_helpdesk.tickets as ticket",
        "satisfaction_is_on_its_scale",
        "warning",
        f"update raw_helpdesk.tickets set satisfaction = 87 where {new('helpdesk.tickets')}",
    ),
    raw(
        "encoding damage",
        "raw_helpdesk.tickets as ticket",
        "text_is_readable",
        "warning",
        f"update raw_helpdesk.tickets set subject = 'MÃ¼ller' where {new('helpdesk.tickets')}",
    ),
    raw(
        "type drift in a raw table",
        ORDERS,
        "amounts_vary",
        "critical",
        "drop view staging.stg_orders cascade; alter table raw_erp.orders drop column _row_hash;"
        "alter table raw_erp.orders alter column net_amount type text using 'EUR ' || net_amount",
    ),
    # Time.
    raw(
        "future dates",
        ORDERS,
        "nothing_is_of_the_future",
        "warning",
        "update raw_erp.orders set placed_at = placed_at + interval '200 days'"
        f" where {new('erp.orders')} and order_no like '%7'",
    ),
    raw(
        "time zone shift",
        ORDERS,
        "hours_are_as_before",
        "warning",
        f"update raw_erp.orders set placed_at = placed_at - interval '9 hours' where {new('erp.orders')}",
    ),
    raw(
        "end before start",
        "raw_helpdesk.tickets as ticket",
        "end_is_after_the_start",
        "warning",
        f"update raw_helpdesk.tickets set solved_at = created_at - interval '3 days' where {new('helpdesk.tickets')}",
    ),
    raw(
        "closed months opened again",
        INVOICES,
        "closed_months_stay_closed",
        "warning",
        "update raw_finance.invoices"
        " set issued_on = issued_on - interval '90 days', due_on = due_on - interval '90 days'"
        f" where {new('finance.invoices')}",
    ),
    raw(
        "overlapping subscriptions",
        "raw_finance.subscriptions as subscription",
        "terms_do_not_overlap",
        "warning",
        "alter table raw_finance.subscriptions drop column _row_hash;"
        "insert into raw_finance.subscriptions select (jsonb_populate_record(s, jsonb_build_object('subscription_no',"
        " 'twice' || s.subscription_no, '_batch_id', (select max(batch_id) from ops.batch where run_id = 'today' and"
        " stream = 'subscriptions')))).* from raw_finance.subscriptions as s where ended_on is null",
    ),
    # Between departments.
    mart(
        "sum mismatch of orders and invoices",
        "",
        "invoices_amount_to_their_orders",
        "warning",
        "update raw_finance.invoices set amount = amount * 1.19",
        "2026-05",
    ),
    mart(
        "a month without its invoices",
        "",
        "orders_are_invoiced",
        "warning",
        "delete from raw_finance.invoices where issued_on >= '2026-05-01' and issued_on < '2026-06-01'",
        "2026-05",
    ),
    mart(
        "payments above invoices",
        "",
        "payments_do_not_exceed_invoices",
        "warning",
        "alter table raw_finance.payments drop column _row_hash;"
        "insert into raw_finance.payments select (jsonb_populate_record(p, jsonb_build_object('payment_no',"
        " 'twice' || p.payment_no))).* from raw_finance.payments as p",
        "2026-05",
    ),
    # Marts.
    mart(
        "renamed column",
        "churn_features",
        "columns_are_as_agreed",
        "critical",
        "alter table marts.churn_features rename column mrr to mrr_usd",
        "mrr",
    ),
    mart(
        "type drift",
        "customer_health",
        "columns_are_as_agreed",
        "critical",
        "alter table marts.customer_health alter column known_share type numeric",
        "known_share",
    ),
    mart(
        "two rows per customer and date",
        "churn_features",
        "key_is_once",
        "critical",
        "alter table marts.churn_features drop constraint churn_features_pkey;"
        "insert into marts.churn_features select * from marts.churn_features where as_of_date = '{day}' limit 1",
    ),
    mart(
        "feature column all NULL",
        "churn_features",
        "tickets_90d_is_known",
        "critical",
        "update marts.churn_features set tickets_90d = null where as_of_date = '{day}'",
    ),
    mart(
        "row count of features dropped",
        "churn_features",
        "not_half_of_the_customers_vanished",
        "critical",
        "delete from marts.churn_features where as_of_date = '{day}' and customer_id > (select"
        " percentile_disc(0.3) within group (order by customer_id) from marts.churn_features"
        " where as_of_date = '{day}')",
    ),
    mart(
        "a department fell silent",
        "churn_features",
        "orders_still_come",
        "critical",
        "update marts.churn_features set orders_90d = 0 where as_of_date = '{day}'",
    ),
    mart(
        "a feature from the future",
        "churn_features",
        "days_since_last_order_is_past",
        "critical",
        "update marts.churn_features set days_since_last_order = -2 where as_of_date = '{day}'",
    ),
    mart(
        "label leakage",
        "churn_labels",
        "no_answer_before_its_time",
        "critical",
        "update marts.churn_labels set churned = true where as_of_date = '{day}'",
    ),
    mart(
        "customer without any source record",
        "dim_customers",
        "sources_know_them",
        "warning",
        "update marts.dim_customers set source_count = 0 where customer_id like '%7'",
    ),
    mart(
        "customers without an owner",
        "dim_customers",
        "most_have_an_owner",
        "warning",
        "update marts.dim_customers set owner_email = null where right(customer_id, 1) > '4'",
    ),
    mart(
        "stale mart",
        "customer_360",
        "features_are_of_the_day",
        "critical",
        "alter view marts.customer_360 rename to of_the_day;"
        "create table marts.customer_360 as select * from marts.of_the_day;"
        "update marts.customer_360 set as_of_date = as_of_date - 9",
    ),
    mart(
        "stage unknown to readers",
        "customer_lifecycle",
        "stage_is_one_of_ours",
        "critical",
        "update marts.customer_lifecycle set stage = 'sleeping' where as_of_date = '{day}'",
    ),
    mart(
        "constant health",
        "customer_health",
        "health_differs",
        "warning",
        "update marts.customer_health set health_score = 50 where as_of_date = '{day}'",
    ),
    # Scores.
    score(
        "score NaN",
        "probability_is_from_0_to_1",
        "critical",
        "alter table ml.score drop constraint score_probability_check; update ml.score set probability = 'NaN'",
    ),
    score(
        "score out of [0, 1]",
        "probability_is_from_0_to_1",
        "critical",
        "alter table ml.score drop constraint score_probability_check;"
        "update ml.score set probability = probability + 1",
    ),
    score("constant scores", "scores_differ", "critical", "update ml.score set probability = 0.3"),
    score(
        "alerts on nearly everybody", "not_everyone_is_alerted_upon", "critical", "update ml.score set threshold = 0.1"
    ),
    score(
        "customers left out",
        "every_eligible_customer_is_scored",
        "critical",
        "delete from ml.score where rank_of_day = 3",
    ),
    score(
        "two models at once",
        "one_model_scored",
        "critical",
        "update ml.score set model_version = '2' where rank_of_day = 3",
    ),
]


@pytest.fixture(scope="module")
def company() -> Iterator[Judged]:
    with judged_company() as judged:
        yield judged


@pytest.mark.parametrize("gate", ["raw", "features", "scores"])
def test_24_the_clean_company_passes_without_a_warning(company: Judged, gate: str) -> None:
    with company.copy() as judged:
        assert judged.gate(gate) == []
        ((checked,),) = judged.rows("select count(*) from ops.gate_result where gate = %s and run_id = 'today'", gate)
        assert checked > {"raw": 250, "features": 100, "scores": 10}[gate]


@pytest.mark.parametrize("defect", DEFECTS, ids=[defect.name for defect in DEFECTS])
def test_24_a_defect_is_caught_and_named(company: Judged, defect: Defect) -> None:
    table = defect.table if defect.table != "marts." else "staging.stg_orders"
    with company.copy() as judged:
        judged.execute(defect.sql.replace("{day}", judged.run.as_of_date.isoformat()))
        found = {(one.table, one.name): one for one in judged.gate(defect.gate)}
    assert (table, defect.expectation) in found, sorted(found)
    one = found[table, defect.expectation]
    assert one.severity == defect.severity
    assert one.owner
    assert defect.place in one.observed


def test_24_forty_kinds_are_tried() -> None:
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS) >= 40
