"""The folder of the database: made when missing, with an empty database and the signing key."""

import os
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from qsmetrics import private_files


def prepare(folder: Path) -> None:
    """Make the folder; ImproperlyConfigured says what to change where that fails."""
    try:
        folder.mkdir(mode=private_files.FOLDER, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(
            f"the folder {folder} cannot be made ({error.strerror}): make the one above it "
            "writable for this user, or point METRICS_STORAGE_PATH elsewhere."
        ) from None


def prepare_database(path: Path) -> None:
    """Make the file of a new database.

    Incremental auto_vacuum, with which purge gives space back in short steps, can be chosen
    only before the first table; asked for later, it makes every connection wait for the lock.
    """
    prepare(path.parent)
    if path.exists() and path.stat().st_size:
        _refuse_a_proxys_own_file(path)
        return
    try:
        # It holds sessions and password hashes; SQLite gives its log the same mode.
        path.touch(mode=private_files.FILE)
        with closing(sqlite3.connect(path)) as database:
            database.executescript("PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;")
    except (OSError, sqlite3.Error) as error:
        raise ImproperlyConfigured(
            f"METRICS_STORAGE_PATH is {str(path)!r}: the database cannot be made there ({error}): "
            f"make {path.parent} writable for this user and free some space, or choose another."
        ) from None


def _refuse_a_proxys_own_file(path: Path) -> None:
    """Go proxies keep a usage_metrics of their own under the same file name."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            tables = {name for (name,) in found}
    except sqlite3.Error:
        return  # whoever opens it next can say more
    if "usage_metrics" in tables and "django_migrations" not in tables:
        raise ImproperlyConfigured(
            f"METRICS_STORAGE_PATH is {str(path)!r}, which another program made: move that file, "
            "start again, and take it over with `manage.py import_metrics FILE`."
        )


def kept_secret_key(folder: Path) -> str:
    """The key in `folder`/secret_key, readable by its owner only; made when it is missing."""
    path = folder / "secret_key"
    try:
        if not path.exists():
            prepare(folder)
            _make_key(path)
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ImproperlyConfigured(
            f"{path} cannot be made or read ({reason}): make {folder} writable for this user, "
            "point METRICS_STORAGE_PATH elsewhere, or set SECRET_KEY."
        ) from None
    if len(key) < 32:
        raise ImproperlyConfigured(f"{path} is damaged: delete it and start again.")
    return key


def _make_key(path: Path) -> None:
    """Write to a private file, then link it in place: the first of two makers wins whole."""
    draft = path.with_name(f".secret_key.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, private_files.FILE)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(50))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
    finally:
        draft.unlink()
