"""Sums by bucket and dimensions, made of narrower ones, or of those that tell more apart."""

from collections import Counter, defaultdict
from operator import add

from usage.rollups.bins import CHUNK
from usage.rollups.measures import MEASURES, Kind, Sums

Dimensions = tuple[str, ...]
Groups = dict[tuple[int, Dimensions], Sums]  # by begin of the bucket and dimensions
Chunks = dict[tuple[int, Dimensions, int], list[int]]  # and by number of the chunk: its bins
Parts = defaultdict[tuple[int, Dimensions], list[Sums]]
BinCounts = Counter[tuple[int, Dimensions, int]]


def tokens_alone(groups: Groups) -> Groups:
    """Without the other measures, which the lower halves hold."""
    return {
        key: tuple(
            value if measure.kind is Kind.TOKENS else measure.zero
            for measure, value in zip(MEASURES, sums, strict=True)
        )
        for key, sums in groups.items()
    }


def in_wider_buckets(groups: Groups, width: int) -> Groups:
    if all(bucket % width == 0 for bucket, _ in groups):
        return groups
    parts: Parts = defaultdict(list)
    for (bucket, dimensions), sums in groups.items():
        parts[bucket - bucket % width, dimensions].append(sums)
    return added_parts(parts)


def of_first_dimensions(groups: Groups, count: int) -> Groups:
    parts: Parts = defaultdict(list)
    for (bucket, dimensions), sums in groups.items():
        parts[bucket, dimensions[:count]].append(sums)
    return added_parts(parts)


def added_parts(parts: Parts) -> Groups:
    return {
        key: sums[0] if len(sums) == 1 else tuple(map(sum, zip(*sums, strict=True)))
        for key, sums in parts.items()
    }


def chunks_of(bins: BinCounts) -> Chunks:
    chunks: Chunks = {}
    for (hour, offer, number), count in bins.items():
        chunk, place = divmod(number, CHUNK)
        counts = chunks.setdefault((hour, offer, chunk), [0] * CHUNK)
        counts[place] = count
    return chunks


def widened_chunks(chunks: Chunks, width: int) -> Chunks:
    wide: Chunks = {}
    for (hour, offer, chunk), counts in chunks.items():
        key = (hour - hour % width, offer, chunk)
        known = wide.get(key)
        wide[key] = counts if known is None else list(map(add, known, counts))
    return wide
