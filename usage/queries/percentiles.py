"""Percentiles of latency and time to first token, by histograms or, of few rows, exactly."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from math import floor, log10
from typing import Any

from django.db import connection

from usage.database.joins import Sql, each_of, given_table
from usage.database.times import at_unix_seconds, unix_seconds
from usage.queries.covering import Stretch
from usage.queries.figures import Part, Percentiles
from usage.queries.matching import Series
from usage.queries.microseconds import SECOND
from usage.queries.sums import Dimensions
from usage.rollups.bins import CHUNK, bin_of, ends_of_bin, middle_of
from usage.rollups.declarations import HISTOGRAM_COLUMNS, HISTOGRAMS, OFFER
from usage.rollups.measures import Figures, total_and_number

_SHARES = (0.5, 0.95, 0.99)
BIN_SUMS = ", ".join(f"CAST(SUM(bin_{number}) AS BIGINT)" for number in range(CHUNK))
_GIVEN = dict.fromkeys(("number", "since", "until", "place", "times"), "bigint")
_WIDTHS = {histogram.number: histogram.width for histogram in HISTOGRAMS}
_CHUNKS = 4  # that a bucket has where requests vary by a thousand times
_DIGITS = 4  # of what is up to 4.8 % off: more would say nothing, fewer would add to it

Counts = dict[float, int]  # how many requests had a value, in milliseconds


class Distributions:
    """How often each value of each column occurred, by offer: exactly, or by middles of bins."""

    def __init__(self) -> None:
        self.is_exact = True
        self._counts: defaultdict[Dimensions, list[Counts]] = defaultdict(
            lambda: [defaultdict(int) for _ in HISTOGRAM_COLUMNS]
        )

    def of_all(self, figures: Figures) -> Percentiles:
        """`figures` are those of the same requests."""
        return self._percentiles(list(self._counts.values()), figures)

    def of_parts(self, dimension: str, parts: Sequence[Part]) -> dict[str, Percentiles]:
        """By the parts' values of one of the offer's dimensions."""
        place = OFFER.dimensions.index(dimension)
        figures = {part.name: part.figures for part in parts}
        found: defaultdict[str, list[list[Counts]]] = defaultdict(list)
        for offer, counts in self._counts.items():
            if offer[place] in figures:
                found[offer[place]].append(counts)
        return {name: self._percentiles(part, figures[name]) for name, part in found.items()}

    def add_histograms(self, stretches: Sequence[tuple[Stretch, int, int]], series: Series) -> None:
        """What the histograms have in stretches, each with its column's place and how often."""
        self.is_exact = False
        if not stretches or not series.number:
            return
        source, parameters = _source(stretches, series)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT model, provider, found.* FROM (SELECT usage_histograms.series,"
                f" given.place, given.times, chunk, {BIN_SUMS} {source} GROUP BY 1, 2, 3, 4)"
                " AS found JOIN usage_series ON usage_series.id = found.series",
                parameters,
            )
            for model, provider, _, place, times, chunk, *counts in cursor.fetchall():
                _add_bins(self._counts[model, provider][place], chunk, counts, times)

    def add_values(self, found: Iterable[tuple[Dimensions, Any]]) -> None:
        """What raw rows have, as `row_reading` tells it."""
        for offer, (counts, times) in found:
            for column, values in zip(self._counts[offer], counts, strict=True):
                for value, count in values.items():
                    if value is not None:
                        column[value] += times * count

    def _percentiles(self, parts: Sequence[Sequence[Counts]], figures: Figures) -> Percentiles:
        columns = [_added(counts) for counts in zip(*parts, strict=True)]
        return percentiles_of(columns, figures, is_exact=self.is_exact)


def percentiles_of(columns: Sequence[Counts], figures: Figures, *, is_exact: bool) -> Percentiles:
    """Of the values of each column; `figures` are those of the same requests."""
    found: list[float | None] = []
    for counts, column in zip(columns, HISTOGRAM_COLUMNS, strict=False):
        values = _at_shares(counts)
        known = total_and_number(figures, column)
        found += values if is_exact else _as_known(values, counts, *known)
    return Percentiles(*found)


