"""What the database said when it refuses, and what a user can do about it: one place for all.

What it said is a class and SQLSTATE or SQLite's error name, which hold no data. The driver's own
words may hold values, and stay out of answers and logs.
"""

from dataclasses import dataclass

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, OperationalError

from usage.database.files import MOVED, FilesMoved
from usage.database.versions import NewerDatabase

# What any use of the database may raise: InterfaceError is no DatabaseError.
DATABASE_TROUBLE = (DatabaseError, InterfaceError)
RETRY_AFTER_SECONDS = 5
_OPERATOR_SECONDS = 30  # where it takes a person to mend it

_BUSY = "the database is busy: try again shortly"
_OUT_OF_MEMORY = "the database is out of memory: ask for less, or give its machine more"
_REFUSED = "PostgreSQL refuses: check user, password and database name in DATABASE_URL"
_AWAY = "the database cannot be reached: check that it is running, then try again"
_NOT_SET_UP = "the database is not set up: run `manage.py migrate`"
_NO_RIGHT = "the database does not permit this: give the portal's user the right to its tables"
_DAMAGED = "the database file is damaged: restore a backup"
_SERVER_DAMAGED = "the database reports damaged data: look into its server's log, restore a backup"
_SERVER_DISK = "the database server's disk is full: free some space, then try again"
_DISK_FULL = "the disk that holds the database is full: free some space, then try again"
_DISK_FAILS = "the disk that holds the database is full or fails: see to it, then try again"
_TOO_MANY = "the database has no connection left: raise max_connections, or lower METRICS_THREADS"
_READ_ONLY = "the database is read-only: make its file and folder writable for the portal"
_REPLICA = "the database is read-only: point DATABASE_URL at the primary server"
_CANNOT_OPEN = "the database file cannot be opened: check METRICS_STORAGE_PATH and its folder"
_BROKEN_OFF = "the database broke this off, as it took too long: ask for less, or try again"
_TOO_LONG = (
    "this takes too long to read: ask for a shorter time between `from` and `to`, for fewer "
    "values, or for longer buckets"
)
_TIMED_OUT = (
    "this takes longer than statement_timeout allows, or was cancelled: ask for a shorter time "
    "between `from` and `to`, for fewer values, or for longer buckets"
)
_ENDING = "the database is shutting down: start it again"
_SILENT = "the database does not answer: check that it is running, then try again"
_ALL_IN_USE = "the portal's connections to the database are all in use: try again shortly"
_TOO_LARGE = "the database takes no statement as large as this: ask for less at once"
_VALUES = "the database refuses these values: this is a fault of qsmetrics, please report it"
_FAULT = "the database does not understand this: a fault of qsmetrics, please report it"
_FAILED = "the database failed: look into its server's log"
_NO_FILE = "the database file is damaged or no SQLite file: restore a backup"

# By the longest beginning of SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html
_BY_STATE = {
    "08": _AWAY,
    "0A": "the database cannot do this: update PostgreSQL, or see docs/scaling.md",
    "22": _VALUES,
    "23": _VALUES,
    "25006": _REPLICA,
    "25P03": _BROKEN_OFF,
    "25P04": _BROKEN_OFF,
    "28": _REFUSED,
    "3D": _REFUSED,
    "3F": _NOT_SET_UP,
    "40001": "the write met others again and again (serialization failure): try again shortly",
    "40P01": "the write met others again and again (deadlock): try again shortly",
    "40": _BUSY,
    "42": _FAULT,
    "42501": _NO_RIGHT,
    "42703": _NOT_SET_UP,
    "42883": _NOT_SET_UP,
    "42P01": _NOT_SET_UP,
    "53100": _SERVER_DISK,
    "53200": _OUT_OF_MEMORY,
    "53300": _TOO_MANY,
    "53": _OUT_OF_MEMORY,
    "54": _TOO_LARGE,
    "55": _BUSY,
    "55P03": "the database is busy (lock_timeout): try again shortly",
    "57014": _TIMED_OUT,
    "57P01": _ENDING,
    "57P02": "the database is recovering from a crash: try again shortly",
    "57P03": "the database is starting up: try again shortly",
    "57P04": _REFUSED,
    "57P05": _AWAY,
    "58030": _DISK_FAILS,
    "58": _SERVER_DAMAGED,
    "F0": _SERVER_DAMAGED,
    "P0": "a trigger of the database refuses this: look into its server's log",
    "XX001": _SERVER_DAMAGED,
    "XX002": _SERVER_DAMAGED,
}

