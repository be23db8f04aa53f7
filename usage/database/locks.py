"""Locks beyond one process: those that end with a transaction, and those of programs.

SQLite's transactions need none, since only one can write at a time; programs lock files beside it.
PostgreSQL has its advisory locks for both. Their numbers stand here, so that no two are the same.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.db import OperationalError, connection, transaction

from qsmetrics import private_files
from usage.database import extensions, storage

# Classes of a transaction's locks. Older versions that are still running take the same.
CHUNKS = 0x71_73_63  # by hash of its name: who decompresses it
CALLS = 0x71_73_6D  # by hash of its id: who judges which source's report of a call counts
TRACES = 0x71_73_74  # by hash of its id: who judges which spans of a trace are calls
AGENTS = 0x71_73_61  # by hash of what they share: who judges an agent's logs and spans
NAMES = 0x71_73_6E  # 0: what was decided on names; 1: who decides on new ones
_LOCK_NOT_AVAILABLE = "55P03"


class ProgramLock(NamedTuple):
    """Held by one program on this database at a time; PostgreSQL's number and SQLite's file."""

    number: int
    file: str


START = ProgramLock(7_331_081, ".starting")
JOBS = ProgramLock(7_331_082, ".jobs")  # held for long: see `usage.database.job_lock`
PASSWORD_CHECKS = [ProgramLock(7_331_090 + n, f".password-check-{n}") for n in range(2)]


def hold(lock_class: int, number: int) -> None:
    """Wait for a lock and have it alone until the end of the transaction."""
    _take("pg_advisory_xact_lock", lock_class, number)


def share(lock_class: int, number: int) -> None:
    """The same beside others who share it."""
    _take("pg_advisory_xact_lock_shared", lock_class, number)


def hold_soon(lock_class: int, number: int, seconds: float) -> bool:
    """`hold`, or false where others have it for longer: whoever comes later waits behind this."""
    if storage.has_one_writer():
        return True
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {1000 * seconds:.0f}")
            _take("pg_advisory_xact_lock", lock_class, number)
            cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
            return False
        raise
    return True


def hold_tables(*tables: str) -> None:
    """Keep other writers out of them until the end of the transaction; they can be read."""
    if not storage.has_one_writer():
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {', '.join(tables)} IN SHARE ROW EXCLUSIVE MODE")


def for_update(table: str = "usage_metrics", *, skip_locked: bool = False) -> str:
    """SQL that locks the rows of a table which it chooses; empty where none can be.

    Of usage_metrics, Citus locks rows that are chosen so of one node only, TimescaleDB no
    compressed ones.
    """
    is_spread = extensions.is_distributed() or extensions.is_hypertable()
    if storage.has_one_writer() or (table == "usage_metrics" and is_spread):
        return ""
    return "FOR UPDATE SKIP LOCKED" if skip_locked else "FOR UPDATE"


def hold_rows(portions: Iterable[tuple[str, Sequence[Any]]]) -> None:
    """Lock rows of usage_metrics until the end of the transaction: those of each condition."""
    if storage.has_one_writer():
        return
    if lock := for_update():
        statement = f"SELECT id FROM usage_metrics WHERE {{}} ORDER BY id {lock}"
    else:  # written as they are
        statement = "UPDATE usage_metrics SET is_summed = is_summed WHERE {}"
    with connection.cursor() as cursor:
        for condition, parameters in portions:
            cursor.execute(statement.format(condition), parameters)


@contextmanager
def waited_for(lock: ProgramLock) -> Iterator[None]:
    """Wait until no other program holds it, then hold it."""
    if storage.file() is None:
        with _in_server("pg_advisory_lock", lock):
            yield
    else:
        file = opened(lock)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)


@contextmanager
def tried(lock: ProgramLock) -> Iterator[bool]:
    """Hold it if nobody does, and say whether; also where the folder takes no files."""
    if storage.file() is None:
        with _in_server("pg_try_advisory_lock", lock) as is_held:
            yield is_held
        return
    try:
        file = opened(lock)
    except OSError:
        yield True
        return
    try:
        yield is_taken(file)
    finally:
        os.close(file)


def opened(lock: ProgramLock) -> int:
    """The file that programs on SQLite lock."""
    return os.open(path_of(lock), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, private_files.FILE)


def path_of(lock: ProgramLock) -> Path:
    return Path(settings.METRICS_STORAGE_PATH).with_name(lock.file)


def is_taken(file: int) -> bool:
    """Whether it is ours now; the kernel gives it back when we end, however that is."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _take(function: str, lock_class: int, number: int) -> None:
    if not storage.has_one_writer():
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s, %s)", [lock_class, number])


@contextmanager
def _in_server(function: str, lock: ProgramLock) -> Iterator[bool]:
    """PostgreSQL's, which goes with the connection at the latest."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [lock.number])
        is_held = cursor.fetchone()[0] is not False  # waiting for it returns nothing
    try:
        yield is_held
    finally:
        if is_held:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [lock.number])
