"""Publishing, rows 22, 23 and 26 to 30 of the list of faults that Forewarn survives."""

from __future__ import annotations

import itertools
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg2
import pytest
from killing import Killed, killed_at
from tests.integration.warehouse.company import Company

from forewarn.errors import Permanent, Transient
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.engine import dsn
from forewarn.warehouse.publish import ATTEMPTS, publish

_numbers = itertools.count()
DAY = date(2024, 7, 1)
NOW = datetime(2024, 7, 1, 6, tzinfo=UTC)
BEFORE, AFTER = [5, 7], [7, 500]


@pytest.fixture(scope="module")
def original(postgres: EmbeddedServer, template: str, tmp_path_factory: pytest.TempPathFactory) -> Company:
    """A company whose readers see one version while the marts already hold the next."""
    company = Company(
        postgres.ensure_database("faults_of_publishing", template=template), tmp_path_factory.mktemp("home")
    )
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
    return company


@pytest.fixture
def company(original: Company, postgres: EmbeddedServer) -> Iterator[Company]:
    """A copy of it for one test."""
    copied = original.copy(postgres, f"fault_of_publishing_{next(_numbers)}")
    yield copied
    copied.close()


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


def _waiting(company: Company, count: int, events: tuple[str, ...]) -> list[int]:
    """Wait until so many publications wait for such a lock; return their processes."""
    deadline = time.monotonic() + 20
    while True:
        found = company.rows(
            "select pid from pg_stat_activity where datname = current_database()"
            " and application_name = 'forewarn publish' and wait_event_type = 'Lock' and wait_event = any(%s)",
            list(events),
        )
        if len(found) == count:
            return [row["pid"] for row in found]
        assert time.monotonic() < deadline, f"{count} publications never waited for {events}"
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
    with company.connection.cursor() as cursor:
        cursor.execute("truncate published.score")
        cursor.execute("checkpoint")
    (row,) = company.rows("select pg_relation_filepath('published.score') as path")
    file: Path = postgres.folder / row["path"]
    aside = file.with_name(f"{file.name}.aside")
    # The kernel answers every write to this device as it does on a full disk.
    file.rename(aside)
    file.symlink_to("/dev/full")
    try:
        with pytest.raises(Transient, match=r"space on the warehouse's disk.*No space left on device"):
            _publish(company, "second")
    finally:
        file.unlink()
        aside.rename(file)
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
    company.connection = _reconnected(company.settings.warehouse_url)
    assert _seen(company) == BEFORE
    _publish(company, "second")
    assert _seen(company) == AFTER
    assert _seen_runs(company) == ["first", "second"]


def _reconnected(url: str) -> psycopg2.extensions.connection:
    deadline = time.monotonic() + 60
    while True:
        try:
            connection = psycopg2.connect(dsn(url))
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("select 1")
            return connection
        except psycopg2.OperationalError:
            assert time.monotonic() < deadline, "the server did not recover"
            time.sleep(0.1)


@pytest.fixture
def conflicts(company: Company) -> Callable[[str, int], None]:
    """Let the first attempts of a publication end with an error of this code."""

    def fail(code: str, attempts: int) -> None:
        with company.connection.cursor() as cursor:
            # A sequence counts on when its transaction is rolled back.
            cursor.execute("create sequence public.attempt")
            cursor.execute(
                "create function public.conflict() returns trigger language plpgsql as $$ begin"
                f" if nextval('public.attempt') <= {attempts} then"
                f" raise exception 'conflict' using errcode = '{code}'; end if; return new; end $$"
            )
            cursor.execute(
                "create trigger conflict before insert on ops.publication for each row execute function conflict()"
            )

    return fail


@pytest.mark.parametrize("code", ["40001", "40P01"], ids=["serialization", "deadlock"])
def test_29_a_conflict_with_another_session_is_tried_again(
    company: Company, conflicts: Callable[[str, int], None], code: str
) -> None:
    conflicts(code, ATTEMPTS - 1)
    _publish(company, "second")
    assert _seen(company) == AFTER
    assert company.rows("select last_value from public.attempt") == [{"last_value": ATTEMPTS}]


def test_29_a_conflict_that_never_ends_is_given_up(company: Company, conflicts: Callable[[str, int], None]) -> None:
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
