"""Answers questions about usage. All parts of an answer are of one moment, and agree."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from usage.asking.filters import UsageFilter
from usage.database.snapshots import read_snapshot
from usage.periods import UTC, Period
from usage.queries.figures import Bucket, Others, Part, Percentiles, Summary, UsageReport
from usage.queries.matching import SeriesLookup
from usage.queries.reading import Reading
from usage.queries.scope import Holdings, holdings
from usage.queries.turns import Turn
from usage.rollups.declarations import OFFER
from usage.rollups.measures import Figures

PARTS_LISTED = 1_000


@dataclass(frozen=True)
class Breakdown:
    """What an answer tells apart: `interval` is one of INTERVALS or YEAR, `group_by` a column, and
    `limit` how many parts each list has. Of the period `beside` the totals alone are told."""

    interval: str = "hour"
    zone: ZoneInfo = UTC
    group_by: str = "model"
    with_percentiles: bool = False
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
            dict.fromkeys(["model", breakdown.group_by]),
            series_by=(breakdown.interval, breakdown.zone),
            with_percentiles=breakdown.with_percentiles,
            lookup=lookup,
        )
        earlier = _earlier(wanted, held, breakdown, lookup) if breakdown.with_previous else None
        if turn is not None:
            turn.take_for(reading.cost + (earlier.cost if earlier else 0))
        summary, by_group = _summary(reading, breakdown)
        series = reading.series()
        previous = _summary(earlier, _by_model(breakdown))[0] if earlier else None
        beside = None
        if breakdown.beside is not None:
            other = replace(wanted, period=breakdown.beside)
            beside = Reading(other, held, lookup=lookup).totals()
    return UsageReport(
        **vars(summary),
        timeseries=series,
        by_group=by_group,
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
        reading = Reading(wanted, holdings(), ["model"], with_percentiles=True)
        yield _summary(reading, HOURLY_WITH_PERCENTILES)[0], reading.hours()


def usage_totals(wanted: UsageFilter) -> Figures:
    """The totals of a report alone, for less work."""
    with read_snapshot():
        return Reading(wanted, holdings()).totals()


def _earlier(
    wanted: UsageFilter, held: Holdings, breakdown: Breakdown, lookup: SeriesLookup
) -> Reading:
    earlier = replace(wanted, period=wanted.period.preceding())
    with_percentiles = breakdown.with_percentiles
    return Reading(earlier, held, ["model"], with_percentiles=with_percentiles, lookup=lookup)


def _by_model(breakdown: Breakdown) -> Breakdown:
    return replace(breakdown, group_by="model")


def _summary(reading: Reading, breakdown: Breakdown) -> tuple[Summary, list[Part]]:
    """And the parts by what else was asked for."""
    parts = reading.by()
    totals = sum((part.figures for part in parts["model"]), Figures())
    others = {}
    for name, some in parts.items():
        if rest := some[breakdown.limit :]:
            others[name] = Others(len(rest), sum((part.figures for part in rest), Figures()))
            parts[name] = some[: breakdown.limit]
    percentiles = None
    if breakdown.with_percentiles:
        distributions = reading.distributions()
        percentiles = distributions.of_all()
        for name in parts.keys() & set(OFFER.dimensions):
            listed = {part.name for part in parts[name]}
            parts[name] = _described(parts[name], distributions.by(name, listed))
    scope = reading.scope
    summary = Summary(totals, parts["model"], scope.period, scope.covered, percentiles, others)
    return summary, parts[breakdown.group_by]


def _described(parts: Sequence[Part], by_name: dict[str, Percentiles]) -> list[Part]:
    return [replace(part, percentiles=by_name.get(part.name, Percentiles())) for part in parts]
