"""One import: pages of old rows in, records and rejects out, and the account of it."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection

from usage.importing.known_files import make_acquaintance
from usage.importing.metrics_db import OldDatabase, Row
from usage.importing.rejects import RejectFile
from usage.importing.rows import record_of
from usage.recording import record_batch
from usage.records import InvalidRow, UsageRecord


@dataclass
class Account:
    """What an import has done so far. `since` is where it began, if not at the first row."""

    read: int = 0
    imported: int = 0
    duplicates: int = 0
    rejected: int = 0
    left_out: int = 0
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


def import_rows(
    old: OldDatabase, rejects: RejectFile, account: Account, zone: dt.tzinfo
) -> Iterator[int]:
    """Record every row of `old` that is not there yet; yields how many rows were read.

    `account` is right after every page, also when the import breaks off with an exception.
    """
    now = dt.datetime.now(dt.UTC)
    fingerprint = old.fingerprint()
    if fingerprint is not None:
        account.since = make_acquaintance(fingerprint).since
    for page in old.pages():
        records = _records(page, rejects, account, zone, now)
        unknown = _without_known(records)
        new = [each for each in unknown if account.since is None or each.timestamp >= account.since]
        stored = record_batch(new)
        account.add(new)
        account.left_out += len(unknown) - len(new)
        # Another import of the same file may have been faster in between.
        account.imported -= stored.duplicates
        account.duplicates += len(records) - len(unknown) + stored.duplicates
        account.read += len(page)
        rejects.flush()
        yield len(page)


def _records(
    page: list[Row], rejects: RejectFile, account: Account, zone: dt.tzinfo, now: dt.datetime
) -> list[UsageRecord]:
    records = []
    for row in page:
        try:
            records.append(record_of(row, zone, now))
        except InvalidRow as error:
            rejects.write(row, str(error))
            account.rejected += 1
    return records


def _without_known(records: list[UsageRecord]) -> list[UsageRecord]:
    """Those that are not stored yet, so that the account can name their tokens and times."""
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
