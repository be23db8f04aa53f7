"""A migrated SQLite file, made once in a run of the tests and copied from there on."""

import shutil
from functools import cache
from pathlib import Path

from django.core.management import call_command
from django.db import connection

from tests import serving
from tests.once import made_once

_NAME = "metrics.db"


def migrated(folder: Path) -> Path:
    """The folder, with what `manage.py migrate` makes of an empty one, but for the key."""
    shutil.copy(_made(), folder / _NAME)
    return folder


def migrated_here(folder: Path) -> Path:
    """The same, made by this process where no other has: it must have no connection open."""
    shutil.copy(made_once("migrated", _migrate_here) / _NAME, folder / _NAME)
    return folder / _NAME


def _migrate_here(folder: Path) -> None:
    default = connection.settings_dict["NAME"]
    connection.settings_dict["NAME"] = str(folder / _NAME)
    try:
        call_command("migrate", verbosity=0)
    finally:
        connection.close()
        connection.settings_dict["NAME"] = default
    assert [each.name for each in folder.glob(f"{_NAME}*")] == [_NAME]


@cache
def _made() -> Path:
    return made_once("migrated", _make) / _NAME


def _make(folder: Path) -> None:
    made = serving.manage(folder, "migrate", "--verbosity", "0")
    assert made.returncode == 0, made.stderr
    assert [each.name for each in folder.glob(f"{_NAME}*")] == [_NAME]
