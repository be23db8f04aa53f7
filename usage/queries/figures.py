"""What a report is made of: figures that can be added, and the parts that have them."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import add
from typing import Any

import msgspec

from usage.periods import Period


class Figures(msgspec.Struct, frozen=True, gc=False):
    """Sums that can be added to each other; averages and rates come from them.

    In the order of `usage.rollups.declarations.MEASURES`.
    """

    requests: int = 0
    failed_requests: int = 0
    tokens: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    latency_ms_sum: float = 0.0
    latency_count: int = 0
    ttft_ms_sum: float = 0.0
    ttft_count: int = 0
    cost_usd_sum: float = 0.0
    unpriced_requests: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        as_tuple = msgspec.structs.astuple
        return Figures(*map(add, as_tuple(self), as_tuple(other)))

    @property
    def avg_latency_ms(self) -> float | None:
        """Over the requests that reported a latency; None when none did."""
        return self.latency_ms_sum / self.latency_count if self.latency_count else None

    @property
    def avg_ttft_ms(self) -> float | None:
        """Over the requests that reported a time to first token; None when none did."""
        return self.ttft_ms_sum / self.ttft_count if self.ttft_count else None

    @property
    def cost_usd(self) -> float | None:
        """Of the priced requests; None when there are requests and none is priced."""
        return None if 0 < self.requests == self.unpriced_requests else self.cost_usd_sum

    @property
    def success_rate(self) -> float | None:
        """0 to 1; None without requests."""
        return 1 - self.failed_requests / self.requests if self.requests else None


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
    """A stretch of the series that has requests, from `start` to where the next one may start."""

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


def added(sums: Iterable[tuple[Any, ...]]) -> Figures:
    """The figures of rows of sums in the order of MEASURES."""
    rows = list(sums)
    if len(rows) == 1:
        return Figures(*rows[0])
    return Figures(*map(sum, zip(*rows, strict=True)))
