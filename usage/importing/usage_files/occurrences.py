"""How often each row came before in a file: for rows that nothing but their content tells apart."""

import sqlite3
from typing import Self

from usage.importing.source import CannotRead

_COUNT = (
    "INSERT INTO seen VALUES (?, 0) ON CONFLICT (content) DO UPDATE SET times = times + 1 "
    "RETURNING times"
)


class Occurrences:
    """Counts of numbers, in a temporary file of SQLite's when they outgrow its cache."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None)
        self._file.execute("PRAGMA cache_size = -32768")  # KB
        self._file.execute("PRAGMA journal_mode = OFF")
        self._file.execute("CREATE TABLE seen (content INTEGER PRIMARY KEY, times INTEGER)")
        self._file.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def before(self, content: int) -> int:
        """How often this was asked about the same content before."""
        try:
            found = self._file.execute(_COUNT, (content,)).fetchall()
        except sqlite3.Error:
            raise CannotRead(
                "the disk for temporary files is full: set TMPDIR to another"
            ) from None
        return int(found[0][0])
