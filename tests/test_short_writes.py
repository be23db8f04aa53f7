"""How writes wait for one that another holds: looking often, and some of them not for long."""

import threading
import time

import pytest
from django.db import OperationalError, connection, transaction
from model_bakery import baker

from usage.database.transactions import short_write_transaction, write_transaction
from usage.models import PurgeHorizon

pytestmark = pytest.mark.django_db(transaction=True)
NEVER = threading.TIMEOUT_MAX


def patience() -> object:
    """How long this connection waits for a lock outside of short writes."""
    with connection.cursor() as cursor:
        is_sqlite = connection.vendor == "sqlite"
        cursor.execute("PRAGMA busy_timeout" if is_sqlite else "SHOW lock_timeout")
        return cursor.fetchone()[0]


def write_elsewhere(holding: threading.Event, done: threading.Event, *, in_turn: bool) -> None:
    """Hold the row, and on SQLite the write lock, until somebody is done."""
    begin = write_transaction if in_turn else transaction.atomic
    try:
        with begin():
            PurgeHorizon.objects.update(purged_before="2024-01-16T00:00:00Z")
            holding.set()
            done.wait(NEVER)
    finally:
        holding.set()
        connection.close()


@pytest.mark.parametrize("in_turn", [True, False], ids=["of this process", "of another process"])
def test_a_short_write_gives_up_while_another_one_is_at_work(in_turn):
    horizon = baker.make(PurgeHorizon, purged_before="2024-01-15T00:00:00Z")
    before = patience()
    holding, done = threading.Event(), threading.Event()
    other = threading.Thread(
        target=write_elsewhere, args=[holding, done], kwargs={"in_turn": in_turn}
    )
    other.start()
    try:
        holding.wait(NEVER)
        with pytest.raises(OperationalError), short_write_transaction(0.05):
            horizon.purged_before = "2024-01-14T00:00:00Z"
            horizon.save()
    finally:
        done.set()
        other.join()
    assert patience() == before


@pytest.mark.skipif(connection.vendor != "sqlite", reason="other engines wake who waits")
def test_a_write_looks_every_few_milliseconds_whether_the_lock_is_free(monkeypatch):
    """SQLite sleeps up to 0.1 s in between, and so misses a lock that is free now and then."""
    rests, sleep = [], time.sleep
    holding, done = threading.Event(), threading.Event()

    def rest(seconds):
        rests.append(seconds)
        if len(rests) == 20:
            done.set()
        sleep(seconds)

    other = threading.Thread(
        target=write_elsewhere, args=[holding, done], kwargs={"in_turn": False}
    )
    other.start()
    holding.wait(NEVER)
    before = patience()
    monkeypatch.setattr(time, "sleep", rest)
    try:
        with transaction.atomic():
            baker.make(PurgeHorizon, purged_before="2024-01-15T00:00:00Z")
    finally:
        done.set()
        other.join()
    assert (PurgeHorizon.objects.count(), patience()) == (1, before)
    assert len(rests) >= 20
    assert max(rests) <= 0.01


def test_a_short_write_is_committed_where_nobody_is_in_the_way():
    before = patience()
    with short_write_transaction(0.05, statement_seconds=5):
        horizon = baker.make(PurgeHorizon, purged_before="2024-01-15T00:00:00Z")
    assert (list(PurgeHorizon.objects.all()), patience()) == ([horizon], before)
