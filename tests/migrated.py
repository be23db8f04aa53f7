"""A migrated SQLite file, made once in a run of the tests and copied from there on."""

import fcntl
import os
import shutil
from functools import cache
from pathlib import Path

from tests import serving

_NAME = "metrics.db"


def migrated(folder: Path) -> Path:
    """The folder, with what `manage.py migrate` makes of an empty one, but for the key."""
    shutil.copy(_made(), folder / _NAME)
    return folder


@cache
def _made() -> Path:
    """By the first of pytest-xdist's processes that asks; the others wait for it."""
    folder = Path(os.environ["QSMETRICS_TESTS_FOLDER"]) / "migrated"
    folder.mkdir(exist_ok=True)
    path = folder / "whole.db"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            made = serving.manage(folder, "migrate", "--verbosity", "0")
            assert made.returncode == 0, made.stderr
            assert [each.name for each in folder.glob(f"{_NAME}*")] == [_NAME]
            (folder / _NAME).rename(path)
    return path
