"""What differs between the database engines is decided in `usage/database`, and nowhere else."""

import re
from pathlib import Path
from pkgutil import iter_modules

import pytest

from usage import database

ROOT = Path(__file__).parents[1]
# How code asks which engine it is on, in Django's words.
QUESTIONS = (".vendor", "connection.features")
# What only one of the engines understands in SQL.
DIALECTS = (
    "busy_timeout",
    "lock_timeout",
    "pg_advisory",
    "FOR UPDATE",
    "strftime('%s",
    "INDEXED BY",
)


def places(*words: str) -> list[str]:
    """Lines of the portal's own code, outside of `usage/database`, that hold one of the words."""
    files = (file for folder in ("usage", "dashboards", "qsmetrics")
             for file in sorted((ROOT / folder).rglob("*.py")))  # fmt: skip
    return [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in files
        if "database" not in file.parts and "migrations" not in file.parts
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if any(word in line for word in words)
    ]


def test_only_the_database_folder_asks_which_engine_it_is():
    assert places(*QUESTIONS) == []


@pytest.mark.parametrize("words", DIALECTS)
def test_what_only_one_engine_understands_is_written_in_the_database_folder(words):
    assert places(words) == []


def test_the_folder_says_what_each_of_its_modules_answers():
    folder = Path(database.__file__).parent
    modules = {module.name for module in iter_modules([str(folder)])}
    listed = re.findall(r"^- .*\?  +(.*)$", database.__doc__ or "", re.MULTILINE)
    assert sorted(", ".join(listed).split(", ")) == sorted(modules)
