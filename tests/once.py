"""What is made once in a run of the tests, by the first of pytest-xdist's processes that asks."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path


def made_once(name: str, make: Callable[[Path], object]) -> Path:
    """The folder of this name, which `make` has filled; the others wait for it meanwhile."""
    folder = Path(os.environ["QSMETRICS_TESTS_FOLDER"]) / name
    is_whole = folder.with_name(f"{name}.whole")
    with folder.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_whole.exists():
            folder.mkdir()
            make(folder)
            is_whole.touch()
    return folder