# By the longest beginning of SQLite's name: https://www.sqlite.org/rescode.html
_BY_NAME = {
    "SQLITE_AUTH": _NO_RIGHT,
    "SQLITE_BUSY": _BUSY,
    "SQLITE_CANTOPEN": _CANNOT_OPEN,
    "SQLITE_CONSTRAINT": _VALUES,
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_ERROR": _FAULT,
    "SQLITE_FULL": _DISK_FULL,
    "SQLITE_INTERNAL": _DAMAGED,
    "SQLITE_INTERRUPT": _TOO_LONG,
    "SQLITE_IOERR": _DISK_FAILS,
    "SQLITE_IOERR_NOMEM": _OUT_OF_MEMORY,
    "SQLITE_LOCKED": _BUSY,
    "SQLITE_MISMATCH": _VALUES,
    "SQLITE_NOLFS": _DISK_FULL,
    "SQLITE_NOMEM": _OUT_OF_MEMORY,
    "SQLITE_NOTADB": _NO_FILE,
    "SQLITE_PERM": _CANNOT_OPEN,
    "SQLITE_PROTOCOL": _BUSY,
    "SQLITE_RANGE": _FAULT,
    "SQLITE_READONLY": _READ_ONLY,
    "SQLITE_READONLY_DBMOVED": MOVED,
    "SQLITE_SCHEMA": _BUSY,
    "SQLITE_TOOBIG": _TOO_LARGE,
}

# Where there is no code: what the driver found before a server said anything, or what SQLite
# names no closer than SQLITE_ERROR.
_BY_WORDS = (
    ("interrupted", _TOO_LONG),
    ("locked", _BUSY),
    ("lock timeout", _BUSY),
    ("couldn't get a connection", _ALL_IN_USE),
    ("too many", _TOO_MANY),
    ("connection slots", _TOO_MANY),
    ("starting up", _BY_STATE["57P03"]),
    ("shutting down", _BY_STATE["57P01"]),
    ("recovery mode", _BY_STATE["57P02"]),
    ("not yet accepting", _BY_STATE["57P03"]),
    ("timeout expired", _SILENT),
    ("translate host name", "the database server's name is unknown: check DATABASE_URL"),
    ("resolve host", "the database server's name is unknown: check DATABASE_URL"),
    ("certificate", "PostgreSQL's certificate is not trusted: check sslmode in DATABASE_URL"),
    ("ssl", "PostgreSQL and the portal do not agree on TLS: check sslmode in DATABASE_URL"),
    ("fatal:", _REFUSED),
    ("no password supplied", _REFUSED),
    ("no space left", _SERVER_DISK),
    ("no such table", _NOT_SET_UP),
    ("no such column", _NOT_SET_UP),
    ("has no column", _NOT_SET_UP),
)  # fmt: skip

# What passes by itself, beside all that says "shortly".
_PASSING = (_OUT_OF_MEMORY, _BROKEN_OFF, _TOO_LONG, _TIMED_OUT, _ENDING, _TOO_MANY, _AWAY, _SILENT)


@dataclass(frozen=True)
class Trouble:
    """`said` is for logs and answers, `sentence` for whoever reads them."""

    said: str
    sentence: str
    status: int
    retry_after_seconds: int | None

    @property
    def headers(self) -> dict[str, str]:
        seconds = self.retry_after_seconds
        return {} if seconds is None else {"Retry-After": str(seconds)}

    def __str__(self) -> str:
        return f"{self.sentence} [{self.said}]"


def busy(words: str) -> OperationalError:
    """What SQLite raises where a lock stays, of a lock of this process."""
    error = OperationalError(f"database is locked: {words}")
    error.sqlite_errorname = "SQLITE_BUSY"  # type: ignore[attr-defined]
    return error


def trouble_of(error: Exception) -> Trouble:
    """Of a DATABASE_TROUBLE; its cause is the driver's own error."""
    sentence = explain(error)
    if isinstance(error, DataError):  # values that it refuses would be refused again
        return Trouble(said_by(error), sentence, 400, None)
    is_passing = sentence in _PASSING or sentence.endswith("shortly")
    seconds = RETRY_AFTER_SECONDS if is_passing else _OPERATOR_SECONDS
    return Trouble(said_by(error), sentence, 503, seconds)


def said_by(error: BaseException) -> str:
    """Such as `OperationalError SQLITE_BUSY` or `QueryCanceled 57014`."""
    cause = error.__cause__ or error
    return f"{type(cause).__name__} {_code(cause)}".rstrip()


def explain(error: Exception) -> str:
    """What a user can do about it."""
    cause = error.__cause__ or error
    if isinstance(cause, FilesMoved | NewerDatabase):
        return str(cause)
    code = _code(cause)
    if code.startswith("SQLITE") and code != "SQLITE_ERROR":
        return _longest(_BY_NAME, code) or _FAULT
    if code and code != "SQLITE_ERROR":
        return _longest(_BY_STATE, code) or _FAILED
    if isinstance(error, DataError | IntegrityError):
        return _VALUES
    words = str(error).lower()
    return next(
        (sentence for mark, sentence in _BY_WORDS if mark in words),
        _BY_NAME.get(code, _AWAY),
    )


def _code(cause: BaseException) -> str:
    """SQLite's name of the error, or SQLSTATE; empty of what a driver found by itself."""
    return getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None) or ""


def _longest(sentences: dict[str, str], code: str) -> str | None:
    beginnings = (code[:length] for length in range(len(code), 1, -1))
    return next((sentences[each] for each in beginnings if each in sentences), None)
