"""One import: pages of a source's rows in, records and rejects out, and a tally of them."""

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import isclose
from typing import Any

from usage.identity import hash_api_key
from usage.importing.known_accounts import attributed
from usage.importing.known_files import make_acquaintance
from usage.importing.rejects import RejectFile
from usage.importing.source import Skip, Source
from usage.importing.stored_events import StoredEvent, different, stored_events
from usage.recording import record_checked
from usage.records import InvalidRow, UsageRecord


@dataclass
class Found:
    """What the database has, after it was stored, of what an import has stored."""

    rows: int = 0
    tokens: int = 0
    told_usd: float = 0.0

    def add(self, events: Iterable[StoredEvent]) -> None:
        for event in events:
            self.rows += 1
            self.tokens += event.tokens
            self.told_usd += event.told_usd


@dataclass
class ImportTally:
    """What an import has done so far. `since` is where it began, if not at the first row."""

    read: int = 0
    imported: int = 0
    duplicates: int = 0
    rejected: int = 0
    excluded: int = 0
    no_usage: int = 0
    left_out: int = 0
    is_known: bool | None = None  # whether the file is; None until its first record
    since: dt.datetime | None = None
    tokens: int = 0
    told_usd: float = 0.0
    found: Found = field(default_factory=Found)
    oldest: dt.datetime | None = None
    newest: dt.datetime | None = None

    def add(self, records: list[UsageRecord]) -> None:
        """Note stored records."""
        self.imported += len(records)
        self.tokens += sum(record.total_tokens for record in records)
        self.told_usd += sum(record.cost_usd or 0.0 for record in records)
        times = [record.timestamp for record in records]
        self.oldest = min(filter(None, (self.oldest, *times)), default=None)
        self.newest = max(filter(None, (self.newest, *times)), default=None)

    def is_proved(self) -> bool:
        """Whether what was imported is here, with the figures that were read."""
        found = self.found
        return (found.rows, found.tokens) == (self.imported, self.tokens) and isclose(
            found.told_usd, self.told_usd, rel_tol=1e-9, abs_tol=1e-9
        )

    def skip(self, why: Skip) -> None:
        if why is Skip.EXCLUDED:
            self.excluded += 1
        else:
            self.no_usage += 1


def import_rows(source: Source, rejects: RejectFile, tally: ImportTally) -> Iterator[int]:
    """Record every row of `source` that is not there yet; yields how far the reading came each
    time, in the source's units.

    `tally` is right after every page, also when the import breaks off with an exception.
    """
    for page in source.pages():
        records = _records(page.rows, source, rejects, tally)
        if records and tally.is_known is None:
            _make_acquaintance(source, records[0], tally)
        unknown = source.without_told_live(_without_known(records))
        new = [each for each in unknown if tally.since is None or each.timestamp >= tally.since]
        tally.left_out += len(unknown) - len(new)
        tally.duplicates += len(records) - len(unknown)
        _store(new, source, tally)
        tally.read += len(page.rows)
        rejects.flush()
        yield page.advanced


def look_at_rows(source: Source, rejects: RejectFile, tally: ImportTally) -> Iterator[int]:
    """The same without storing anything."""
    seen: set[tuple[int | None, dt.datetime]] = set()
    for page in source.pages():
        records = _records(page.rows, source, rejects, tally)
        unknown = source.without_told_live(_without_known(records))
        new = [each for each in unknown if (each.event_id, each.timestamp) not in seen]
        seen.update((each.event_id, each.timestamp) for each in new)
        tally.add(new)
        tally.duplicates += len(records) - len(new)
        tally.read += len(page.rows)
        yield page.advanced


def _store(new: list[UsageRecord], source: Source, tally: ImportTally) -> None:
    stored = record_checked(new, told=attributed(source.take_told()))
    tally.add(new)
    tally.found.add(stored_events(new).values())
    # Another import of the same file may have been faster in between.
    tally.imported -= stored.duplicates
    tally.found.rows -= stored.duplicates
    tally.duplicates += stored.duplicates


def _without_known(records: list[UsageRecord]) -> list[UsageRecord]:
    """Those that are not stored yet, so that the tally can name their tokens and times."""
    events = different(records)
    known = stored_events(events)
    return [record for place, record in enumerate(events) if place not in known]


def _make_acquaintance(source: Source, first: UsageRecord, tally: ImportTally) -> None:
    fingerprint = source.fingerprint() or hash_api_key(f"{first.event_id} {first.timestamp}")
    found = make_acquaintance(fingerprint)
    tally.is_known, tally.since = not found.is_new, found.since


def _records(
    rows: list[Any], source: Source, rejects: RejectFile, tally: ImportTally
) -> list[UsageRecord]:
    records = []
    for row in rows:
        try:
            made = source.record_of(row)
        except InvalidRow as error:
            rejects.write(source.described(row), str(error))
            tally.rejected += 1
            continue
        if isinstance(made, UsageRecord):
            records.append(made)
        else:
            tally.skip(made)
    return records
