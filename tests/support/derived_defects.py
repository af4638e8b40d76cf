"""Kinds of defect in what was made of it: between departments, in the marts, and in scores."""

from __future__ import annotations

from planted_defect import Defect


def mart(name: str, table: str, expectation: str, severity: str, sql: str, place: str = "") -> Defect:
    """Return a defect of a table that people read."""
    return Defect(name, "features", f"marts.{table}", expectation, severity, sql, place)


def score(name: str, expectation: str, severity: str, sql: str) -> Defect:
    """Return a defect of the day's scores."""
    return Defect(name, "scores", "ml.score", expectation, severity, sql)


DERIVED = [
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
