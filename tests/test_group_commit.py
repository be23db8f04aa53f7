"""Batches that wait at the same time share a commit, and none pays for another's fault."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import pytest
from django.db import DataError, OperationalError, connection, transaction

from tests.factory import NOON
from tests.sums import assert_sums_equal_rows
from usage.database import transactions
from usage.models import IdempotentPost, UsageMetric
from usage.recording import (
    KeyReused,
    Post,
    RecordingResult,
    group_commit,
    record_batch,
    record_once,
)
from usage.records import UsageRecord

pytestmark = pytest.mark.django_db(transaction=True)


def rows(*events: str, **fields: Any) -> list[dict[str, Any]]:
    return [{"model": "m", "timestamp": NOON, "event_id": event, **fields} for event in events]


class Crowd:
    """Callers that all come while the database is busy with somebody else."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Any] = {}
        self._threads: list[threading.Thread] = []

    def call(self, name: str, work: Callable[[], Any]) -> None:
        def run() -> None:
            try:
                self.outcomes[name] = work()
            except Exception as error:  # noqa: BLE001
                self.outcomes[name] = error
            finally:
                connection.close()

        self._threads.append(threading.Thread(target=run))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with busy_queue() as queue:
            for number, thread in enumerate(self._threads, 1):
                thread.start()
                while len(queue._waiting) < number:
                    time.sleep(0.001)
        for thread in self._threads:
            thread.join()


@contextmanager
def busy_queue() -> Iterator[Any]:
    """Somebody stores something, and then wakes whoever came meanwhile."""
    queue = group_commit._queue
    queue._has_leader = True
    yield queue
    with queue._mutex:
        queue._has_leader = bool(queue._waiting)
        if queue._waiting:
            queue._waiting[0].woken.release()


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """An entry for each write transaction that began."""
    began: list[int] = []
    real = transactions.write_transaction

    @contextmanager
    def counted(*args: Any) -> Any:
        began.append(1)
        with real(*args):
            yield

    monkeypatch.setattr(transactions, "write_transaction", counted)
    return began


def test_those_who_wait_share_one_transaction(commits):
    with Crowd() as crowd:
        for n in range(8):
            crowd.call(str(n), lambda n=n: record_batch(rows(f"e{n}")))
    assert crowd.outcomes == {str(n): RecordingResult(1, 0) for n in range(8)}
    assert len(commits) == 1
    assert UsageMetric.objects.count() == 8
    assert_sums_equal_rows()


def test_each_is_told_its_own_duplicates():
    record_batch(rows("old"))
    with Crowd() as crowd:
        crowd.call("new", lambda: record_batch(rows("a", "b")))
        crowd.call("resent", lambda: record_batch(rows("old", "c")))
        crowd.call("same", lambda: record_batch(rows("a")))
    assert crowd.outcomes == {
        "new": RecordingResult(2, 0),
        "resent": RecordingResult(1, 1),
        "same": RecordingResult(0, 1),
    }
    assert_sums_equal_rows()


def test_two_copies_of_a_post_in_one_crowd_are_stored_once():
    post = Post("w", "key", "digest")
    records = [UsageRecord(timestamp=NOON, model="m")]
    other = Post("w", "key", "another digest")

    def answer(result: RecordingResult) -> dict[str, Any]:
        return {"accepted": result.accepted}

    with Crowd() as crowd:
        crowd.call("first", lambda: record_once(post, records, answer))
        crowd.call("plain", lambda: record_batch(rows("e")))
        crowd.call("again", lambda: record_once(post, records, answer))
        crowd.call("reused", lambda: record_once(other, records, answer))
    assert crowd.outcomes["first"] == ({"accepted": 1}, False)
    assert crowd.outcomes["again"] == ({"accepted": 1}, True)
    assert crowd.outcomes["plain"] == RecordingResult(1, 0)
    assert isinstance(crowd.outcomes["reused"], KeyReused)
    assert UsageMetric.objects.count() == 2
    assert IdempotentPost.objects.get().answer == {"accepted": 1}
    assert_sums_equal_rows()


def test_a_batch_that_the_database_refuses_does_not_take_others_along(monkeypatch):
    real = group_commit.store

    def store(records: list[UsageRecord], traces: Any) -> RecordingResult:
        if any(record.model == "bad" for record in records):
            raise DataError("refused")
        return real(records, traces)

    monkeypatch.setattr(group_commit, "store", store)
    with Crowd() as crowd:
        crowd.call("good", lambda: record_batch(rows("a")))
        crowd.call("bad", lambda: record_batch(rows("b", model="bad")))
    assert crowd.outcomes["good"] == RecordingResult(1, 0)
    assert isinstance(crowd.outcomes["bad"], DataError)
    assert_sums_equal_rows()


