"""Which sums cover which part of a range, the widest first, and where raw rows must do."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from usage.queries.buckets import Run
from usage.queries.microseconds import SECOND
from usage.rollups.declarations import GROUPINGS, HISTOGRAMS, NO_SUMS, ROLLUPS, Grouping

_FROM_FEW_TO_MANY = [
    each for each in GROUPINGS if any(rollup.grouping is each for rollup in ROLLUPS)
]
# Of a grouping's rollups, or of a column's histograms: number by width in microseconds.
Numbers = Mapping[int, int]


class Stretch(NamedTuple):
    """Whole buckets of the rollup `number` in [begin, end).

    `first` and `step` are those of the run: they tell into which bucket of the answer each falls.
    """

    number: int
    begin: int
    end: int
    first: int
    step: int


class Unfilled(NamedTuple):
    """A range of time that sums do not hold yet, while raw rows are there. What came before it was
    purged, and no one knows it."""

    begin: int
    end: int


@dataclass(frozen=True)
class Cover:
    """Some runs in two parts, which don't overlap: what sums answer, and what raw rows must."""

    sums: list[Stretch]
    rows: list[Run]


def smallest_grouping(dimensions: Collection[str]) -> Grouping:
    """The one with the fewest series that tells these dimensions apart; NO_SUMS where none does."""
    wanted = set(dimensions)
    return next((g for g in _FROM_FEW_TO_MANY if wanted <= set(g.dimensions)), NO_SUMS)


def rollups_of(grouping: Grouping) -> Numbers:
    return _widest_first((r.width, r.number) for r in ROLLUPS if r.grouping is grouping)


def histograms_of(column: str) -> Numbers:
    return _widest_first((h.width, h.number) for h in HISTOGRAMS if h.column == column)


def _widest_first(widths: Iterable[tuple[int, int]]) -> Numbers:
    return {width * SECOND: number for width, number in sorted(widths, reverse=True)}


def cover(
    runs: Iterable[Run], numbers: Numbers, purged_until: int, unfilled: Unfilled | None = None
) -> Cover:
    """The runs in the widest sums that fit, and in raw rows where none fit.

    Before `purged_until` there are no raw rows: what they should tell apart counts where the
    narrowest bucket that holds it begins. What is `unfilled` raw rows must tell.
    """
    narrowest = min(numbers, default=1)
    purged_until = _up(purged_until, narrowest)
    found = Cover([], [])
    for whole in runs:
        run = whole
        if unfilled is not None:
            older = run._replace(
                begin=max(run.begin, unfilled.begin), end=min(run.end, unfilled.end)
            )
            if older.begin < older.end:
                found.rows.append(older)
            run = run._replace(begin=max(run.begin, unfilled.end))
        widths = [width for width in numbers if _fits(run, width)]
        for width, begin, end in _cut(run.begin, run.end, widths):
            if width:
                found.sums.append(Stretch(numbers[width], begin, end, run.first, run.step))
                continue
            purged = Run(_up(begin, narrowest), _up(min(end, purged_until), narrowest), *run[2:])
            if purged.begin < purged.end:
                found.sums.append(Stretch(numbers[narrowest], *purged))
            if end > purged_until:
                found.rows.append(run._replace(begin=max(begin, purged_until), end=end))
    return found


def signed_ranges(
    begin: int, end: int, numbers: Numbers, purged_until: int, times: int = 1
) -> Iterator[tuple[int, int, int]]:
    """Ranges that make up [begin, end), each with 1 or, where it is one too many, -1 before it.

    For counts, which can be taken away again exactly, as sums of fractions cannot: an end that
    lies late in a bucket costs less to read when that is counted whole and the rest taken off.
    """
    if begin >= end:
        return
    since, until = begin, end
    for width in numbers:  # the widest first
        first, last = widened(begin, end, width)
        if first < purged_until:
            continue
        if last - first == width:
            if 2 * (end - begin) > width:
                since, until = first, last
                break
            continue
        if since == begin and 2 * (begin - first) < width:
            since = first
        if until == end and 2 * (last - end) < width:
            until = last
    yield times, since, until
    yield from signed_ranges(since, begin, numbers, purged_until, -times)
    yield from signed_ranges(end, until, numbers, purged_until, -times)


def widened(begin: int, end: int, width: int) -> tuple[int, int]:
    """The range with its ends moved outwards to whole buckets."""
    return begin - begin % width, _up(end, width)


def _fits(run: Run, width: int) -> bool:
    """Whether none of its buckets begins within a bucket of this width, except at its ends."""
    return run.is_one_bucket or (run.first % width == 0 and run.step % width == 0)


def _cut(begin: int, end: int, widths: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Width, begin and end of each part, ascending; width 0 where not even the narrowest fits."""
    if begin >= end:
        return
    if not widths:
        yield 0, begin, end
        return
    width, *narrower = widths
    first, last = _up(begin, width), end - end % width
    if first >= last:
        yield from _cut(begin, end, narrower)
        return
    yield from _cut(begin, first, narrower)
    yield width, first, last
    yield from _cut(last, end, narrower)


def _up(moment: int, width: int) -> int:
    return -(-moment // width) * width
