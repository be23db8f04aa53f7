"""What a body becomes, whatever its format: records, and the faults of rows that make none."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from usage.heard import Heard
from usage.records import InvalidRow, UsageRecord
from usage.traced import Traces
from usage.upstream_accounts import AccountsTold

# Naming every one of many bad rows helps nobody and costs memory; the rest are only counted.
MOST_ERRORS = 1000
# Rows cost memory that their few bytes do not show, so a post is bounded by their number too.
MOST_ROWS = 100_000


class MalformedBody(ValueError):
    """The body as a whole cannot be read; the message says what to send."""


class TooManyRowsInBody(ValueError):
    """More than MOST_ROWS rows in one body."""


class RowFault(msgspec.Struct, frozen=True, gc=False):
    """One fault of one row, as the answer names it. Never holds a value of the client's."""

    index: int
    field: str | None
    error: str


@dataclass
class ParsedRows:
    """The good rows of a body, and the faults of the others."""

    records: list[UsageRecord] = field(default_factory=list)
    errors: list[RowFault] = field(default_factory=list)
    bad_rows: int = 0
    traces: Traces = field(default_factory=dict)  # where the rows are spans
    told: AccountsTold = field(default_factory=AccountsTold)  # where they tell of accounts
    heard: Heard = field(default_factory=Heard)  # for the ledger, beside the records
    source: str = ""  # of what does not name its own

    def refuse(self, index: int, error: InvalidRow, source: str = "") -> None:
        self.bad_rows += 1
        self.heard.reject(error, source or self.source)
        room = MOST_ERRORS - len(self.errors)
        self.errors += [RowFault(index, f.field, f.error) for f in error.faults[:room]]


def collect(
    rows: Iterable[Any], make: Callable[[Any], UsageRecord | None], parsed: ParsedRows
) -> ParsedRows:
    """Add what `make` makes of each row, or its faults; None is for what is no usage."""
    first = len(parsed.records) + parsed.bad_rows
    for index, row in enumerate(rows, first):
        try:
            record = make(row)
        except InvalidRow as error:
            parsed.refuse(index, error)
            continue
        if record is not None:
            parsed.records.append(record)
    return parsed
