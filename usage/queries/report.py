"""Answers questions about usage. All parts of an answer are of one moment, and agree."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from usage.asking.filters import UsageFilter
from usage.database.snapshots import read_snapshot
from usage.periods import UTC
from usage.queries.figures import Bucket, Others, Part, Percentiles, Summary, UsageReport
from usage.queries.reading import Reading
from usage.queries.scope import Holdings, holdings
from usage.queries.turns import Turn
from usage.rollups.declarations import OFFER
from usage.rollups.measures import Figures

PARTS_LISTED = 1_000


@dataclass(frozen=True)
class Breakdown:
    """What an answer tells apart: `interval` is one of INTERVALS, `group_by` a column, and `limit`
    how many parts each list has."""

    interval: str = "hour"
    zone: ZoneInfo = UTC
    group_by: str = "model"
    with_percentiles: bool = False
    with_previous: bool = False
    limit: int = PARTS_LISTED


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
        reading = _reading(wanted, held, breakdown)
        expected = reading.expected_series(breakdown.interval, breakdown.zone)
        earlier = _earlier(wanted, held, breakdown) if breakdown.with_previous else None
        if turn is not None:
            turn.take_for(reading.cost + expected.cost + (earlier.cost if earlier else 0))
        summary, by_group = _summary(reading, breakdown)
        series = reading.series(expected)
        previous = _summary(earlier, _by_model(breakdown))[0] if earlier else None
    return UsageReport(**vars(summary), timeseries=series, by_group=by_group, previous=previous)


@contextmanager
def report_in_portions(
    wanted: UsageFilter, turn: Turn
) -> Iterator[tuple[Summary, Iterator[list[Bucket]]]]:
    """The same by hours of UTC, however many: its series is read while the block goes on."""
    turn.take_to_stream()
    with read_snapshot():
        reading = _reading(wanted, holdings(), HOURLY_WITH_PERCENTILES)
        yield _summary(reading, HOURLY_WITH_PERCENTILES)[0], reading.hours()


def usage_totals(wanted: UsageFilter) -> Figures:
    """The totals of a report alone, for less work."""
    with read_snapshot():
        return Reading(wanted, holdings()).totals()


def _earlier(wanted: UsageFilter, held: Holdings, breakdown: Breakdown) -> Reading:
    earlier = replace(wanted, period=wanted.period.preceding())
    return _reading(earlier, held, _by_model(breakdown))


def _by_model(breakdown: Breakdown) -> Breakdown:
    return replace(breakdown, group_by="model")


def _reading(wanted: UsageFilter, held: Holdings, breakdown: Breakdown) -> Reading:
    dimensions = {"model", breakdown.group_by}
    return Reading(wanted, held, dimensions, with_percentiles=breakdown.with_percentiles)


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
