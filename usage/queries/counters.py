"""Counters of all time, from the widest sums alone: they only grow, as Prometheus needs it.

The same buckets are added in the same order each time. With narrower ones at the ends a sum of
fractions could come out a little smaller than before, which would look like a restart.
"""

from collections import defaultdict
from dataclasses import dataclass

from django.db import connection

from usage.asking.filters import UsageFilter
from usage.database.snapshots import read_snapshot
from usage.models import UsageSeries
from usage.queries import sums
from usage.queries.covering import Stretch, histograms_of, rollups_of
from usage.queries.figures import added
from usage.queries.matching import SeriesLookup
from usage.queries.microseconds import FIRST, LAST
from usage.queries.percentiles import BIN_SUMS
from usage.queries.reading import gathered
from usage.queries.sums import Dimensions, SumsToRead
from usage.queries.turns import Turn
from usage.rollups.bins import CHUNK
from usage.rollups.declarations import KEY, MODEL, Grouping
from usage.rollups.measures import Figures

Bins = dict[int, int]  # how many requests had a value in that logarithmic bin


@dataclass(frozen=True)
class Counters:
    """By model, provider and status; by key; and by model and provider.

    In the order in which the combinations first came, which stays as it is.
    """

    by_model: dict[Dimensions, Figures]
    by_key: dict[Dimensions, Figures]
    latencies: dict[Dimensions, Bins]
    ttfts: dict[Dimensions, Bins]


def usage_counters(turn: Turn | None = None, *, with_keys: bool = True) -> Counters:
    """Of one moment. What plain SQL has just written counts as soon as the sums hold it.

    NoPlaceFree when it is dear, and others are that take the `turn`.
    """
    with read_snapshot():
        lookup, groupings = SeriesLookup(), ((MODEL, KEY) if with_keys else (MODEL,))
        lookup.look_up(groupings, UsageFilter())
        sources = {each: _source(each, lookup) for each in groupings}
        if turn is not None:
            turn.take_for(sum(source.cost for source in sources.values()))
        return Counters(
            by_model=_figures(sources[MODEL], MODEL),
            by_key=_figures(sources[KEY], KEY) if with_keys else {},
            latencies=_bins("latency_ms"),
            ttfts=_bins("ttft_ms"),
        )


def _source(grouping: Grouping, lookup: SeriesLookup) -> SumsToRead:
    widest = next(iter(rollups_of(grouping).values()))
    always = Stretch(widest, FIRST, LAST, FIRST, LAST - FIRST)
    return sums.source_of([always], lookup.of(grouping, UsageFilter()))


def _figures(source: SumsToRead, grouping: Grouping) -> dict[Dimensions, Figures]:
    found = gathered(sums.by_dimensions(source, grouping.dimensions))
    figures = {dimensions: added(parts) for dimensions, parts in found.items()}
    in_order = (each for each in _first_to_last(grouping) if each in figures)
    return {each: figures[each] for each in in_order if figures[each].requests}


def _first_to_last(grouping: Grouping) -> dict[Dimensions, None]:
    series = UsageSeries.objects.filter(grouping=grouping.name).order_by("id")
    return dict.fromkeys(series.values_list(*grouping.dimensions))


def _bins(column: str) -> dict[Dimensions, Bins]:
    widest = next(iter(histograms_of(column).values()))
    found: defaultdict[Dimensions, Bins] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT model, provider, found.* FROM (SELECT series, chunk, {BIN_SUMS}"
            " FROM usage_histograms WHERE histogram = %s GROUP BY series, chunk) AS found"
            " JOIN usage_series ON usage_series.id = found.series ORDER BY found.series",
            [widest],
        )
        for model, provider, _, chunk, *counts in cursor.fetchall():
            for number, count in enumerate(counts, chunk * CHUNK):
                if count:
                    found[model, provider][number] = count
    return found
