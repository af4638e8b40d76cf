"""Kinds of defect in what landed tonight: how much came, and what the rows say."""

from __future__ import annotations

from planted_defect import Defect

# Rows of tonight's landing, by stream.
NEW = "_batch_id = (select max(batch_id) from ops.batch where source = '{0}' and stream = '{1}' and rows_loaded > 0)"

# Rows that are changed by hand count as tonight's.
AS_NEW = (
    ", _batch_id = (select max(batch_id) from ops.batch where run_id = 'today' and source = '{0}' and stream = '{1}')"
)
LOADED = (
    "update ops.batch set rows_loaded = 120, rows_in = 120, rows_deduplicated = 0, rows_quarantined = 0"
    " where run_id = 'today' and source = '{0}' and stream = '{1}'"
)


def new(stream: str) -> str:
    """Return the condition of tonight's rows of a stream, `source.stream`."""
    return NEW.format(*stream.split("."))


def raw(name: str, feed: str, expectation: str, severity: str, sql: str, place: str = "") -> Defect:
    """Return a defect of what landed tonight; `feed` is the stream, with the entity that it is seen as."""
    return Defect(name, "raw", feed, expectation, severity, sql, place)


ORDERS, LINES, INVOICES = (
    "raw_erp.orders as order",
    "raw_erp.order_lines as order_line",
    "raw_finance.invoices as invoice",
)
LANDED = [
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
    raw(
        "counterparts that are not there",
        "raw_crm.accounts as account_link",
        "linked_accounts_are_there",
        "warning",
        "update raw_crm.accounts set erp_customer_no = erp_customer_no || '-9'"
        + AS_NEW.format("crm", "accounts")
        + " where account_no like '%7'; "
        + LOADED.format("crm", "accounts"),
    ),
    raw(
        "account managers without an address",
        "raw_crm.employees as owner",
        "addresses_can_be_written_to",
        "warning",
        "update raw_crm.employees set email = 'n/a'"
        + AS_NEW.format("crm", "employees")
        + "; "
        + LOADED.format("crm", "employees"),
    ),
    raw(
        "one category for all articles",
        "raw_erp.products as product",
        "categories_tell_apart",
        "warning",
        "update raw_erp.products set category = 'Other'"
        + AS_NEW.format("erp", "products")
        + "; "
        + LOADED.format("erp", "products"),
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
        "steps of nobody's tickets",
        "raw_helpdesk.status_changes as ticket_status_change",
        "tickets_are_known",
        "warning",
        f"update raw_helpdesk.status_changes set ticket_id = 'gone' where {new('helpdesk.status_changes')}",
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
]
