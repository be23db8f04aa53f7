"""The lock that says who runs the background jobs of a database, held for as long as that goes on.

It goes with its holder: SQLite's is a lock on a file, which the kernel gives back; PostgreSQL's is
one of a connection of its own, which the server gives back.
"""

import datetime as dt
import fcntl
import json
import os
import socket
from contextlib import suppress
from typing import Any, NamedTuple

from django.db import DatabaseError, InterfaceError, connection

from usage.database import pool, storage
from usage.database.locks import JOBS, is_taken, opened, path_of

_SPACE = 200  # bytes of the file, so that what it says is written at once
_APPLICATION = "qsmetrics"
_LONGEST_HOST = 24  # PostgreSQL keeps 63 bytes of a connection's name
# A machine that lost its power says nothing any more; the server would wait for hours.
_NOTICE_OUR_END = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}
_THIS_LOCK = (
    "locktype = 'advisory' AND granted AND classid = 0 AND objid = %s AND objsubid = 1"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class Holder(NamedTuple):
    """Who runs the jobs: the program (`serve`, `work`), its process on its host, and since when.

    None is what cannot be told.
    """

    program: str | None = None
    process: int | None = None
    host: str | None = None
    since: dt.datetime | None = None


class JobLock:
    """Ours once `take` said so, until `give_back` or the end of this process."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._held = _InServer() if storage.file() is None else _OfFile()

    def take(self) -> bool:
        """Whether it is ours, now or still: to be asked again and again."""
        if self._held.is_ours():
            return True
        host = "".join(socket.gethostname().split())[:_LONGEST_HOST]
        now = int(dt.datetime.now(dt.UTC).timestamp())
        return self._held.take(f"{_APPLICATION} {self._program} {os.getpid()} {now} {host}")

    def give_back(self) -> None:
        self._held.give_back()


def holder() -> Holder | None:
    """Who has the lock; None where nobody has it."""
    said = _InServer.holder() if storage.file() is None else _OfFile.holder()
    return None if said is None else _parsed(said)


class _OfFile:
    def __init__(self) -> None:
        self._file: int | None = None

    def is_ours(self) -> bool:
        return self._file is not None

    def take(self, name: str) -> bool:
        file = opened(JOBS)
        if not is_taken(file):
            os.close(file)
            return False
        os.pwrite(file, json.dumps(name).encode().ljust(_SPACE), 0)
        self._file = file
        return True

    def give_back(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    @staticmethod
    def holder() -> str | None:
        """What the file says, if anybody holds its lock."""
        try:
            file = os.open(path_of(JOBS), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None  # nobody has ever held it
        try:
            # Shared, so that those who only look do not meet each other. Who wants to take it
            # meanwhile tries again.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            with suppress(ValueError):
                return str(json.loads(os.pread(file, _SPACE, 0)))
            return ""
        finally:
            os.close(file)
        return None


class _InServer:
    def __init__(self) -> None:
        self._connection: Any = None

    def is_ours(self) -> bool:
        """The connection may have been lost, and the lock with it."""
        if self._connection is None:
            return False
        try:
            with self._connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except (DatabaseError, InterfaceError):
            self.give_back()
            return False
        return True

    def take(self, name: str) -> bool:
        self._connection = pool.separate_connection()
        is_ours = False
        try:
            with self._connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_lock(%s)", [JOBS.number])
                is_ours = bool(cursor.fetchone()[0])
                for setting, value in {"application_name": name, **_NOTICE_OUR_END}.items():
                    cursor.execute("SELECT set_config(%s, %s, false)", [setting, value])
        finally:
            if not is_ours:
                self.give_back()
        return is_ours

    def give_back(self) -> None:
        own, self._connection = self._connection, None
        if own is not None:
            own.close()

    @staticmethod
    def holder() -> str | None:
        """The name of the connection that holds it."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT application_name FROM pg_locks LEFT JOIN pg_stat_activity USING (pid)"
                f" WHERE {_THIS_LOCK}",
                [JOBS.number],
            )
            found = cursor.fetchone()
        return None if found is None else found[0] or ""


def _parsed(said: str) -> Holder:
    with suppress(ValueError):
        application, program, process, since, *host = said.split(" ")
        if application == _APPLICATION:
            moment = dt.datetime.fromtimestamp(int(since), dt.UTC)
            return Holder(program, int(process), " ".join(host) or None, moment)
    return Holder()