def test_trouble_of_the_database_is_told_to_all_who_waited(monkeypatch):
    def store(records: list[UsageRecord], traces: Any) -> RecordingResult:
        raise OperationalError("disk I/O error")

    monkeypatch.setattr(group_commit, "store", store)
    with Crowd() as crowd:
        crowd.call("one", lambda: record_batch(rows("a")))
        crowd.call("two", lambda: record_batch(rows("b")))
    assert [str(error) for error in crowd.outcomes.values()] == ["disk I/O error"] * 2
    monkeypatch.undo()
    assert record_batch(rows("a", "b")) == RecordingResult(2, 0)


def test_large_batches_do_not_wait_for_each_other_to_end(commits):
    with Crowd() as crowd:
        for n in range(3):
            crowd.call(
                str(n), lambda n=n: record_batch(rows(*(f"{n}-{row}" for row in range(1500))))
            )
    assert set(crowd.outcomes.values()) == {RecordingResult(1500, 0)}
    assert len(commits) == 3


def test_a_sender_with_many_batches_waiting_does_not_hold_up_another(monkeypatch):
    stored: list[str] = []
    real = group_commit.store

    def store(records: Any, traces: Any) -> RecordingResult:
        stored.append(records[0].model)
        return real(records, traces)

    monkeypatch.setattr(group_commit, "store", store)
    with Crowd() as crowd:
        for n in range(5):
            large = rows(*(f"{n}-{row}" for row in range(1500)), model="flood")
            crowd.call(str(n), lambda large=large: record_batch(large, sender="flood"))
        for name in ("one", "two"):
            large = rows(*(f"{name}-{row}" for row in range(1500)), model=name)
            crowd.call(name, lambda n=name, large=large: record_batch(large, sender=n))
    assert set(crowd.outcomes.values()) == {RecordingResult(1500, 0)}
    assert stored == ["flood", "one", "two", "flood", "flood", "flood", "flood"]
    assert_sums_equal_rows()


def test_small_batches_of_others_go_along_with_a_large_one(commits):
    with Crowd() as crowd:
        for n in range(3):
            large = rows(*(f"{n}-{row}" for row in range(1500)))
            crowd.call(str(n), lambda large=large: record_batch(large, sender="flood"))
        for name in ("a", "b", "c"):
            crowd.call(name, lambda n=name: record_batch(rows(n), sender=n))
    assert len(crowd.outcomes) == 6
    assert len(commits) == 3
    assert_sums_equal_rows()


def test_whoever_waits_too_long_for_a_turn_is_told_that_the_database_is_busy(monkeypatch):
    monkeypatch.setattr(group_commit, "_LONGEST_WAIT", 0.05)
    with busy_queue(), pytest.raises(OperationalError, match="locked"):
        record_batch(rows("a"))
    assert record_batch(rows("b")) == RecordingResult(1, 0)
    assert UsageMetric.objects.count() == 1


def test_within_a_transaction_of_the_callers_it_is_part_of_that():
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        assert record_batch(rows("a")) == RecordingResult(1, 0)
        raise ZeroDivisionError
    assert not UsageMetric.objects.exists()
    assert_sums_equal_rows()


# --- Second tries -----------------------------------------------------------------------------

postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")


@postgresql
def test_a_deadlock_is_tried_again():
    record_batch(rows("a"))
    gate = threading.Barrier(2)
    tries: list[int] = []

    def lock(first: int, second: int) -> None:
        tries.append(1)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [first])
            if len(tries) <= 2:
                gate.wait(5)
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [second])

    with Threads() as threads:
        threads.run(lambda: transactions.in_write_transaction(lambda: lock(1, 2)))
        threads.run(lambda: transactions.in_write_transaction(lambda: lock(2, 1)))
    assert threads.errors == []
    assert len(tries) == 3


@postgresql
def test_a_connection_that_is_lost_before_the_commit_is_replaced():
    tries: list[int] = []

    def work() -> int:
        tries.append(1)
        with connection.cursor() as cursor:
            if len(tries) == 1:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            cursor.execute("SELECT 1")
        return record_batch(rows("a")).accepted

    assert transactions.in_write_transaction(work) == 1
    assert len(tries) == 2
    assert_sums_equal_rows()


@postgresql
def test_a_commit_of_which_nobody_knows_is_not_repeated(monkeypatch):
    """The client is told, and sends its rows again under the same identity."""
    real = connection.commit

    def commit() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        real()

    monkeypatch.setattr(connection, "commit", commit)
    with pytest.raises(OperationalError):
        record_batch([{"model": "m"}])
    monkeypatch.undo()
    connection.close()
    assert not UsageMetric.objects.exists()


class Threads:
    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        self._threads: list[threading.Thread] = []

    def run(self, work: Callable[[], Any]) -> None:
        def run() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001
                self.errors.append(error)
            finally:
                connection.close()

        thread = threading.Thread(target=run)
        thread.start()
        self._threads.append(thread)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()
