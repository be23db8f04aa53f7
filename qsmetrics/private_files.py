"""The portal's own files are for its user alone, also those that an older version made."""

import os
import stat
from contextlib import suppress
from pathlib import Path

FILE, FOLDER = 0o600, 0o700
_COLLECTOR = "collector"
_NAMES = ("secret_key", ".in_use")
_BEGINNINGS = (".secret_key.", ".starting", ".jobs", ".password-check-")
_LOGS = ("", "-wal", "-shm", "-journal")
_REJECTS = ".rejected.ndjson"


def make_files_private_from_now_on() -> None:
    """For what this process makes, whoever makes it: a copy, a download, a log."""
    os.umask(0o077)


def mend(database: Path) -> None:
    """Take from others the right to read what is ours beside the database, and the database.

    The folder too, unless it holds what is somebody else's: it may be a home, or /tmp.
    """
    for path in {database, database.resolve()}:
        _mend_folder(path.parent, path.name)


def _mend_folder(folder: Path, database: str) -> None:
    with suppress(OSError):  # of another user, or read-only: nothing is to be mended here
        entries = list(folder.iterdir())
        ours = [entry for entry in entries if _is_ours(entry.name, database)]
        for entry in ours:
            _restrict(entry)
        if (folder / _COLLECTOR) in ours:
            for entry in (folder / _COLLECTOR).iterdir():
                _restrict(entry)
        if len(ours) == len(entries):
            _restrict(folder)


def _is_ours(name: str, database: str) -> bool:
    is_database = any(name == f"{each}{log}" for each in (database, "demo.db") for log in _LOGS)
    is_lock_or_draft = name.startswith(_BEGINNINGS)
    is_named = name in (*_NAMES, _COLLECTOR) or name.endswith(_REJECTS)
    return is_database or is_lock_or_draft or is_named


def _restrict(path: Path) -> None:
    """Links are left alone: what they lead to may be anybody's."""
    with suppress(OSError):
        mode = path.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            return
        wanted = FOLDER if stat.S_ISDIR(mode) else FILE
        if stat.S_IMODE(mode) & ~wanted:
            path.chmod(stat.S_IMODE(mode) & wanted)
