"""`UsageBuffer`: rows stored behind the caller's back, none of them lost."""

import sqlite3
import textwrap
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from django.db import InterfaceError, OperationalError, connection

from tests import serving
from tests.migrated import migrated
from tests.waiting import wait_until
from usage.models import UsageMetric
from usage.recording import (
    BufferClosed,
    BufferFull,
    RecordingResult,
    UsageBuffer,
    record_batch,
)
from usage.records import InvalidRow, UsageRecord

pytestmark = pytest.mark.django_db(transaction=True)


def are_stored(count: int) -> Callable[[], bool]:
    return lambda: UsageMetric.objects.count() == count


def test_a_hundred_rows_are_stored_at_once():
    with UsageBuffer(flush_seconds=60) as buffer:
        for number in range(100):
            buffer.add(model=f"m{number}")
        wait_until(are_stored(100))


def test_fewer_rows_are_stored_after_the_wait():
    with UsageBuffer(flush_seconds=0.1) as buffer, UsageBuffer(flush_seconds=60) as patient:
        patient.add(model="later")
        buffer.add(model="m")
        wait_until(are_stored(1))
        assert UsageMetric.objects.get().model == "m"


def test_closing_stores_the_rest():
    buffer = UsageBuffer(flush_seconds=60)
    buffer.add(model="m")
    assert buffer.close() == 0
    assert UsageMetric.objects.count() == 1
    with pytest.raises(BufferClosed):
        buffer.add(model="m")


def test_flushing_stores_what_is_there():
    with UsageBuffer(flush_seconds=60) as buffer:
        assert buffer.flush() is True
        buffer.add(model="m")
        assert buffer.flush(timeout=5) is True
        assert UsageMetric.objects.count() == 1


def test_a_bad_row_is_refused_at_once():
    with UsageBuffer() as buffer, pytest.raises(InvalidRow):
        buffer.add(model="m", prompt_tokens=-1)
    assert UsageMetric.objects.count() == 0


@pytest.mark.skipif(connection.vendor != "sqlite", reason="holds SQLite's one write lock")
def test_a_busy_database_makes_callers_wait_and_loses_nothing():
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    buffer = UsageBuffer(flush_rows=1, capacity=5, retry_seconds=0.05)
    try:
        for _ in range(5):
            buffer.add(model="m")
        with pytest.raises(BufferFull):
            buffer.add(model="m", wait_seconds=0.1)
        blocked = threading.Thread(target=buffer.add, kwargs={"model": "m"})
        blocked.start()
        blocked.join(timeout=0.2)
        assert blocked.is_alive(), "a full buffer must hold its callers"
    finally:
        other.execute("ROLLBACK")
        other.close()
    blocked.join(timeout=15)
    assert buffer.close() == 0
    assert UsageMetric.objects.count() == 6


@pytest.mark.parametrize("trouble", [OperationalError, InterfaceError])
def test_rows_are_tried_again_after_any_trouble_with_the_database(trouble, monkeypatch):
    troubles = [trouble("the connection is closed")]

    def store(batch: list[UsageRecord]) -> RecordingResult:
        if troubles:
            raise troubles.pop()
        return record_batch(batch)

    monkeypatch.setattr("usage.recording.buffer.record_batch", store)
    with UsageBuffer(flush_rows=1, retry_seconds=0.01) as buffer:
        buffer.add(model="m")
        assert buffer.flush(timeout=5) is True
    assert troubles == []
    assert UsageMetric.objects.count() == 1


def run_script(script: str, folder: Path) -> None:
    """Run a script in a process of its own, on a migrated database in `folder`."""
    start = """
        import django, os
        django.setup()
        from usage.recording import UsageBuffer
    """
    ended = serving.run_script(migrated(folder), textwrap.dedent(start) + textwrap.dedent(script))
    assert ended.returncode == 0, ended.stderr


def models_in(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "metrics.db")) as database:
        return [name for (name,) in database.execute("SELECT model FROM usage_metrics ORDER BY 1")]


def test_leaving_the_process_stores_what_is_buffered(tmp_path: Path):
    script = """
        buffer = UsageBuffer(flush_seconds=60)
        for number in range(7):
            buffer.add(model=f"m{number}")
    """
    run_script(script, tmp_path)
    assert models_in(tmp_path) == [f"m{number}" for number in range(7)]


def test_a_fork_shares_no_buffered_rows(tmp_path: Path):
    script = """
        buffer = UsageBuffer(flush_seconds=60)
        buffer.add(model="parent")
        child = os.fork()
        if child == 0:
            buffer.add(model="child")
            os._exit(buffer.close())
        assert os.waitpid(child, 0)[1] == 0
        buffer.close()
    """
    run_script(script, tmp_path)
    assert models_in(tmp_path) == ["child", "parent"]


def test_flushing_ends_while_others_go_on_adding():
    with UsageBuffer() as buffer:
        stop = threading.Event()

        def add_until_told() -> None:
            while not stop.is_set():
                buffer.add(model="other")

        adding = threading.Thread(target=add_until_told)
        adding.start()
        try:
            buffer.add(model="mine")
            assert buffer.flush(timeout=10) is True
            assert UsageMetric.objects.filter(model="mine").count() == 1
        finally:
            stop.set()
            adding.join()
