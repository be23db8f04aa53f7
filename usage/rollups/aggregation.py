"""Rows to sums, in Python: one pass over a batch, then each wider sum from a narrower one."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import add
from typing import Any

from usage.rollups.bins import CHUNK, bin_of
from usage.rollups.declarations import (
    DAY,
    HISTOGRAMS,
    HOUR,
    KEY,
    KEY_MODEL,
    MODEL,
    OFFER,
    QUARTER,
    ROLLUPS,
    TOKEN_MEASURES,
    TOTAL,
    Grouping,
    Histogram,
    Rollup,
)
from usage.statuses import is_failure

# Token counts of rows with more than this are summed in two halves, so that no sum overflows.
_HALF_BITS = 32
_HALF = 1 << _HALF_BITS
_TOKENS = slice(2, 8)  # where MEASURES has the six token counts

Dimensions = tuple[str, ...]
Sums = tuple[Any, ...]  # in the order of MEASURES
Groups = dict[tuple[int, Dimensions], Sums]  # by begin of the bucket and dimensions
Chunks = dict[tuple[int, Dimensions, int], list[int]]  # and by number of the chunk: its bins
_Parts = defaultdict[tuple[int, Dimensions], list[Sums]]
_Bins = defaultdict[tuple[int, Dimensions, int], int]


# What the sums need of a row of usage_metrics, beside the time at which it was completed.
DIMENSIONS = ("model", "provider", "status", "api_key_hash")
COLUMNS = (
    *DIMENSIONS,
    *TOKEN_MEASURES,
    "latency_ms",
    "ttft_ms",
    "cost_usd",
)
TimedRow = tuple[int, tuple[Any, ...]]  # Unix seconds, rounded down; COLUMNS
OTHER = "(other)"  # what names that are not told apart count as: see `usage.rollups.names`


class Renaming:
    """How rows are counted of which some names are not told apart, or only from a time on."""

    def __init__(self, counts_from: Mapping[str, Mapping[str, int]]) -> None:
        """By dimension and name, in Unix seconds; names that are missing always count."""
        self._counts_from = counts_from
        self._places = [counts_from.get(dimension, {}) for dimension in DIMENSIONS]

    def of(self, at: int, values: Iterable[str | None]) -> list[str | None]:
        """The values of DIMENSIONS as a row that was completed then counts."""
        return [
            OTHER if value and at < later.get(value, at) else value
            for value, later in zip(values, self._places, strict=True)
        ]

    def name(self, dimension: str, name: str, at: int) -> str:
        return OTHER if at < self._counts_from.get(dimension, {}).get(name, at) else name


@dataclass
class Additions:
    """What some rows add to the rollups, with the token shift of their series, and histograms."""

    rollups: list[tuple[Rollup, int, Groups]]
    histograms: list[tuple[Histogram, Chunks]]


def aggregate(rows: Iterable[TimedRow], renaming: Renaming | None) -> Additions:
    """What the rows add to every rollup and histogram; None where each counts under its names."""
    found = _Pass(renaming)
    found.take(rows)
    additions = Additions(_rollups(found, 0), _histograms(found))
    if found.huge:
        upper = _Pass(renaming)
        upper.take(_upper_halves(row) for row in found.huge)
        additions.rollups += _rollups(upper, _HALF_BITS)
    return additions


def additions_of(
    kind: Rollup | Histogram, sums: Mapping[tuple[int, Dimensions, int], Sequence[Any]]
) -> Additions:
    """Of sums that were made before: by bucket, dimensions, and token shift or chunk."""
    if isinstance(kind, Histogram):
        return Additions([], [(kind, {key: list(counts) for key, counts in sums.items()})])
    shifts = sorted({shift for _, _, shift in sums})
    rollups = [
        (kind, wanted, {key[:2]: tuple(value) for key, value in sums.items() if key[2] == wanted})
        for wanted in shifts
    ]
    return Additions(rollups, [])


def added_up(parts: Iterable[Additions]) -> Additions:
    """What all of them add, in one."""
    rollups: dict[tuple[Rollup, int], Groups] = {}
    histograms: dict[Histogram, Chunks] = {}
    for part in parts:
        for rollup, shift, groups in part.rollups:
            sums = rollups.setdefault((rollup, shift), {})
            for key, more in groups.items():
                known = sums.get(key)
                sums[key] = more if known is None else tuple(map(add, known, more))
        for histogram, chunks in part.histograms:
            counts = histograms.setdefault(histogram, {})
            for place, bins in chunks.items():
                others = counts.get(place)
                counts[place] = bins if others is None else list(map(add, others, bins))
    return Additions(
        [(rollup, shift, groups) for (rollup, shift), groups in rollups.items()],
        list(histograms.items()),
    )


class _Pass:
    """Rows sorted into the narrowest groups; all that is done for each row is in here."""

    def __init__(self, renaming: Renaming | None) -> None:
        self._renaming = renaming
        self.by_model: _Parts = defaultdict(list)
        self.by_key: _Parts = defaultdict(list)
        self.by_key_model: _Parts = defaultdict(list)
        self.bins: dict[str, _Bins] = {"latency_ms": defaultdict(int), "ttft_ms": defaultdict(int)}
        self.huge: list[TimedRow] = []

    def take(self, rows: Iterable[TimedRow]) -> None:
        by_model, by_key, by_key_model = self.by_model, self.by_key, self.by_key_model
        latencies, first_tokens = self.bins["latency_ms"], self.bins["ttft_ms"]
        renamed = self._renaming.of if self._renaming else None
        for row in rows:
            at, (
                model, provider, status, key,
                total, prompt, completion, cached, cache_write, reasoning,
                latency, ttft, cost,
            ) = row  # fmt: skip
            has_failed = is_failure(status)
            if renamed:
                model, provider, status, key = renamed(at, (model, provider, status, key))
            cached, cache_write, reasoning = cached or 0, cache_write or 0, reasoning or 0
            if not 0 <= total | prompt | completion | cached | cache_write | reasoning < _HALF:
                self.huge.append(row)
                total, prompt, completion = total % _HALF, prompt % _HALF, completion % _HALF
                cached, cache_write = cached % _HALF, cache_write % _HALF
                reasoning = reasoning % _HALF
            sums = (
                1,
                1 if has_failed else 0,
                total,
                prompt,
                completion,
                cached,
                cache_write,
                reasoning,
                latency or 0.0,
                0 if latency is None else 1,
                ttft or 0.0,
                0 if ttft is None else 1,
                cost or 0.0,
                1 if cost is None else 0,
            )
            offer = (model, provider or "")
            hour = at - at % HOUR
            dimensions = (*offer, status or "")
            by_model[at - at % QUARTER, dimensions].append(sums)
            by_key[hour, (key or "",)].append(sums)
            by_key_model[at - at % DAY, (key or "", *dimensions)].append(sums)
            if latency is not None:
                latencies[hour, offer, bin_of(latency)] += 1
            if ttft is not None:
                first_tokens[hour, offer, bin_of(ttft)] += 1


def _upper_halves(timed: TimedRow) -> TimedRow:
    at, row = timed
    tokens = [count >> _HALF_BITS if count else 0 for count in row[4:10]]
    return at, (*row[:4], *tokens, None, None, None)


def _rollups(found: _Pass, token_shift: int) -> list[tuple[Rollup, int, Groups]]:
    models = _added(found.by_model)
    narrowest: dict[Grouping, Groups] = {
        MODEL: models,
        TOTAL: _added(_regrouped(models, QUARTER, by_dimensions=False)),
        KEY: _added(found.by_key),
        KEY_MODEL: _added(found.by_key_model),
    }
    if token_shift:
        narrowest = {name: _tokens_alone(groups) for name, groups in narrowest.items()}
    made = []
    for rollup in ROLLUPS:  # each grouping's from narrow to wide
        groups = narrowest[rollup.grouping] = _widened(narrowest[rollup.grouping], rollup.width)
        made.append((rollup, token_shift, groups))
    return made


def _tokens_alone(groups: Groups) -> Groups:
    """Without the other measures, which the lower halves hold."""
    return {key: (0, 0, *sums[_TOKENS], 0.0, 0, 0.0, 0, 0.0, 0) for key, sums in groups.items()}


def _widened(groups: Groups, width: int) -> Groups:
    if all(bucket % width == 0 for bucket, _ in groups):
        return groups
    return _added(_regrouped(groups, width))


def _regrouped(groups: Groups, width: int, *, by_dimensions: bool = True) -> _Parts:
    parts: _Parts = defaultdict(list)
    for (bucket, dimensions), sums in groups.items():
        parts[bucket - bucket % width, dimensions if by_dimensions else ()].append(sums)
    return parts


def _added(parts: _Parts) -> Groups:
    return {
        key: sums[0] if len(sums) == 1 else tuple(map(sum, zip(*sums, strict=True)))
        for key, sums in parts.items()
    }


def _histograms(found: _Pass) -> list[tuple[Histogram, Chunks]]:
    narrowest = {column: _chunks(bins) for column, bins in found.bins.items()}
    made = []
    for histogram in HISTOGRAMS:
        assert histogram.grouping is OFFER
        made.append((histogram, _widened_chunks(narrowest[histogram.column], histogram.width)))
    return made


def _chunks(bins: _Bins) -> Chunks:
    chunks: Chunks = {}
    for (hour, offer, number), count in bins.items():
        chunk, place = divmod(number, CHUNK)
        counts = chunks.setdefault((hour, offer, chunk), [0] * CHUNK)
        counts[place] = count
    return chunks


def _widened_chunks(chunks: Chunks, width: int) -> Chunks:
    wide: Chunks = {}
    for (hour, offer, chunk), counts in chunks.items():
        key = (hour - hour % width, offer, chunk)
        known = wide.get(key)
        wide[key] = counts if known is None else list(map(add, known, counts))
    return wide
