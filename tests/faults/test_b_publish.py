"""Building and publishing, rows 22, 23 and 26 to 30 of the list of faults that Forewarn survives."""

from __future__ import annotations

import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

import psycopg2
import pytest
from disk import full_disk
from killing import Killed, killed_at, reconnected
from tests.integration.warehouse.company import CHURN, Companies, Company

from forewarn.errors import BuildInterrupted, Permanent, Transient
from forewarn.warehouse import dbt
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.engine import dsn
from forewarn.warehouse.interruptions import interruption
from forewarn.warehouse.lock import ATTEMPTS
from forewarn.warehouse.publish import publish

DAY = date(2024, 7, 1)
NOW = datetime(2024, 7, 1, 6, tzinfo=UTC)
BEFORE, AFTER = [5, 7], [7, 500]


@pytest.fixture(scope="module")
def original(companies: Companies) -> Iterator[Company]:
    """A company whose readers see one version while the marts already hold the next."""
    company = companies.new()
    orders = [("1", "a", "2024-05-20T00:00Z", 5), ("2", "b", "2024-05-21T00:00Z", 7)]
    company.land("erp", "order", "order_id account_id ordered_at amount", orders)
    company.build(str(DAY))
    with company.connection.cursor() as cursor:
        cursor.execute(
            "insert into ml.score select customer_id, as_of_date, 'non_contractual', 'm', '1', 0.5, 0.4, 1, '[]', now()"
            " from marts.churn_features"
        )
        # In place of the view, so that a test can change what the next version holds.
        cursor.execute("create table marts.held as select * from marts.customer_360")
        cursor.execute("drop view marts.customer_360")
        cursor.execute("alter table marts.held rename to customer_360")
        _publish(company, "first")
        cursor.execute("update marts.customer_360 set revenue_365d = 500 where revenue_365d = 5")
        cursor.execute("update ml.score set probability = 0.9")
    yield company
    companies.close(company)


@pytest.fixture
def company(original: Company, companies: Companies) -> Iterator[Company]:
    """A copy of it for one test."""
    copied = companies.copy(original)
    yield copied
    companies.close(copied)


def _publish(company: Company, run_id: str) -> None:
    publish(company.settings, as_of_date=DAY, run_id=run_id, live=True, now=NOW)


def _seen(company: Company) -> list[float]:
    """Return the revenues that readers see, and hold the scores to the same version."""
    rows = company.rows(
        "select revenue_365d, probability from bi.customer_360 join bi.scores using (customer_id) order by 1"
    )
    revenues = [row["revenue_365d"] for row in rows]
    assert {row["probability"] for row in rows} == ({0.5} if revenues == BEFORE else {0.9})
    return revenues


def _started(company: Company, run_id: str, failures: list[BaseException]) -> threading.Thread:
    def run() -> None:
        try:
            _publish(company, run_id)
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def _waiting(
    company: Company, count: int, events: tuple[str, ...], *, application: str = "forewarn publish"
) -> list[int]:
    """Wait until so many sessions, publications by default, wait for such a lock; return their processes."""
    deadline = time.monotonic() + 60
    while True:
        found = company.rows(
            "select pid from pg_stat_activity where datname = current_database()"
            " and application_name = %s and wait_event_type = 'Lock' and wait_event = any(%s)",
            application,
            list(events),
        )
        if len(found) == count:
            return [row["pid"] for row in found]
        assert time.monotonic() < deadline, f"{count} sessions of {application} never waited for {events}"
        time.sleep(0.02)


def test_22_of_two_publications_at_once_one_waits_for_the_other(company: Company) -> None:
    failures: list[BaseException] = []
    with psycopg2.connect(dsn(company.settings.warehouse_url)) as reader, reader.cursor() as cursor:
        cursor.execute("select count(*) from bi.customer_360")
        first = _started(company, "second", failures)
        _waiting(company, 1, ("relation",))
        second = _started(company, "third", failures)
        _waiting(company, 1, ("advisory",))
        assert _seen_runs(company) == ["first"]
    reader.close()
    first.join(timeout=30)
    second.join(timeout=30)
    assert failures == []
    assert _seen_runs(company) == ["first", "second", "third"]
    assert _seen(company) == AFTER


def _seen_runs(company: Company) -> list[str]:
    return [row["run_id"] for row in company.rows("select run_id from bi.publications order by publication_id")]


