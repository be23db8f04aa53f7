"""Answers questions about usage. All parts of an answer are of one moment, and agree."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from usage.asking.filters import UsageFilter
from usage.database.snapshots import read_snapshot
from usage.periods import UTC, Period
from usage.queries.figures import (
    BY_MODEL,
    ORDERS,
    Bucket,
    By,
    NamedSeries,
    Others,
    Part,
    Percentiles,
    Summary,
    UsageReport,
)
from usage.queries.matching import SeriesLookup
from usage.queries.reading import Reading
from usage.queries.scope import Holdings, holdings
from usage.queries.turns import Turn
from usage.rollups.declarations import OFFER
from usage.rollups.measures import Figures

PARTS_LISTED = 1_000
SERIES_TOLD = 8


@dataclass(frozen=True)
class Breakdown:
    """What an answer tells apart: `interval` is one of INTERVALS or YEAR, and `group_by` has the
    lists of parts besides that by model, all read at once. Each has the `limit` largest parts by
    `order_by`, one of ORDERS. `series_by` is a dimension: its `top` largest parts, and all others
    together, have series of their own. Of the period `beside` the totals alone are told."""

    interval: str = "hour"
    zone: ZoneInfo = UTC
    group_by: tuple[By, ...] = ()
    order_by: str = "tokens"
    series_by: str = ""
    top: int = SERIES_TOLD
    with_percentiles: bool = False
    percentiles_by_bucket: bool = False
    with_previous: bool = False
    limit: int = PARTS_LISTED
    beside: Period | None = None


HOURLY = Breakdown()
HOURLY_WITH_PERCENTILES = Breakdown(with_percentiles=True)


def usage_report(
    wanted: UsageFilter, breakdown: Breakdown = HOURLY, turn: Turn | None = None
) -> UsageReport:
    """Totals, parts and the series of those buckets that have requests.

    It refuses before it reads: TooManyBuckets; TooManyRowsToRead when the answer takes more raw
    rows than can be read meanwhile; NoPlaceFree when it costs much and others hold the `turn`.
    """
    with read_snapshot():
        held = holdings()
        lookup = SeriesLookup()
        reading = Reading(
            wanted,
            held,
            dict.fromkeys([BY_MODEL, *breakdown.group_by, *_split_by(breakdown)]),
            every=(breakdown.interval, breakdown.zone),
            split=(breakdown.series_by, breakdown.top) if breakdown.series_by else None,
            with_percentiles=breakdown.with_percentiles,
            percentiles_by_bucket=breakdown.percentiles_by_bucket,
            lookup=lookup,
        )
        earlier = _earlier(wanted, held, breakdown, lookup) if breakdown.with_previous else None
        if turn is not None:
            turn.take_for(reading.cost + (earlier.cost if earlier else 0))
        summary = _summary(reading, breakdown)
        timeseries = reading.series
        if reading.by_bucket is not None:
            timeseries = reading.by_bucket.put_into(timeseries, reading.rows)
        series = _series(reading, breakdown) if breakdown.series_by else None
        previous = _summary(earlier, breakdown) if earlier else None
        beside = None
        if breakdown.beside is not None:
            other = replace(wanted, period=breakdown.beside)
            beside = Reading(other, held, lookup=lookup).totals()
    return UsageReport(
        **vars(summary),
        timeseries=timeseries,
        series=series,
        previous=previous,
        totals_beside=beside,
    )


@contextmanager
def report_in_portions(
    wanted: UsageFilter, turn: Turn
) -> Iterator[tuple[Summary, Iterator[list[Bucket]]]]:
    """The same by hours of UTC, however many: its series is read while the block goes on."""
    turn.take_to_stream()
    with read_snapshot():
        reading = Reading(wanted, holdings(), [BY_MODEL], with_percentiles=True)
        yield _summary(reading, HOURLY_WITH_PERCENTILES), reading.hours()


def usage_totals(wanted: UsageFilter) -> Figures:
    """The totals of a report alone, for less work."""
    with read_snapshot():
        return Reading(wanted, holdings()).totals()


def _earlier(
    wanted: UsageFilter, held: Holdings, breakdown: Breakdown, lookup: SeriesLookup
) -> Reading:
    earlier = replace(wanted, period=wanted.period.preceding())
    with_percentiles = breakdown.with_percentiles
    return Reading(earlier, held, [BY_MODEL], with_percentiles=with_percentiles, lookup=lookup)


def _split_by(breakdown: Breakdown) -> list[By]:
    return [(breakdown.series_by,)] if breakdown.series_by else []


def _series(reading: Reading, breakdown: Breakdown) -> list[NamedSeries]:
    (by,) = _split_by(breakdown)
    parts = _in_order(reading.parts[by], breakdown.order_by)
    names = [part.name for part in parts[: breakdown.top]]
    return reading.split_series(names)


def _summary(reading: Reading, breakdown: Breakdown) -> Summary:
    listed = {BY_MODEL, *breakdown.group_by}
    parts = {
        by: _in_order(some, breakdown.order_by)
        for by, some in reading.parts.items()
        if by in listed
    }
    totals = sum((part.figures for part in parts[BY_MODEL]), Figures())
    others = {}
    for by, some in parts.items():
        if rest := some[breakdown.limit :]:
            others[by] = Others(len(rest), sum((part.figures for part in rest), Figures()))
            parts[by] = some[: breakdown.limit]
    scope, plan = reading.scope, reading.percentiles
    percentiles = None
    if plan is not None:
        distributions = plan.distributions(reading.rows)
        percentiles = distributions.of_all(totals)
        for by in parts.keys() & {(name,) for name in OFFER.dimensions}:
            by_name = distributions.of_parts(by[0], parts[by])
            by_name |= plan.of_few(parts[by]) if by == BY_MODEL else {}
            parts[by] = _described(parts[by], by_name)
    notes = [each.note for each in (plan, reading.by_bucket) if each]
    note = next(filter(None, notes), None)
    return Summary(
        totals,
        parts,
        scope.period,
        scope.covered,
        percentiles,
        note,
        reading.unknown_before,
        others,
    )


def _in_order(parts: Sequence[Part], order_by: str) -> list[Part]:
    """The largest first, then by name."""
    size = ORDERS[order_by]
    return sorted(parts, key=lambda part: (-size(part.figures), part.names))


def _described(parts: Sequence[Part], by_name: dict[str, Percentiles]) -> list[Part]:
    return [replace(part, percentiles=by_name.get(part.name, Percentiles())) for part in parts]
