"""Restoring a backup: all of it is made ready beside the database, then put in its place."""

import datetime as dt
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.db.migrations.loader import MigrationLoader

from usage.backups.parts import (
    CannotBackUp,
    counts_in,
    manifest_in,
    opened_backup,
    require_whole,
    take_parts,
)
from usage.backups.writing import sync
from usage.database import in_use
from usage.database.trouble import said_by, trouble_of

_READY = ".restoring"  # a folder beside the database, gone afterwards
_LEFT_FREE = 64 * 2**20
_LOGS = ("-wal", "-shm", "-journal")


@dataclass(frozen=True)
class Restored:
    rows: int
    was_migrated: bool
    has_key: bool
    before: Path | None  # the folder with what was here


def restore(
    backup: Path,
    database: Path,
    migrate: Callable[[Path], None],
    note: Callable[[Path, int], None],
) -> Restored:
    """Put the backup in the place of the database. CannotBackUp says why nothing was changed.

    `migrate` brings a file of an older version up to date; `note` says in its audit trail that
    it was restored, with so many rows.
    """
    try:
        return _restored(backup, database, migrate, note)
    except sqlite3.Error as error:
        raise CannotBackUp(str(trouble_of(error))) from None


def _restored(
    backup: Path,
    database: Path,
    migrate: Callable[[Path], None],
    note: Callable[[Path, int], None],
) -> Restored:
    folder = database.parent
    is_older, rows = _judged(backup)
    if database.exists() and backup.samefile(database):
        raise CannotBackUp(f"{backup} is the portal's own database: name a backup")
    with in_use.alone(folder) as is_alone:
        if not is_alone:
            raise CannotBackUp(
                f"a portal or one of its commands runs on {database}: stop it, then restore"
            )
        with _old_one(database) as has_old, _ready(folder) as ready:
            _require_room(backup, folder)
            copy = ready / database.name
            parts = _made_ready(backup, copy)
            if is_older:
                migrate(copy)
            note(copy, rows)
            with closing(sqlite3.connect(copy, isolation_level=None)) as file:
                require_whole(file, None)
                file.execute("PRAGMA journal_mode = DELETE")
            sync(copy)
            before = _keep_aside(database) if has_old else None
            key = parts.pop("secret_key", None)
            if key is not None:
                _append(ready / "secret_key", key)
            for name, content in parts.items():  # whatever happens now, they count once
                _add_to_spool(folder / name, content)
            _give_to_owner(
                folder, [*ready.iterdir(), *folder.glob("collector"), *map(folder.joinpath, parts)]
            )
            _put_in_place(copy, database)
            if key is not None:
                (ready / "secret_key").replace(folder / "secret_key")
            sync(folder)
    return Restored(rows, is_older, key is not None, before)


def _judged(backup: Path) -> tuple[bool, int]:
    """Whether it is of an older version, and its rows; CannotBackUp where it is newer, or none."""
    if not backup.is_file():
        raise CannotBackUp(f"{backup} is missing or no file: name a backup")
    try:
        with opened_backup(backup) as file:
            counts = counts_in(file)
            if "usage_metrics" not in counts:
                raise CannotBackUp(f"{backup} is no backup of a portal: name one")
            applied = set(file.execute("SELECT app, name FROM django_migrations"))
            manifest = manifest_in(file)
            require_whole(file, manifest.counts if manifest else None)
    except sqlite3.DatabaseError as error:
        code = said_by(error)
        raise CannotBackUp(f"{backup} cannot be read ({code}): name a backup of a portal") from None
    except CannotBackUp as fault:
        raise CannotBackUp(f"{backup}: {fault}") from None
    known = set(MigrationLoader(None).disk_migrations)
    if applied - known:
        version = f" ({manifest.version})" if manifest else ""
        raise CannotBackUp(
            f"{backup} is of a newer version{version}: install that version, then restore"
        )
    return bool(known - applied), counts["usage_metrics"]


def _made_ready(backup: Path, copy: Path) -> dict[str, bytes]:
    """A private copy that is a plain database again; the parts that it had."""
    os.close(os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with (
        opened_backup(backup) as source,
        closing(sqlite3.connect(copy, isolation_level=None)) as file,
    ):
        file.execute("PRAGMA synchronous = OFF")
        source.backup(file)
        return take_parts(file)


@contextmanager
def _old_one(database: Path) -> Iterator[bool]:
    """Whether there is one that holds anything; nobody else has it open, other programs neither."""
    if not database.exists():
        yield False
        return
    with closing(sqlite3.connect(database, isolation_level=None, timeout=1)) as file:
        try:
            (mode,) = file.execute("PRAGMA journal_mode = DELETE").fetchone()  # all in the one file
            is_ours = mode != "wal"
            file.execute("BEGIN EXCLUSIVE")
            has_tables = bool(file.execute("SELECT 1 FROM sqlite_master").fetchone())
        except sqlite3.DatabaseError as error:  # it may be damaged, which is why one restores
            is_ours = not error.sqlite_errorname.startswith("SQLITE_BUSY")
            has_tables = True
        if not is_ours:
            raise CannotBackUp(f"another program has {database} open: end it, then restore")
        yield has_tables


def _keep_aside(database: Path) -> Path:
    """What is here now, in a folder of its own. The database is in its place all the time."""
    folder = database.parent
    now = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = folder / f"before-restore-{now}"
    aside.mkdir(mode=0o700)
    for end in _LOGS:  # only of a damaged one
        log = database.with_name(database.name + end)
        if log.exists():
            log.rename(aside / log.name)
    _link_or_copy(database, aside / database.name)
    for path in (folder / "secret_key", *(folder / "collector").glob("*.spool")):
        if path.is_file():
            kept = aside / path.relative_to(folder)
            kept.parent.mkdir(mode=0o700, exist_ok=True)
            shutil.copy(path, kept)
    sync(aside)
    return aside


def _link_or_copy(path: Path, kept: Path) -> None:
    try:
        os.link(path.resolve(), kept)
    except OSError:  # of a file system without links
        shutil.copy(path, kept)


def _put_in_place(copy: Path, database: Path) -> None:
    for end in _LOGS:
        database.with_name(database.name + end).unlink(missing_ok=True)
    copy.replace(database)


def _add_to_spool(path: Path, content: bytes) -> None:
    """What a collector has fetched since the backup is nowhere else, and stays."""
    if content:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        _append(path, b"\n" + content)  # behind what a power cut may have left half-written


def _append(path: Path, content: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(file, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(file)


def _give_to_owner(folder: Path, paths: list[Path]) -> None:
    """Root may restore for the user that the portal runs as."""
    if os.geteuid() != 0:
        return
    owner = folder.stat()
    for path in paths:
        os.chown(path, owner.st_uid, owner.st_gid)


def _require_room(backup: Path, folder: Path) -> None:
    free, needed = shutil.disk_usage(folder).free, 2 * backup.stat().st_size + _LEFT_FREE
    if free < needed:
        raise CannotBackUp(
            f"the disk of {folder} has {free // 2**20:,} MiB free, and restoring needs "
            f"{needed // 2**20:,} MiB: free some space"
        )


@contextmanager
def _ready(folder: Path) -> Iterator[Path]:
    """What a restore that was killed has left of it goes."""
    ready = folder / _READY
    shutil.rmtree(ready, ignore_errors=True)
    ready.mkdir(mode=0o700)
    try:
        yield ready
    finally:
        shutil.rmtree(ready, ignore_errors=True)
