"""Rows to sums, in Python: one pass over a batch, then each wider sum from a narrower one."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, repeat
from operator import add
from typing import Any

from usage.rollups.bins import bin_of
from usage.rollups.declarations import (
    GROUPINGS,
    HISTOGRAMS,
    MODEL,
    ROLLUPS,
    SUMMED,
    TOTAL,
    Grouping,
    Histogram,
    Rollup,
)
from usage.rollups.grouped import (
    BinCounts,
    Chunks,
    Dimensions,
    Groups,
    Parts,
    added_parts,
    chunks_of,
    in_wider_buckets,
    of_first_dimensions,
    tokens_alone,
    widened_chunks,
)
from usage.rollups.measures import HALF, HALF_BITS, MEASURES, TOKEN_COLUMNS, Kind, Sums
from usage.statuses import is_failure

_Columns = Mapping[str, Sequence[Any]]

# What the sums need of a row of usage_metrics, beside the time at which it was completed.
COLUMNS = tuple(dict.fromkeys([*SUMMED, *(each.of for each in MEASURES if each.of)]))
TimedRow = tuple[int, tuple[Any, ...]]  # Unix seconds, rounded down; COLUMNS
# What groupings tell apart are the first dimensions of others': they are made of those, which are
# made first, in the narrowest buckets that any of the two has.
_SOURCES = {TOTAL: MODEL} | {
    few: many
    for many in GROUPINGS
    for few in GROUPINGS
    if few.only_with and few.only_with == many.only_with and few is not many
    if few.dimensions == many.dimensions[: len(few.dimensions)]
}
_SOURCES_FIRST = sorted(ROLLUPS, key=lambda rollup: rollup.grouping in _SOURCES)
_NARROWEST = {
    grouping: min(
        rollup.width
        for rollup in ROLLUPS
        if grouping in (rollup.grouping, _SOURCES.get(rollup.grouping))
    )
    for grouping in dict.fromkeys(rollup.grouping for rollup in ROLLUPS)
}
OTHER = "(other)"  # what names that are not told apart count as: see `usage.rollups.names`


class Renaming:
    """How rows are counted of which some names are not told apart, or only from a time on, and from
    when on the sums that came later hold them."""

    def __init__(
        self,
        counts_from: Mapping[str, Mapping[str, int]],
        filled_from: Mapping[str, int] | None = None,
    ) -> None:
        """By dimension and name, and by `Grouping.came_with`, in Unix seconds; names and sums
        that are missing count always."""
        self._counts_from = counts_from
        self._filled_from = filled_from or {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Renaming) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def filled_from(self, grouping: Grouping) -> int | None:
        """Rows that were completed before are in no sum of the grouping yet; None where all are."""
        return self._filled_from.get(grouping.came_with)

    def in_all_sums(self) -> "Renaming":
        return Renaming(self._counts_from)

    def names(
        self, dimension: str, times: Sequence[int], values: Sequence[str | None]
    ) -> Sequence[str | None]:
        """The values of a dimension as rows that were completed then count."""
        later = self._counts_from.get(dimension)
        if not later:
            return values
        return [
            OTHER if value and at < later.get(value, at) else value
            for at, value in zip(times, values, strict=True)
        ]

    def name(self, dimension: str, name: str, at: int) -> str:
        return OTHER if at < self._counts_from.get(dimension, {}).get(name, at) else name


@dataclass
class Additions:
    """What some rows add to the rollups, with the token shift of their series, and histograms."""

    rollups: list[tuple[Rollup, int, Groups]]
    histograms: list[tuple[Histogram, Chunks]]


def aggregate(
    rows: Iterable[TimedRow], renaming: Renaming | None, only: str | None = None
) -> Additions:
    """What the rows add to every rollup and histogram, or to those alone that came with `only`.

    Without `renaming` each counts under its names, in all sums.
    """
    batch = list(rows)
    if not batch:
        return Additions([], [])
    found = _Batch(batch, renaming)
    additions = Additions(_rollups(found, 0, only), _histograms(found) if only is None else [])
    if found.huge:
        upper = _Batch([_upper_halves(row) for row in found.huge], renaming)
        additions.rollups += _rollups(upper, HALF_BITS, only)
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


class _Batch:
    """Rows as columns, of which each grouping and histogram takes those that it needs.

    All that is done for each row is in here: by columns, so that Python's own loops do most.
    """

    def __init__(self, rows: Sequence[TimedRow], renaming: Renaming | None) -> None:
        self._times, values = zip(*rows, strict=True)
        columns = dict(zip(COLUMNS, zip(*values, strict=True), strict=True))
        self.huge: list[TimedRow] = []  # of which `_sums` has the lower halves of the tokens
        self._columns = self._in_halves(columns, rows)
        self._sums = list(_sums_of_each(self._columns, len(rows)))
        self._renaming = renaming
        self._names: dict[str, Sequence[str]] = {}  # of dimensions that any row has
        for name in SUMMED:
            counted: Sequence[Any] = columns[name]
            if not any(counted):
                continue
            if renaming:
                counted = renaming.names(name, self._times, counted)
            self._names[name] = [each or "" for each in counted] if None in counted else counted
        self._none = [""] * len(rows)
        self._begins: dict[int, Sequence[int]] = {}

    def groups(self, grouping: Grouping, width: int) -> Groups:
        """Without rows that the grouping takes no notice of."""
        if grouping.only_with and grouping.only_with not in self._names:
            return {}
        found = zip(self._keys(grouping, width), self._sums, strict=True)
        parts: Parts = defaultdict(list)
        for key, sums in compress(found, self._taken(grouping)) if grouping.only_with else found:
            parts[key].append(sums)
        return added_parts(parts)

    def _taken(self, grouping: Grouping) -> Sequence[Any]:
        """For each row what is true or not, as `compress` takes it."""
        names = self._names[grouping.only_with]
        since = self._renaming.filled_from(grouping) if self._renaming else None
        if since is None:
            return names
        return [name and at >= since for name, at in zip(names, self._times, strict=True)]

    def bins(self, column: str, grouping: Grouping, width: int) -> BinCounts:
        keys = zip(self._keys(grouping, width), self._columns[column], strict=True)
        return Counter((*key, bin_of(value)) for key, value in keys if value is not None)

    def _keys(self, grouping: Grouping, width: int) -> Iterator[tuple[int, Dimensions]]:
        if width not in self._begins:
            self._begins[width] = [at - at % width for at in self._times]
        names = [self._names.get(name, self._none) for name in grouping.dimensions]
        dimensions = zip(*names, strict=True) if names else repeat(())
        return zip(self._begins[width], dimensions, strict=bool(names))

    def _in_halves(self, columns: _Columns, rows: Sequence[TimedRow]) -> _Columns:
        """With token counts below HALF; rows that have others are `huge`."""
        tokens = {name: [count or 0 for count in columns[name]] for name in TOKEN_COLUMNS}
        if all(min(column) >= 0 and max(column) < HALF for column in tokens.values()):
            return {**columns, **tokens}
        counts = zip(*tokens.values(), strict=True)
        self.huge = [
            row
            for row, some in zip(rows, counts, strict=True)
            if any(not 0 <= count < HALF for count in some)
        ]
        lower = {name: [count % HALF for count in column] for name, column in tokens.items()}
        return {**columns, **lower}


def _sums_of_each(columns: _Columns, count: int) -> Iterator[Sums]:
    """What each row adds, in the order of MEASURES."""
    added = [add_up(columns[of]) if of else repeat(1, count) for add_up, of in _EACH]
    return zip(*added, strict=True)


def _with_zero(column: Sequence[Any]) -> Iterable[Any]:
    return [0.0 if value is None else value for value in column] if None in column else column


# What a row adds by the kind of the measure, as a column for a column.
_OF_A_KIND: dict[Kind, Callable[[Sequence[Any]], Iterable[Any]]] = {
    Kind.ROWS: lambda column: repeat(1, len(column)),
    Kind.FAILED: lambda column: [1 if is_failure(status) else 0 for status in column],
    Kind.TOKENS: lambda column: column,  # without None since `_in_halves`
    Kind.NUMBERS: _with_zero,
    Kind.PRESENT: lambda column: [0 if value is None else 1 for value in column],
    Kind.ABSENT: lambda column: [1 if value is None else 0 for value in column],
}
_EACH = [(_OF_A_KIND[measure.kind], measure.of) for measure in MEASURES]


def _upper_halves(timed: TimedRow) -> TimedRow:
    """A row with the upper halves of its tokens; `tokens_alone` drops what else it adds."""
    at, row = timed
    halves = (
        (value or 0) >> HALF_BITS if name in TOKEN_COLUMNS else value
        for name, value in zip(COLUMNS, row, strict=True)
    )
    return at, tuple(halves)


def _rollups(batch: _Batch, token_shift: int, only: str | None) -> list[tuple[Rollup, int, Groups]]:
    """Without those to which the batch adds nothing."""
    made: list[tuple[Rollup, int, Groups]] = []
    narrowest: dict[Grouping, Groups] = {}
    last: dict[Grouping, Groups] = {}
    for rollup in _SOURCES_FIRST:  # each grouping's from narrow to wide
        grouping, width = rollup.grouping, rollup.width
        if only is not None and grouping.came_with != only:
            continue
        if (known := last.get(grouping)) is None:
            if source := _SOURCES.get(grouping):
                known = of_first_dimensions(narrowest[source], len(grouping.dimensions))
            else:
                known = batch.groups(grouping, _NARROWEST[grouping])
                known = tokens_alone(known) if token_shift else known
            narrowest[grouping] = known
        groups = last[grouping] = in_wider_buckets(known, width)
        if groups:
            made.append((rollup, token_shift, groups))
    return made


def _histograms(batch: _Batch) -> list[tuple[Histogram, Chunks]]:
    made: list[tuple[Histogram, Chunks]] = []
    last: dict[tuple[str, Grouping], Chunks] = {}
    for histogram in HISTOGRAMS:  # each column's from narrow to wide
        column, grouping, width = histogram.column, histogram.grouping, histogram.width
        if (known := last.get((column, grouping))) is not None:
            chunks = widened_chunks(known, width)
        else:
            chunks = chunks_of(batch.bins(column, grouping, width))
        last[column, grouping] = chunks
        made.append((histogram, chunks))
    return made
