"""What a build says when it fails, what it leaves in logs, and that two builds at once wait for each other."""

from __future__ import annotations

import os
import threading

import psycopg2
import pytest
from sqlalchemy import make_url

from forewarn.errors import BuildFailed
from forewarn.warehouse import dbt
from forewarn.warehouse.engine import dsn

ORDERS = "order_id account_id ordered_at amount"


def test_a_failing_test_is_named_with_its_file_and_what_depends_on_it_is_not_built(company):
    company.land("erp", "order", ORDERS, [("1", "a", "2024-06-01T00:00Z", 5), ("2", "a", "2024-06-02T00:00Z", 5)])
    company.build("2024-07-01", tests=True)
    before = company.digest("marts.churn_features")
    company.mappings["order"][0]["columns"]["order_id"] = "cast('same' as text)"
    with pytest.raises(
        BuildFailed, match=r"dbt_project/models/staging/staging\.yml: test one_row_per_stg_orders_source"
    ) as raised:
        company.build("2024-07-01", tests=True)
    assert "dbt.log" in raised.value.next_step
    assert company.digest("marts.churn_features") == before


def test_a_failing_model_is_named_with_its_file(company):
    company.land("erp", "order", ORDERS, [("1", "a", "2024-06-01T00:00Z", 5)])
    company.mappings["order"][0]["columns"]["amount"] = "cast(no_such_column as numeric)"
    with pytest.raises(
        BuildFailed, match=r'stg_orders\.sql: model stg_orders: .*column "no_such_column" does not exist'
    ):
        company.build("2024-07-01")


def test_a_source_that_the_generated_file_lacks_is_a_clear_error(company):
    company.land("erp", "order", ORDERS, [("1", "a", "2024-06-01T00:00Z", 5)])
    company.mappings["order"][0]["table"] = "gone"
    with pytest.raises(BuildFailed, match=r"2 failed: .*erp\.gone"):
        company.build("2024-07-01")


def test_results_name_kind_status_and_file(company):
    company.land("erp", "order", ORDERS, [("1", "a", "2024-06-01T00:00Z", 5)])
    results = {result.name: result for result in company.build("2024-07-01", tests=True)}
    features = results["churn_features"]
    assert (features.kind, features.status) == ("model", "success")
    assert features.path == "dbt_project/models/marts/churn_features.sql"
    assert results["freemail_domains"].kind == "seed"
    assert {result.status for result in results.values()} <= {"success", "pass"}
    assert {result.kind for result in results.values()} == {"model", "seed", "snapshot", "test"}


def test_a_night_makes_only_the_views_and_comments_that_are_gone(company):
    views = """
        select c.relname as name, c.oid, obj_description(c.oid) as says, col_description(c.oid, 1) as first_says
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname in ('staging', 'marts') and c.relkind = 'v'
    """
    company.land("erp", "order", ORDERS, [("1", "a", "2024-06-01T00:00Z", 5)])
    company.build("2024-07-01")
    before = {view.pop("name"): view for view in company.rows(views)}
    with company.connection.cursor() as cursor:
        cursor.execute("drop view marts.customer_daily")
        cursor.execute("comment on column marts.churn_features.customer_id is null")
    company.build("2024-07-02")
    after = {view.pop("name"): view for view in company.rows(views)}
    # These rest on tables that each night makes anew.
    anew = {"customer_360", "alert_outcomes", "alert_performance_monthly"}
    assert {name for name in before if after[name] != before[name]} == {"customer_daily"} | anew
    assert len(before) > 25
    assert [name for name in after if not after[name]["says"]] == []
    assert after["stg_orders"]["first_says"].startswith("The source that tells it")
    (told,) = company.rows("select col_description('marts.churn_features'::regclass, 1) as customer_id")
    assert told["customer_id"] == "The customer."


def test_the_password_is_in_no_file_and_the_environment_is_as_before(company):
    company.land("erp", "order", ORDERS, [("1", "a", "2024-06-01T00:00Z", 5)])
    before = dict(os.environ)
    company.build("2024-07-01", tests=True)
    assert dict(os.environ) == before
    password = make_url(company.settings.warehouse_url).password
    files = [file for file in (company.settings.home / "dbt").rglob("*") if file.is_file()]
    assert any(file.name == "dbt.log" for file in files)
    assert [file.name for file in files if password.encode() in file.read_bytes()] == []


def test_a_second_build_waits_for_the_first(company):
    company.land("erp", "order", ORDERS, [("1", "a", "2024-06-01T00:00Z", 5)])
    done = threading.Event()

    def build() -> None:
        company.build("2024-07-01", select="staging")
        done.set()

    other = psycopg2.connect(dsn(company.settings.warehouse_url))
    other.autocommit = True
    with other.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(hashtext('forewarn.build'))")
        second = threading.Thread(target=build)
        second.start()
        assert not done.wait(2)
        cursor.execute("select pg_advisory_unlock(hashtext('forewarn.build'))")
    other.close()
    second.join(timeout=120)
    assert done.is_set()


def test_unit_tests_of_the_models_pass(company):
    company.land("erp", "order", ORDERS, [("1", "a", "2024-06-01T00:00Z", 5)])
    company.build("2024-07-01")
    results = dbt.invoke(
        company.settings,
        ["test", "--select", "test_type:unit"],
        variables={"entities": dbt.entity_columns(), "canonical": company.mappings},
        environment={},
    )
    tested = {
        "stg_account_evidence",
        "int_account_links",
        "int_account_identity",
        "int_customer_events",
        "int_customer_past",
        "int_low_stock",
        "int_orders",
        "int_purchase_articles",
        "int_ticket_steps",
        "churn_features",
        "churn_labels",
        "customer_360",
        "customer_daily",
        "dim_customers",
        "customer_health",
        "customer_history",
        "customer_lifecycle",
        "customer_value",
        "leads",
        "kpi_activity",
        "kpi_monthly",
        "kpi_movements",
        "int_alert_cases",
        "churn_leavers",
        "alert_outcomes",
        "alert_performance_monthly",
    }
    assert {result.name.partition("__")[0] for result in results} == tested
    assert {result.status for result in results} == {"pass"}
