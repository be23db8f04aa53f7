"""Who has the database of a folder open: each process shares a lock, restoring has it alone.

SQLite's own locks do not tell it: a portal that nobody has asked anything yet has no connection.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FILE = ".in_use"
_held: dict[Path, int] = {}  # for as long as this process and its forks live


def share(folder: Path) -> bool:
    """Whether it may be opened; False while a backup is being restored."""
    if folder in _held:
        return True
    try:
        file = _opened(folder)
    except OSError:
        return True  # of a folder that is read-only: whoever writes there says more
    if not _is_taken(file, fcntl.LOCK_SH):
        return False
    _held[folder] = file
    return True


@contextmanager
def alone(folder: Path) -> Iterator[bool]:
    """Whether nobody else has it open; nobody opens it meanwhile then."""
    file = _opened(folder)
    if not _is_taken(file, fcntl.LOCK_EX):
        yield False
        return
    _held[folder] = file
    try:
        yield True
    finally:
        del _held[folder]
        os.close(file)


def _opened(folder: Path) -> int:
    return os.open(folder / _FILE, os.O_RDWR | os.O_CREAT, 0o600)


def _is_taken(file: int, how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return False
    return True