def test_23_killed_at_any_step_readers_have_one_whole_version(company: Company) -> None:
    with killed_at(None) as steps:
        _publish(company, "second")
    with company.connection.cursor() as cursor:
        cursor.execute("update marts.customer_360 set revenue_365d = 5 where revenue_365d = 500")
        cursor.execute("update ml.score set probability = 0.5")
        _publish(company, "third")
        cursor.execute("update marts.customer_360 set revenue_365d = 500 where revenue_365d = 5")
        cursor.execute("update ml.score set probability = 0.9")
    before = _seen_runs(company)
    for step in sorted(random.Random(23).sample(range(1, steps.taken - 3), 8)):
        with pytest.raises(Killed), killed_at(step):
            _publish(company, "fourth")
        assert _seen(company) == BEFORE, step
        assert _seen_runs(company) == before
    _publish(company, "fourth")
    assert _seen(company) == AFTER


def test_26_a_customer_without_key_is_an_error_and_changes_nothing_for_readers(company: Company) -> None:
    with company.connection.cursor() as cursor:
        cursor.execute("update marts.customer_360 set customer_id = null where revenue_365d = 500")
    with pytest.raises(Permanent, match=r"every customer once, with its key.*null values"):
        _publish(company, "second")
    assert _seen(company) == BEFORE


def test_27_a_full_disk_is_a_clear_error_and_goes_on_when_space_returns(
    company: Company, postgres: EmbeddedServer
) -> None:
    with (
        full_disk(company.connection, postgres, "published.score"),
        pytest.raises(Transient, match=r"space on the warehouse's disk.*No space left on device"),
    ):
        _publish(company, "second")
    assert [
        row["revenue_365d"] for row in company.rows("select revenue_365d from bi.customer_360 order by 1")
    ] == BEFORE
    assert _seen_runs(company) == ["first"]
    _publish(company, "second")
    assert _seen(company) == AFTER


def test_28_postgresql_killed_recovers_and_the_same_run_again_is_whole(company: Company) -> None:
    failures: list[BaseException] = []
    reader = psycopg2.connect(dsn(company.settings.warehouse_url))
    with reader.cursor() as cursor:
        cursor.execute("select count(*) from bi.customer_360")
    publisher = _started(company, "second", failures)
    (process,) = _waiting(company, 1, ("relation",))
    # The server ends every session, and replays its log.
    os.kill(process, signal.SIGKILL)
    publisher.join(timeout=30)
    reader.close()
    assert len(failures) == 1
    company.connection = reconnected(company.settings.warehouse_url)
    assert _seen(company) == BEFORE
    _publish(company, "second")
    assert _seen(company) == AFTER
    assert _seen_runs(company) == ["first", "second"]


@pytest.fixture
def conflicts(company: Company) -> Callable[..., None]:
    """Let the first attempts to write into a table, by default of a publication, end with an error of this code."""

    def fail(code: str, attempts: int, table: str = "ops.publication", says: str = "conflict") -> None:
        with company.connection.cursor() as cursor:
            # A sequence counts on when its transaction is rolled back.
            cursor.execute("create sequence public.attempt")
            cursor.execute(
                "create function public.conflict() returns trigger language plpgsql as $$ begin"
                f" if nextval('public.attempt') <= {attempts} then"
                f" raise exception '{says}' using errcode = '{code}'; end if; return new; end $$"
            )
            cursor.execute(f"create trigger conflict before insert on {table} for each row execute function conflict()")

    return fail


@pytest.mark.parametrize("code", ["40001", "40P01"], ids=["serialization", "deadlock"])
def test_29_a_conflict_with_another_session_is_tried_again(
    company: Company, conflicts: Callable[..., None], code: str
) -> None:
    conflicts(code, ATTEMPTS - 1)
    _publish(company, "second")
    assert _seen(company) == AFTER
    assert company.rows("select last_value from public.attempt") == [{"last_value": ATTEMPTS}]


def test_29_a_conflict_that_never_ends_is_given_up(company: Company, conflicts: Callable[..., None]) -> None:
    conflicts("40P01", 1000)
    with pytest.raises(Transient, match=f"no conflict with another session in {ATTEMPTS} attempts"):
        _publish(company, "second")
    assert company.rows("select last_value from public.attempt") == [{"last_value": ATTEMPTS}]
    assert _seen(company) == BEFORE


def test_30_the_same_date_twice_shows_identical_rows(company: Company) -> None:
    _publish(company, "second")
    views = ("customer_360", "churn_features", "scores", "publications")
    before = {view: company.digest(f"bi.{view}") for view in views}
    _publish(company, "second")
    assert {view: company.digest(f"bi.{view}") for view in views} == before


CHILD = """
import pickle, sys
from forewarn.warehouse import dbt
settings, mappings, sources, day, churn = pickle.load(sys.stdin.buffer)
dbt.build(settings, mappings=mappings, sources_yaml=sources, as_of_dates=[day], churn=churn, select="intermediate",
          tests=False)
"""