def counts_by_time(
    stretches: Sequence[tuple[Stretch, int, int]], series: Series
) -> Iterator[tuple[int, int, Counts]]:
    """Of each of the histograms' own buckets: its begin in microseconds, the place of a column, and
    how often each value occurred; add what comes twice."""
    if not stretches or not series.number:
        return
    source, parameters = _source(stretches, series)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {unix_seconds('bucket')}, found.* FROM (SELECT usage_histograms.bucket,"
            f" given.place, chunk, {BIN_SUMS} {source} GROUP BY 1, 2, 3) AS found",
            parameters,
        )
        for begin, _, place, chunk, *bins in cursor.fetchall():
            counts: Counts = defaultdict(int)
            _add_bins(counts, chunk, bins, 1)
            yield begin * SECOND, place, counts


def _source(stretches: Sequence[tuple[Stretch, int, int]], series: Series) -> Sql:
    """FROM and WHERE for the histograms' rows, with the stretch of each as `given`."""
    table, parameters = given_table(
        _GIVEN,
        [
            (each.number, each.begin // SECOND, each.end // SECOND, place, times)
            for each, place, times in stretches
        ],
    )
    conditions = (
        "usage_histograms.histogram = given.number"
        f" AND usage_histograms.bucket >= {at_unix_seconds('given.since')}"
        f" AND usage_histograms.bucket < {at_unix_seconds('given.until')}"
    )
    if not series.are_all:
        restriction, values = series.among("usage_histograms.series")
        conditions, parameters = f"{conditions} AND {restriction}", [*parameters, *values]
    return each_of(table, "usage_histograms", conditions), parameters


def _add_bins(counts: Counts, chunk: int, bins: Sequence[int], times: int) -> None:
    for number, count in enumerate(bins, chunk * CHUNK):
        if count:
            counts[_middle_of(number)] += times * count


def rows_at_most(stretches: Sequence[Stretch]) -> int:
    """How many the histograms have in the stretches for each offer, about."""
    return sum(
        _CHUNKS * (each.end - each.begin) // (_WIDTHS[each.number] * SECOND) for each in stretches
    )


_middle_of = lru_cache(maxsize=10_000)(middle_of)


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


def _as_known(
    values: Sequence[float | None], counts: Mapping[float, int], total: float, number: int
) -> list[float | None]:
    """Made of middles: rounded to what these tell, and not past the least and the greatest.

    `total` is the sum of all values, and `number` how many there are.
    """
    bounds = _surely_between(counts, total, number)
    return [None if value is None else _between(_rounded(value), bounds) for value in values]


def _surely_between(
    counts: Mapping[float, int], total: float, number: int
) -> tuple[float, float] | None:
    """What is not below the least value, and what is not above the greatest.

    The values of the highest bin are not all below its begin, nor below what is left of the sum for
    each of them where those of the other bins are as great as can be; so it is with the lowest.
    """
    bins = sorted((bin_of(middle), count) for middle, count in counts.items() if count > 0)
    if not bins or sum(count for _, count in bins) != number:
        return None
    ends = [(*ends_of_bin(place), count) for place, count in bins]
    least_sum = sum(low * count for low, _, count in ends)
    greatest_sum = sum(high * count for _, high, count in ends)
    low, lowest_end, of_lowest = ends[0]
    highest_begin, high, of_highest = ends[-1]
    left_for_lowest = (total - (least_sum - low * of_lowest)) / of_lowest
    left_for_highest = (total - (greatest_sum - high * of_highest)) / of_highest
    if len(ends) == 1:
        return left_for_lowest, left_for_lowest
    return min(lowest_end, left_for_lowest), max(highest_begin, left_for_highest)


def _between(value: float, bounds: tuple[float, float] | None) -> float:
    return value if bounds is None else min(max(value, bounds[0]), bounds[1])


def _rounded(value: float) -> float:
    return round(value, _DIGITS - 1 - floor(log10(value))) if value > 0 else value
