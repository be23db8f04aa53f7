"""A call that two sources report, such as a gateway and the SDK behind it, is counted once.

They are told to be one call by the provider's id of its answer, within an hour.
"""

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import msgspec
from django.conf import settings
from django.db import connection

from usage.database import locks, storage
from usage.database.statements import MOST_VALUES, execute_for_each, slices
from usage.models import UsageMetric
from usage.records import DUPLICATE, UsageRecord

WITHIN = dt.timedelta(hours=1)
# What so many rows share within hours, such as the id that a mock always answers, tells no calls.
_MOST_REPORTS = 100
_LOCKS = 64
_COUNT = (
    "INSERT INTO usage_suppressedpair (counted_source, suppressed_source, calls, last_at) "
    "VALUES (%s, %s, %s, %s) ON CONFLICT (counted_source, suppressed_source) DO UPDATE SET "
    "calls = usage_suppressedpair.calls + excluded.calls, last_at = "
    "CASE WHEN excluded.last_at > usage_suppressedpair.last_at "
    "THEN excluded.last_at ELSE usage_suppressedpair.last_at END"
)

Pair = tuple[str, str]  # the source whose report counts, the one whose does not


@dataclass(frozen=True)
class _Report:
    """What a source tells of a call: in a row that is stored, or in a record that is to be."""

    source: str
    at: dt.datetime
    row_id: int | None = None
    place: int = -1  # of the record

    @property
    def is_stored(self) -> bool:
        return self.row_id is not None

    def is_of_same_call(self, other: "_Report") -> bool:
        return self.source != other.source and abs(self.at - other.at) <= WITHIN


@dataclass(frozen=True)
class Judgement:
    """What was decided about a batch before it is stored.

    `records` are to be stored; those that no figure may count have `excluded_as` set. The rest is
    carried out once they are stored.
    """

    records: list[UsageRecord]
    suppressed: Sequence[tuple[_Report, _Report]] = ()  # the second counts

    def carry_out(self, inserted: Iterable[UsageRecord]) -> None:
        """Count what was suppressed, and no longer count stored rows that another outranks."""
        if not self.suppressed:
            return
        new = {id(record) for record in inserted}
        last: dict[Pair, dt.datetime] = {}
        calls: Counter[Pair] = Counter()
        outranked = []
        for loser, winner in self.suppressed:
            newer = winner if loser.is_stored else loser
            if not newer.is_stored and id(self.records[newer.place]) not in new:
                continue  # it came before, and was judged then
            pair = winner.source, loser.source
            calls[pair] += 1
            last[pair] = max(loser.at, last.get(pair, loser.at))
            if loser.row_id is not None:
                outranked.append(loser.row_id)
        count_suppressed(calls, last)
        for part in slices(outranked):
            some = UsageMetric.objects.filter(pk__in=part)
            some.update(excluded_as=DUPLICATE)


def judge(records: list[UsageRecord]) -> Judgement:
    """Decide which of the records count. Call it in the transaction that stores them, before."""
    if not settings.METRICS_SOURCE_PRIORITY:
        return Judgement(records)
    ids = {record.response_id for record in records if record.response_id is not None}
    if not ids:
        return Judgement(records)
    _wait_for_others(ids)
    reports = _stored_reports(ids, records)
    for place, record in enumerate(records):
        if record.response_id in reports and record.excluded_as is None:
            report = _Report(record.source or "", record.timestamp, place=place)
            reports[record.response_id].append(report)
    suppressed = [pair for of_one_id in reports.values() for pair in _suppressed(of_one_id)]
    judged = list(records)
    for loser, _ in suppressed:
        if not loser.is_stored:
            judged[loser.place] = msgspec.structs.replace(
                records[loser.place], excluded_as=DUPLICATE
            )
    return Judgement(judged, suppressed)


def _suppressed(reports: list[_Report]) -> Iterator[tuple[_Report, _Report]]:
    """The reports that do not count, each with the report that counts in its place."""
    if not 1 < len(reports) <= _MOST_REPORTS:
        return
    counting: list[_Report] = []
    for report in sorted(reports, key=_rank):
        winner = next((other for other in counting if report.is_of_same_call(other)), None)
        if winner is None:
            counting.append(report)
        else:
            yield report, winner


def _rank(report: _Report) -> tuple[int, bool, dt.datetime]:
    """Sources that are not named come last; of those the one that was stored first counts."""
    named = settings.METRICS_SOURCE_PRIORITY
    place = named.index(report.source) if report.source in named else len(named)
    return place, not report.is_stored, report.at


def _stored_reports(
    ids: Collection[str], records: Sequence[UsageRecord]
) -> dict[str, list[_Report]]:
    """Of the rows that count, by response id; without ids that far too many rows share."""
    times = [record.timestamp for record in records]
    near = UsageMetric.objects.counted().filter(
        timestamp__gte=min(times) - WITHIN, timestamp__lte=max(times) + WITHIN
    )
    found: dict[str, list[_Report]] = {}
    waiting = sorted(ids)
    while some := waiting[:MOST_VALUES]:
        most = _MOST_REPORTS * len(some)
        reports: dict[str, list[_Report]] = {each: [] for each in some}
        rows = near.filter(response_id__in=some).values_list(
            "pk", "response_id", "source", "timestamp"
        )
        for row_id, response_id, source, at in rows[: most + 1]:
            assert response_id is not None
            reports[response_id].append(_Report(source or "", at, row_id))
        if sum(map(len, reports.values())) > most:  # then some have more than their share
            waiting = [each for each in waiting if len(reports.get(each, ())) <= _MOST_REPORTS]
        else:
            found |= reports
            waiting = waiting[MOST_VALUES:]
    return found


def _wait_for_others(ids: Iterable[str]) -> None:
    """Make writers of the same calls wait for each other; else neither sees the other's report."""
    if storage.has_one_writer():
        return
    digests = (blake2b(each.encode(), digest_size=1).digest()[0] for each in ids)
    for lock in sorted({digest % _LOCKS for digest in digests}):  # in everyone's order
        locks.hold(locks.CALLS, lock)


def count_suppressed(calls: Mapping[Pair, int], last: Mapping[Pair, dt.datetime]) -> None:
    """Add calls to the counts of pairs; `last` is when the latest of them was completed."""
    adapt = connection.ops.adapt_datetimefield_value
    rows = [(*pair, calls[pair], adapt(last[pair])) for pair in sorted(calls)]
    if rows:
        execute_for_each(_COUNT, rows)
