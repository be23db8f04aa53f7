"""Percentiles of latency and time to first token, by histograms or, of few rows, exactly."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any

from django.db import connection

from usage.database.joins import each_of, given_table
from usage.queries.buckets import SECOND
from usage.queries.covering import Stretch
from usage.queries.figures import Percentiles
from usage.queries.matching import Series
from usage.queries.sums import Dimensions
from usage.rollups.bins import CHUNK, middle_of
from usage.rollups.declarations import HISTOGRAM_COLUMNS, HISTOGRAMS, OFFER

_SHARES = (0.5, 0.95, 0.99)
BIN_SUMS = ", ".join(f"CAST(SUM(bin_{number}) AS BIGINT)" for number in range(CHUNK))
_GIVEN = dict.fromkeys(("number", "since", "until", "place", "times"), "bigint")
_WHOLE_BUCKETS = (
    "usage_histograms.histogram = given.number"
    " AND usage_histograms.bucket >= given.since AND usage_histograms.bucket < given.until"
)
_WIDTHS = {histogram.number: histogram.width for histogram in HISTOGRAMS}
_CHUNKS = 4  # that a bucket has where requests vary by a thousand times

Counts = dict[float, int]  # how many requests had a value, in milliseconds


class Distributions:
    """How often each value of each column occurred, by offer."""

    def __init__(self) -> None:
        self._counts: defaultdict[Dimensions, list[Counts]] = defaultdict(
            lambda: [defaultdict(int) for _ in HISTOGRAM_COLUMNS]
        )

    def of_all(self) -> Percentiles:
        return _percentiles(list(self._counts.values()))

    def by(self, dimension: str, names: Collection[str]) -> dict[str, Percentiles]:
        """By these values of one of the offer's dimensions."""
        place = OFFER.dimensions.index(dimension)
        parts: defaultdict[str, list[list[Counts]]] = defaultdict(list)
        for offer, counts in self._counts.items():
            if offer[place] in names:
                parts[offer[place]].append(counts)
        return {name: _percentiles(part) for name, part in parts.items()}

    def add_histograms(self, stretches: Sequence[tuple[Stretch, int, int]], series: Series) -> None:
        """What the histograms have in stretches, each with its column's place and how often."""
        given = [
            (each.number, each.begin // SECOND, each.end // SECOND, place, times)
            for each, place, times in stretches
        ]
        if not given or not series.number:
            return
        table, parameters = given_table(_GIVEN, given)
        conditions = _WHOLE_BUCKETS
        if not series.are_all:
            restriction, values = series.among("usage_histograms.series")
            conditions, parameters = f"{conditions} AND {restriction}", [*parameters, *values]
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT model, provider, found.* FROM (SELECT usage_histograms.series,"
                f" given.place, given.times, chunk, {BIN_SUMS}"
                f" {each_of(table, 'usage_histograms', conditions)} GROUP BY 1, 2, 3, 4) AS found"
                " JOIN usage_series ON usage_series.id = found.series",
                parameters,
            )
            for model, provider, _, place, times, chunk, *counts in cursor.fetchall():
                column = self._counts[model, provider][place]
                for bin_number, count in enumerate(counts, chunk * CHUNK):
                    if count:
                        column[_middle_of(bin_number)] += times * count

    def add_values(self, found: Iterable[tuple[Dimensions, Any]]) -> None:
        """What raw rows have, as `row_reading` tells it."""
        for offer, (counts, times) in found:
            for column, values in zip(self._counts[offer], counts, strict=True):
                for value, count in values.items():
                    if value is not None:
                        column[value] += times * count


def rows_at_most(stretches: Sequence[Stretch]) -> int:
    """How many the histograms have in the stretches for each offer, about."""
    return sum(
        _CHUNKS * (each.end - each.begin) // (_WIDTHS[each.number] * SECOND) for each in stretches
    )


_middle_of = lru_cache(maxsize=10_000)(middle_of)


def _percentiles(parts: Sequence[Sequence[Counts]]) -> Percentiles:
    columns = (_added(counts) for counts in zip(*parts, strict=True))
    return Percentiles(*(each for counts in columns for each in _at_shares(counts)))


def _added(parts: Sequence[Counts]) -> Counts:
    if len(parts) == 1:
        return parts[0]
    total: defaultdict[float, int] = defaultdict(int)
    for counts in parts:
        for value, count in counts.items():
            total[value] += count
    return total


def _at_shares(counts: Mapping[float, int]) -> list[float | None]:
    """Between the two nearest ranks, as PostgreSQL's percentile_cont."""
    values = sorted(value for value, count in counts.items() if count > 0)
    if not values:
        return [None] * len(_SHARES)
    ends = list(accumulate(counts[value] for value in values))
    found: list[float | None] = []
    for share in _SHARES:
        rank = share * (ends[-1] - 1)
        low = values[bisect_right(ends, int(rank))]
        high = values[bisect_right(ends, min(int(rank) + 1, ends[-1] - 1))]
        found.append(low + (high - low) * (rank - int(rank)))
    return found
