"""What to tell a user when the database is busy, full, read-only or away."""

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError

from usage.database.files import FilesMoved

RETRY_AFTER_SECONDS = 5
# What any use of the database may raise: InterfaceError is no DatabaseError.
DATABASE_TROUBLE = (DatabaseError, InterfaceError)
_BUSY = "the database is busy: try again shortly"
_TOO_LONG = (
    "this takes too long to read: ask for a shorter time between `from` and `to`, for fewer "
    "values, or for longer buckets"
)
_EXPLANATIONS = (
    ("interrupted", _TOO_LONG),
    ("statement timeout", _TOO_LONG),
    ("locked", _BUSY),
    ("lock timeout", _BUSY),
    ("too many", _BUSY),
    ("starting up", _BUSY),
    ("shutting down", _BUSY),
    ("fatal:", "PostgreSQL refuses: check user, password and database name in DATABASE_URL"),
    ("i/o error", "the disk that holds the database is full or fails: see to it, then try again"),
    ("no space left", "the database server's disk is full: free some space, then try again"),
    ("full", "the disk that holds the database is full: free some space, then try again"),
    ("readonly", "the database is read-only: make its file and folder writable for the portal"),
    ("read-only", "the database is read-only: point DATABASE_URL at the primary server"),
    ("unable to open", "the database file cannot be opened: check METRICS_STORAGE_PATH"),
    ("no such table", "the database is not set up: run `manage.py migrate`"),
    ("does not exist", "the database is not set up: run `manage.py migrate`"),
    ("not a database", "the database file is damaged or no SQLite file: restore a backup"),
    ("malformed", "the database file is damaged: restore a backup"),
)


def explain(error: DatabaseError | InterfaceError) -> str:
    """What a user can do about it. The driver's own words, which may hold data, stay out."""
    if isinstance(error.__cause__, FilesMoved):
        return str(error.__cause__)
    if isinstance(error, DataError | IntegrityError):
        return "the database refuses these values: this is a fault of qsmetrics, please report it"
    text = str(error).lower()
    for mark, explanation in _EXPLANATIONS:
        if mark in text:
            return explanation
    return "the database cannot be reached: check that it is running, then try again"
