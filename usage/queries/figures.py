"""What a report is made of: figures that can be added, and the parts that have them."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from usage.periods import Period
from usage.rollups.measures import Figures, Sums


class Percentiles(msgspec.Struct, frozen=True, gc=False):
    """In milliseconds, at most 5 % off; None where no request reported a value."""

    p50_latency_ms: float | None = None
    p95_latency_ms: float | None = None
    p99_latency_ms: float | None = None
    p50_ttft_ms: float | None = None
    p95_ttft_ms: float | None = None
    p99_ttft_ms: float | None = None


@dataclass(frozen=True)
class Part:
    """The share of one model, provider, status or key; "" is that of requests without any."""

    name: str
    figures: Figures
    percentiles: Percentiles | None = None


class Bucket(msgspec.Struct, frozen=True, gc=False):
    """A bucket of the series that has requests: from `start` to the begin of the next bucket."""

    start: dt.datetime
    figures: Figures


@dataclass(frozen=True)
class Others:
    """The parts that are not listed, since they have the fewest tokens: how many, and together."""

    names: int
    figures: Figures


@dataclass(frozen=True)
class Summary:
    """A period's totals and its parts by model, those with the most tokens first.

    `others` is what they leave out, by column, where that is something. `covered` is what was
    counted: more than the period where its ends need rows that were purged.
    """

    totals: Figures
    by_model: list[Part]
    period: Period
    covered: Period
    percentiles: Percentiles | None = None
    others: Mapping[str, Others] = field(default_factory=dict)


@dataclass(frozen=True)
class UsageReport(Summary):
    """`timeseries` is by time; `by_group` has the parts by what else was asked for."""

    timeseries: list[Bucket] = field(default_factory=list)
    by_group: list[Part] = field(default_factory=list)
    previous: Summary | None = None
    totals_beside: Figures | None = None


def added(sums: Iterable[Sums]) -> Figures:
    """The figures of rows of sums in the order of MEASURES."""
    rows = list(sums)
    if len(rows) == 1:
        return Figures(*rows[0])
    return Figures(*map(sum, zip(*rows, strict=True)))
