"""What an import reads: pages of rows, and what each row becomes."""

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from usage.records import UsageRecord
from usage.upstream_accounts import AccountsTold

SOURCE = "import"  # of imported rows that name none of their own
PAGE = 2_000  # rows; each page is a transaction


class CannotRead(Exception):
    """The file, or the rest of it, is not to be had; says why and what to do."""


class Skip(Enum):
    """Why a row without a fault becomes no record."""

    NO_USAGE = auto()  # such as a sign between two programs
    EXCLUDED = auto()  # another portal's figures don't count it either


@dataclass(frozen=True)
class RowPage:
    """Some rows, and by how many of the source's units the reading advanced with them."""

    rows: list[Any]
    advanced: int


@dataclass(frozen=True)
class Context:
    """What rows are read by: the zone of times that name none, and the time it is."""

    zone: dt.tzinfo
    now: dt.datetime


class Source(ABC):
    """A file, open for reading."""

    unit = "rows"  # of its progress
    what = ""  # its rows are, in the plural

    @abstractmethod
    def total(self) -> int | None:
        """Of its units, if that is known; may take a while."""

    @abstractmethod
    def pages(self) -> Iterator[RowPage]:
        """Every row. CannotRead when the file breaks off, after what came."""

    @abstractmethod
    def record_of(self, row: Any) -> UsageRecord | Skip:
        """InvalidRow lists the row's faults. The record has an event_id."""

    @abstractmethod
    def described(self, row: Any) -> Mapping[str, Any]:
        """The values of a row that is rejected, by name; `id` is its place in the file."""

    def take_told(self) -> AccountsTold:
        """What came with the rows of upstream accounts since the last time."""
        return AccountsTold()

    def without_told_live(self, records: list[UsageRecord]) -> list[UsageRecord]:
        """Those of which no other program has told the call while it ran."""
        return records

    def fingerprint(self) -> str | None:
        """The same for every later copy of the file; None: its first record serves as that."""
        return None

    def remarks(self) -> list[str]:
        """Sentences on what the file knows and an import cannot take."""
        return []
