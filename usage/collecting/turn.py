"""One collector of a proxy at a time on a machine, whoever else is killed meanwhile."""

import fcntl
import os
from pathlib import Path


class CollectorTurn:
    """A lock that the kernel gives back when its holder dies."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def take(self) -> bool:
        """Whether it is ours now."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def give_up(self) -> None:
        os.close(self._file)