def _build(company: Company, select: str = "churn_features") -> None:
    company.build(str(DAY), select=select)


@pytest.fixture
def one_more(company: Company) -> Company:
    """The company with an order that has landed and is not built yet; readers see the version before."""
    company.land("erp", "order", "order_id account_id ordered_at amount", [("3", "c", "2024-06-20T00:00Z", 11)])
    return company


def _intermediate(company: Company) -> dict[str, str]:
    tables = company.rows("select tablename from pg_tables where schemaname = 'intermediate' order by 1")
    return {row["tablename"]: company.digest(f"intermediate.{row['tablename']}") for row in tables}


def test_23_killed_during_a_build_readers_keep_their_version_and_a_build_again_is_identical(
    one_more: Company, companies: Companies
) -> None:
    before = _intermediate(one_more)
    undisturbed = companies.copy(one_more)
    _build(undisturbed, "intermediate")
    wanted = _intermediate(undisturbed)
    companies.close(undisturbed)
    assert {name for name in wanted if wanted[name] != before[name]} >= {"int_orders", "int_customer_events"}
    one_more.connection = reconnected(one_more.settings.warehouse_url)
    changed = [name for name in wanted if wanted[name] != before.get(name)]
    with psycopg2.connect(dsn(one_more.settings.warehouse_url)) as blocker, blocker.cursor() as cursor:
        cursor.execute(f"lock table intermediate.{random.Random(23).choice(changed)} in access exclusive mode")
        child = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", CHILD],
            stdin=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(one_more.settings.project / "plugins")},
        )
        given = (one_more.settings, one_more.mappings, one_more.sources_yaml(), DAY, CHURN)
        assert child.stdin is not None
        child.stdin.write(pickle.dumps(given))
        child.stdin.close()
        _waiting(one_more, 1, ("relation",), application="dbt")
        child.kill()
        assert child.wait() == -signal.SIGKILL
    blocker.close()
    assert _seen(one_more) == BEFORE
    _build(one_more, "intermediate")
    assert _intermediate(one_more) == wanted
    assert _seen(one_more) == BEFORE


def test_27_a_full_disk_ends_a_build_with_a_clear_error_and_it_goes_on_when_space_returns(
    one_more: Company, postgres: EmbeddedServer
) -> None:
    before = one_more.digest("marts.churn_features")
    with (
        full_disk(one_more.connection, postgres, "marts.churn_features"),
        pytest.raises(BuildInterrupted, match=r"space on the warehouse's disk.*churn_features.*No space left"),
    ):
        _build(one_more)
    assert _seen(one_more) == BEFORE
    _build(one_more)
    assert one_more.digest("marts.churn_features") == before


def test_28_postgresql_killed_during_a_build_recovers_and_the_same_build_again_is_identical(one_more: Company) -> None:
    before = one_more.digest("marts.churn_features")
    failures: list[BaseException] = []

    def build() -> None:
        try:
            _build(one_more)
        except Exception as error:
            failures.append(error)

    blocker = psycopg2.connect(dsn(one_more.settings.warehouse_url))
    with blocker.cursor() as cursor:
        cursor.execute("lock table marts.churn_features in share mode")
    builder = threading.Thread(target=build)
    builder.start()
    (process,) = _waiting(one_more, 1, ("relation",), application="dbt")
    os.kill(process, signal.SIGKILL)
    builder.join(timeout=60)
    blocker.close()
    (failure,) = failures
    assert isinstance(failure, BuildInterrupted)
    assert "expected a warehouse that stays up" in str(failure)
    one_more.connection = reconnected(one_more.settings.warehouse_url)
    assert _seen(one_more) == BEFORE
    _build(one_more)
    assert one_more.digest("marts.churn_features") == before


def test_29_a_conflict_during_a_build_is_tried_again_and_given_up_in_the_end(
    one_more: Company, conflicts: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = one_more.digest("marts.churn_features")
    conflicts("40P01", 1, "marts.churn_features", "deadlock detected")
    _build(one_more)
    assert one_more.rows("select last_value > 1 as again from public.attempt") == [{"again": True}]
    assert one_more.digest("marts.churn_features") == before
    told = interruption(["int_orders.sql: model int_orders: deadlock detected DETAIL: Process 1 waits"])
    attempts = []

    def in_vain(*_: object, **__: object) -> None:
        attempts.append(1)
        assert told is not None
        raise told

    monkeypatch.setattr(dbt, "invoke", in_vain)
    with pytest.raises(BuildInterrupted, match=f"no conflict with another session in {ATTEMPTS} attempts"):
        _build(one_more)
    assert len(attempts) == ATTEMPTS
