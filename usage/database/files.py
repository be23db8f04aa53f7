"""The files of a SQLite database: whether those that this process has open are still in place."""

import logging
import os
import sqlite3
import stat
import threading
import time
import weakref
from pathlib import Path

from usage.database import in_use

logger = logging.getLogger(__name__)

MOVED = (
    "the database file was moved, removed or replaced while the portal ran: put the right one in "
    "its place and restart the portal; until then nothing is stored"
)
_LOG_LOST = (
    "the database's write-ahead log (-wal, -shm) was removed or replaced while the portal ran: "
    "restart the portal; until then nothing is stored"
)
_RESTORING = "a backup is being restored: try again shortly"
_LOOKED_EVERY = 1.0  # seconds, by those who only read
_RESCUED_WITHIN, _LOOKS_EVERY = 1.0, 0.01  # seconds
_Identity = tuple[int, int]  # device and inode


class FilesMoved(sqlite3.OperationalError):
    """A commit would go, or has gone, where nobody will look. The sentence holds no data."""

    sqlite_errorname = "SQLITE_READONLY_DBMOVED"  # SQLite's own name of it
    sqlite_errorcode = 1032


class DatabaseFiles:
    """One database, for all connections of this process.

    The database file is the one that was opened first, for as long as the process lives. Its
    write-ahead log and the log's index are deleted when the last connection of all processes
    closes, and made anew, so they are told only while this process has a connection.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._database: _Identity | None = None
        self._logs: dict[str, _Identity] = {}
        self._connections: weakref.WeakSet[sqlite3.Connection] = weakref.WeakSet()
        self._trouble = ""
        self._looked_at = 0.0

    def before_opening(self) -> None:
        """FilesMoved where SQLite would make new ones, or where others are about to come."""
        self.require_in_place()
        if not in_use.share(Path(self._path).resolve().parent):
            raise FilesMoved(_RESTORING)

    def require_in_place(self) -> None:
        """FilesMoved where another file, or none, is at a path; from then on always."""
        self.require_no_trouble()
        if self._database is not None and _identity(self._path) != self._database:
            raise self._lost(MOVED)
        for path, identity in self._logs.items():
            if _identity(path) != identity:
                raise self._lost(_LOG_LOST)

    def require_no_trouble(self) -> None:
        """The same from what is known already."""
        if self._trouble:
            raise FilesMoved(self._trouble)

    def look(self) -> None:
        """Now and then, for those who write nothing; what is found is raised by the next use."""
        if time.monotonic() - self._looked_at < _LOOKED_EVERY:
            return
        self._looked_at = time.monotonic()
        try:
            self.require_in_place()
        except FilesMoved as error:
            logger.debug("%s", error)

    def opened(self, connection: sqlite3.Connection) -> None:
        """Take in a connection that has read already; FilesMoved if it has opened other files."""
        with self._lock:
            if self._database is None:
                self._database = _identity(self._path)
                if self._database is None:
                    raise FilesMoved(MOVED)
                _pin(self._path)
            if not self._connections:
                self._logs = _logs_of(connection)
            self._connections.add(connection)
        self.require_in_place()

    def closed(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            self._connections.discard(connection)
            if not self._connections:
                self._logs = {}

    def forget_connections(self) -> None:
        """In a forked child: they are its parent's."""
        self._lock = threading.Lock()
        self._connections = weakref.WeakSet()
        self._logs = {}

    def may_be_rescued(self) -> bool:
        """Whether only logs are gone, and nobody has made others that would not fit."""
        if self._database is None or _identity(self._path) != self._database:
            return False
        return all(_identity(path) in (identity, None) for path, identity in self._logs.items())

    def _lost(self, sentence: str) -> FilesMoved:
        if not self._trouble:
            logger.error("%s: %s", self._path, sentence)
        self._trouble = sentence
        return FilesMoved(sentence)


class WatchedConnection(sqlite3.Connection):
    """Answers no commit of which the files are not in place."""

    patience = 5.0  # seconds for which it waits for a lock of another one; sqlite3's default
    _files: DatabaseFiles | None = None
    _changes = 0

    def set_waiting(self, seconds: float) -> None:
        """For how long SQLite itself waits; less than `patience` where others do it for it."""
        self.execute(f"PRAGMA busy_timeout = {1000 * seconds:.0f}")

    def watch(self, files: DatabaseFiles) -> None:
        self.execute("PRAGMA schema_version").fetchone()  # reading opens the log
        files.opened(self)
        self._files = files
        self._changes = self.total_changes

    def commit(self) -> None:
        """Before it, that nothing is written elsewhere; after it, that it was not meanwhile."""
        self.require_in_place()
        super().commit()
        self._changes = self.total_changes
        self.require_in_place()

    def statement_ended(self) -> None:
        """Outside of transactions a statement that changes anything has been committed now."""
        if not self.in_transaction and self.total_changes != self._changes:
            self._changes = self.total_changes
            self.require_in_place()

    def require_in_place(self) -> None:
        if self._files is None:
            return
        try:
            self._files.require_in_place()
        except FilesMoved:
            self._rescue(self._files)
            raise

    def require_no_trouble(self) -> None:
        """It may be known from one who only read, and has rescued nothing."""
        if self._files is None:
            return
        try:
            self._files.require_no_trouble()
        except FilesMoved:
            self._rescue(self._files)
            raise

    def close(self) -> None:
        if self._files is not None:
            self._files.closed(self)
        super().close()

    def _rescue(self, files: DatabaseFiles) -> None:
        """What was acknowledged before the log was unlinked: from there into the database."""
        super().rollback()
        until = time.monotonic() + _RESCUED_WITHIN
        try:
            # It copies nothing, and says so, while another program copies or reads an older state.
            while files.may_be_rescued() and not self._is_log_copied():
                if time.monotonic() > until:
                    logger.warning("the lost log could not be copied: others were in its way")
                    return
                time.sleep(_LOOKS_EVERY)
        except sqlite3.Error as error:
            logger.warning("the lost log could not be copied: %s", error.sqlite_errorname)

    def _is_log_copied(self) -> bool:
        has_failed, frames, copied = self.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return not has_failed and frames == copied


_known: dict[str, DatabaseFiles] = {}
_lock = threading.Lock()


def files_of(path: str) -> DatabaseFiles:
    with _lock:
        return _known.setdefault(path, DatabaseFiles(path))


def _forget_connections() -> None:
    for files in _known.values():
        files.forget_connections()


os.register_at_fork(after_in_child=_forget_connections)


def _identity(path: str) -> _Identity | None:
    """None where nothing is; FilesMoved where nobody can tell, for now."""
    try:
        found = os.stat(path)  # noqa: PTH116  # for each commit, and a Path costs as much again
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise FilesMoved(
            f"the folder of the database cannot be reached ({error.strerror}): mount it again or "
            "make it accessible to the portal"
        ) from None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None


def _logs_of(connection: sqlite3.Connection) -> dict[str, _Identity]:
    """Empty where it keeps none: outside of write-ahead logging."""
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode != "wal":
        return {}
    _, _, path = connection.execute("PRAGMA database_list").fetchone()  # links resolved
    return {path + end: _identity(path + end) or (0, 0) for end in ("-wal", "-shm")}


def _pin(path: str) -> None:
    """Keep the inode, or a new file could get its number while no connection is open.

    Of O_PATH: closing another descriptor would give up SQLite's locks.
    """
    if hasattr(os, "O_PATH"):
        os.open(path, os.O_PATH)
