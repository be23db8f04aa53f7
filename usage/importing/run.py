"""One import: pages of a source's rows in, records and rejects out, and a tally of them."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection

from usage.identity import hash_api_key
from usage.importing.known_accounts import attributed
from usage.importing.known_files import make_acquaintance
from usage.importing.rejects import RejectFile
from usage.importing.source import Skip, Source
from usage.recording import record_checked
from usage.records import InvalidRow, UsageRecord


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
    oldest: dt.datetime | None = None
    newest: dt.datetime | None = None

    def add(self, records: list[UsageRecord]) -> None:
        """Note stored records."""
        self.imported += len(records)
        self.tokens += sum(record.total_tokens for record in records)
        times = [record.timestamp for record in records]
        self.oldest = min(filter(None, (self.oldest, *times)), default=None)
        self.newest = max(filter(None, (self.newest, *times)), default=None)

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
        stored = record_checked(new, told=attributed(source.take_told()))
        tally.add(new)
        tally.left_out += len(unknown) - len(new)
        # Another import of the same file may have been faster in between.
        tally.imported -= stored.duplicates
        tally.duplicates += len(records) - len(unknown) + stored.duplicates
        tally.read += len(page.rows)
        rejects.flush()
        yield page.advanced


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


def _without_known(records: list[UsageRecord]) -> list[UsageRecord]:
    """Those that are not stored yet, so that the tally can name their tokens and times."""
    if not records:
        return []
    adapt = connection.ops.adapt_datetimefield_value
    events = list({(record.event_id, record.timestamp): record for record in records}.values())
    values = ", ".join(["(%s, %s, %s)"] * len(events))
    parameters = [
        value
        for place, record in enumerate(events)
        for value in (place, record.event_id, adapt(record.timestamp))
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH candidate (place, event_id, timestamp) AS (VALUES {values}) "
            # CROSS, so that SQLite begins with the candidates and looks each one up.
            "SELECT candidate.place FROM candidate CROSS JOIN usage_metrics stored "
            "WHERE stored.timestamp = candidate.timestamp AND stored.event_id = candidate.event_id",
            parameters,
        )
        known = {place for (place,) in cursor.fetchall()}
    return [record for place, record in enumerate(events) if place not in known]
