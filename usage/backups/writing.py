"""Making a backup while the portal runs: it reads one moment, and nobody waits for it."""

import datetime as dt
import fcntl
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from qsmetrics import __version__
from usage.backups.parts import (
    CannotBackUp,
    Manifest,
    add_parts,
    counts_in,
    manifest_of,
    opened_backup,
    parts_of,
    require_whole,
)
from usage.database.trouble import trouble_of
from usage.fingerprint import fingerprint

_LEFT_FREE = 64 * 2**20  # bytes of the disk, which may be the portal's own
_STAMP = "%Y%m%dT%H%M%SZ"
_STAMPED = r"-\d{8}T\d{6}Z"


def stamped(path: Path, now: dt.datetime) -> Path:
    """The name of one of several backups that are kept."""
    return path.with_name(f"{path.stem}-{now.strftime(_STAMP)}{path.suffix}")


def older_ones(path: Path, portal: str, keep: int) -> list[Path]:
    """A portal's backups of this name beyond the newest `keep`; no other files."""
    name = re.compile(re.escape(path.stem) + _STAMPED + re.escape(path.suffix))
    found = sorted(
        (each for each in path.parent.iterdir() if name.fullmatch(each.name)), reverse=True
    )
    own = [each for each in found if (known := manifest_of(each)) and known.portal == portal]
    return own[keep:]


def back_up(database: Path, target: Path) -> Manifest:
    """Write the backup whole or not at all. CannotBackUp says why not.

    The spools are read first: what they hold goes into the database meanwhile, not out of both.
    """
    try:
        return _backed_up(database, target)
    except sqlite3.Error as error:
        raise CannotBackUp(str(trouble_of(error))) from None


def _backed_up(database: Path, target: Path) -> Manifest:
    _require_target(database, target)
    with _draft(target) as draft:
        parts = parts_of(database.parent)
        _require_room(database, target, sum(map(len, parts.values())))
        with closing(sqlite3.connect(draft, isolation_level=None)) as copy:
            manifest = _copied(database, copy)
            add_parts(copy, manifest, parts)
        with opened_backup(draft) as copy:
            require_whole(copy, manifest.counts)
        sync(draft)
        draft.replace(target)
        sync(target.parent)
    return manifest


def _copied(database: Path, copy: sqlite3.Connection) -> Manifest:
    """A read transaction sees one moment; in write-ahead logging it holds up no writer."""
    copy.execute("PRAGMA synchronous = OFF")  # synced once, in the end
    with closing(sqlite3.connect(database, isolation_level=None, timeout=20)) as source:
        source.execute("BEGIN")
        counts = counts_in(source)
        if "usage_metrics" not in counts:
            raise CannotBackUp("the database holds nothing yet: start the portal first")
        source.backup(copy)
        source.execute("ROLLBACK")
    copy.execute("PRAGMA journal_mode = DELETE")  # all of it in the one file
    made_at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    return Manifest(__version__, fingerprint(copy), made_at, counts)


def _require_target(database: Path, target: Path) -> None:
    if not target.parent.is_dir():
        raise CannotBackUp(f"the folder {target.parent} is missing: make it, or name another file")
    if target.exists() and (target.samefile(database) or not target.is_file()):
        raise CannotBackUp(f"{target} is the portal's own database or no file: name another file")
    if target.exists() and manifest_of(target) is None:
        raise CannotBackUp(f"{target} is there already and no backup: name another file")


def _require_room(database: Path, target: Path, others: int) -> None:
    log = database.with_name(f"{database.name}-wal")
    size = database.stat().st_size + (log.stat().st_size if log.exists() else 0) + others
    free = shutil.disk_usage(target.parent).free
    if free < size + _LEFT_FREE:
        raise CannotBackUp(
            f"the disk of {target.parent} has {free // 2**20:,} MiB free, and the backup needs "
            f"{(size + _LEFT_FREE) // 2**20:,} MiB: free some space, or name a file elsewhere"
        )


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """A private file beside the target; what a killed backup left of it goes."""
    draft = target.with_name(f".{target.name}.part")
    leavings = [draft.with_name(draft.name + end) for end in ("", "-journal", "-wal", "-shm")]
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        _take_turn(folder, target.parent)
        for each in leavings:
            each.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        yield draft
    finally:
        for each in leavings:
            each.unlink(missing_ok=True)
        os.close(folder)


def _take_turn(file: int, folder: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CannotBackUp(f"another backup is being written to {folder}: wait for that") from None


def sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
