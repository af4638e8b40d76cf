"""Readers of bi see one whole version or another, never a mixture, never an unfinished one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

import psycopg2
import pytest
from psycopg2.errors import InsufficientPrivilege
from tests.integration.warehouse.company import Companies, Company

from forewarn.errors import Permanent
from forewarn.warehouse.deprecated import deprecated
from forewarn.warehouse.engine import dsn
from forewarn.warehouse.publish import DIRECT, publish

NOW = datetime(2024, 7, 1, 6, tzinfo=UTC)
ORDERS = "order_id account_id ordered_at amount"
VERSIONED = (
    "customer_360",
    "churn_features",
    "customer_lifecycle",
    "customer_value",
    "customer_health",
    "customer_history",
    "customer_lifecycle_changes",
    "customer_crosswalk",
    "leads",
    "kpi_monthly",
    "kpi_movements",
    "kpi_activity",
    "alert_outcomes",
    "alert_signals",
    "churn_leavers",
    "alert_performance_monthly",
)
COPIED = (*VERSIONED, "customer_360_person", "customer_crosswalk_person", "leads_person")
HISTORIES = ("customer_health_history", "customer_lifecycle_history", "customer_value_history")
KEPT = {"customer_owner", "score", *HISTORIES}
JUNE, JULY, AUGUST = date(2024, 6, 1), date(2024, 7, 1), date(2024, 8, 1)


@pytest.fixture(scope="module")
def original(new_company: Callable[[], Company]) -> Company:
    """A company of two customers, published for 1 July."""
    company = new_company()
    company.land("erp", "order", ORDERS, [("1", "a", "2024-05-20T00:00Z", 5), ("2", "b", "2024-05-21T00:00Z", 7)])
    company.build(str(JUNE), str(JULY))
    company.rows(
        "insert into ml.score select customer_id, as_of_date, 'non_contractual', 'm', '1', 0.5, 0.4, 1, '[]', now()"
        " from marts.churn_features returning 1"
    )
    publish(company.settings, as_of_date=JULY, run_id="first", live=True, now=NOW)
    return company


@pytest.fixture
def published(original: Company, companies: Companies) -> Iterator[Company]:
    """A copy of it for one test."""
    company = companies.copy(original)
    yield company
    companies.close(company)


def _tables(company: Company) -> set[str]:
    return {row["tablename"] for row in company.rows("select tablename from pg_tables where schemaname = 'published'")}


def _revenue(company: Company) -> list[float]:
    return [row["revenue_365d"] for row in company.rows("select revenue_365d from bi.customer_360 order by 1")]


def test_counts_are_returned_and_recorded(published):
    counts = publish(published.settings, as_of_date=JULY, run_id="second", live=False, now=NOW)
    # May and June are over, in each of them both are customers; no account has attributes, and no case was opened.
    kept = dict.fromkeys(("scores", *HISTORIES), 2)
    empty = ("customer_history", "leads", "alert_outcomes", "alert_signals", "alert_performance_monthly")
    assert counts == kept | dict.fromkeys(VERSIONED, 2) | dict.fromkeys(empty, 0)
    rows = published.rows("select run_id, live, row_counts, as_of_date from bi.publications order by publication_id")
    assert [(row["run_id"], row["live"], row["as_of_date"]) for row in rows] == [
        ("first", True, JULY),
        ("second", False, JULY),
    ]
    assert rows[1]["row_counts"] == counts


def test_the_same_run_again_replaces_its_own_publication(published):
    before = published.digest("bi.customer_360")
    publish(published.settings, as_of_date=JULY, run_id="first", live=True, now=NOW)
    assert published.digest("bi.customer_360") == before
    assert len(published.rows("select 1 from ops.publication")) == 1
    assert _tables(published) == {f"{name}_1" for name in COPIED} | KEPT


@pytest.mark.capability("B7")
def test_a_build_changes_nothing_for_readers_until_it_is_published(published):
    published.land("erp", "order", ORDERS, [("1", "a", "2024-05-20T00:00Z", 500)])
    published.build(str(JULY))
    assert _revenue(published) == [5, 7]
    publish(published.settings, as_of_date=JULY, run_id="second", live=True, now=NOW)
    assert _revenue(published) == [7, 500]


def test_killed_before_the_commit_readers_keep_the_old_version(published):
    published.land("erp", "order", ORDERS, [("1", "a", "2024-05-20T00:00Z", 500)])
    published.build(str(JULY))
    failures: list[BaseException] = []

    def run() -> None:
        try:
            publish(published.settings, as_of_date=JULY, run_id="second", live=True, now=NOW)
        except psycopg2.Error as error:
            failures.append(error)

    # A reader in a long query: the publication has written its copy and waits for the view.
    with psycopg2.connect(dsn(published.settings.warehouse_url)) as reader, reader.cursor() as cursor:
        cursor.execute("select count(*) from bi.customer_360")
        publisher = threading.Thread(target=run)
        publisher.start()
        waiting = (
            "select pid from pg_stat_activity where application_name = 'forewarn publish' and wait_event_type = 'Lock'"
        )
        deadline = time.monotonic() + 20
        while not (found := published.rows(waiting + " and datname = current_database()")):
            assert time.monotonic() < deadline, "the publication never reached the view"
            time.sleep(0.05)
        published.rows("select pg_terminate_backend(%s)", found[0]["pid"])
        publisher.join(timeout=20)
    reader.close()
    assert len(failures) == 1
    assert _revenue(published) == [5, 7]
    assert [row["run_id"] for row in published.rows("select run_id from ops.publication")] == ["first"]
    publish(published.settings, as_of_date=JULY, run_id="second", live=True, now=NOW)
    assert _revenue(published) == [7, 500]


def test_a_backfill_leaves_the_current_version_alone_and_adds_its_date_to_the_histories(published):
    before = published.digest("bi.customer_360")
    counts = publish(published.settings, as_of_date=JUNE, run_id="backfill", live=False, now=NOW)
    assert counts == dict.fromkeys(("scores", *HISTORIES), 2)
    assert published.digest("bi.customer_360") == before
    for view in ("scores", *HISTORIES):
        days = published.rows(f"select distinct as_of_date from bi.{view} order by 1")
        assert [row["as_of_date"] for row in days] == [JUNE, JULY], view


def test_a_date_that_is_published_anew_leaves_the_other_dates_of_the_histories_as_they_were(published):
    publish(published.settings, as_of_date=JUNE, run_id="backfill", live=False, now=NOW)
    with published.connection.cursor() as cursor:
        cursor.execute("update marts.customer_health set health_score = 1")
    publish(published.settings, as_of_date=JULY, run_id="second", live=True, now=NOW)
    scores = "select distinct as_of_date from bi.customer_health_history where health_score = 1"
    assert published.rows(scores) == [{"as_of_date": JULY}]


def test_two_versions_are_kept(published):
    for number in range(3):
        publish(published.settings, as_of_date=JULY, run_id=f"run {number}", live=True, now=NOW)
    versions = {f"{name}_{number}" for name in COPIED for number in (3, 4)}
    assert _tables(published) == versions | KEPT


def test_a_date_that_was_never_built_is_refused(published):
    with pytest.raises(Permanent, match=r"expected features of that date .* build the warehouse for that date first"):
        publish(published.settings, as_of_date=AUGUST, run_id="x", live=True, now=NOW)


def test_a_date_between_the_published_and_the_built_one_is_refused(published):
    published.build("2024-07-15", str(AUGUST))
    with pytest.raises(Permanent, match="publish 2024-08-01"):
        publish(published.settings, as_of_date=date(2024, 7, 15), run_id="x", live=True, now=NOW)


def test_readers_may_read_bi_alone_and_find_what_each_column_means(published):
    with published.connection.cursor() as cursor:
        cursor.execute("set role bi_reader")
        for view in (*VERSIONED, *HISTORIES, "scores", "cases", "case_events", "publications"):
            cursor.execute(f"select count(*) from bi.{view}")
        for statement in (
            "select 1 from marts.customer_360",
            "select 1 from ml.score",
            "delete from bi.scores",
            "create table bi.mine (a int)",
        ):
            with pytest.raises(InsufficientPrivilege, match="permission denied"):
                cursor.execute(statement)
        cursor.execute("reset role")
    of_views = (
        " from pg_attribute join pg_class on pg_class.oid = attrelid"
        " where relnamespace = 'bi'::regnamespace and relkind = 'v' and attnum > 0 and not attisdropped"
    )
    views = published.rows("select distinct relname" + of_views)
    newest = {"customer_crosswalk_v2"}
    assert {row["relname"] for row in views} == {
        *VERSIONED,
        *newest,
        *HISTORIES,
        "scores",
        *(name for name, _ in DIRECT),
    }
    undocumented = published.rows(
        "select attrelid::regclass::text || '.' || attname as name"
        + of_views
        + " and (col_description(attrelid, attnum) is null or obj_description(attrelid) is null)"
    )
    assert undocumented == []
    comment = published.rows("select obj_description('bi.churn_features'::regclass) as text")[0]["text"]
    assert comment.startswith("One row per customer per as_of_date.")


def test_the_first_version_of_a_mart_says_the_same_under_the_names_it_had(published):
    first = published.rows("select * from bi.customer_crosswalk order by source, account_id")
    second = published.rows("select * from bi.customer_crosswalk_v2 order by source, account_id")
    assert first
    assert first == [{("score" if k == "link_probability" else k): v for k, v in row.items()} for row in second]
    assert first == published.rows("select * from marts.customer_crosswalk_v1 order by source, account_id")
    (comment,) = published.rows("select obj_description('bi.customer_crosswalk'::regclass) as text")
    assert "Deprecated until 2027-06-30: read bi.customer_crosswalk_v2" in " ".join(comment["text"].split())
    with published.connection.cursor() as cursor:
        cursor.execute("create view how_sure as select score from bi.customer_crosswalk")
        assert deprecated(cursor) == [("bi.customer_crosswalk", "2027-06-30", ["how_sure"])]


def test_a_column_that_scores_have_from_now_on_is_published(published):
    with published.connection.cursor() as cursor:
        cursor.execute("alter table ml.score add column note text")
        cursor.execute("update ml.score set note = 'new'")
    publish(published.settings, as_of_date=JULY, run_id="second", live=True, now=NOW)
    assert published.rows("select distinct as_of_date, note from bi.scores") == [{"as_of_date": JULY, "note": "new"}]


def test_a_view_of_somebody_else_that_stands_in_the_way_is_named(published):
    with published.connection.cursor() as cursor:
        cursor.execute("create view public.top_customers as select customer_id from bi.customer_360")
        cursor.execute("alter view marts.customer_360 rename column city to town")
    with pytest.raises(Permanent, match=r"got view top_customers depends on view bi.customer_360.* drop what depends"):
        publish(published.settings, as_of_date=JULY, run_id="second", live=True, now=NOW)
    assert len(published.rows("select city from bi.customer_360")) == 2


def test_a_view_that_somebody_built_on_bi_survives(published):
    published.connection.cursor().execute("create view public.top_customers as select customer_id from bi.customer_360")
    publish(published.settings, as_of_date=JULY, run_id="second", live=True, now=NOW)
    assert len(published.rows("select * from public.top_customers")) == 2
