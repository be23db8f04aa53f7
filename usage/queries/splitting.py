"""Series and their parts: put together, and what one has besides some of them."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from usage.queries.figures import Bucket
from usage.rollups.measures import Figures

Series = Sequence[Bucket]


def together(series: Iterable[Series]) -> list[Bucket]:
    found = _by_start(series)
    return [Bucket(start, found[start]) for start in sorted(found)]


def without(whole: Series, parts: Iterable[Series]) -> list[Bucket]:
    """Those buckets of which anything is left."""
    told = _by_start(parts)
    left = (
        Bucket(bucket.start, told.get(bucket.start, Figures()).left_of(bucket.figures))
        for bucket in whole
    )
    return [bucket for bucket in left if bucket.figures.requests]


def _by_start(series: Iterable[Series]) -> Mapping[dt.datetime, Figures]:
    found: defaultdict[dt.datetime, Figures] = defaultdict(Figures)
    for bucket in chain.from_iterable(series):
        found[bucket.start] += bucket.figures
    return found
