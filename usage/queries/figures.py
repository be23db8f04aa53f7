"""What a report is made of: figures that can be added, and the parts that have them."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from usage.periods import Period
from usage.rollups.measures import Figures, Sums


class Percentiles(msgspec.Struct, frozen=True, gc=False):
    """In milliseconds, about 5 % off at most; None where no request reported a value."""

    p50_latency_ms: float | None = None
    p95_latency_ms: float | None = None
    p99_latency_ms: float | None = None
    p50_ttft_ms: float | None = None
    p95_ttft_ms: float | None = None
    p99_ttft_ms: float | None = None


By = tuple[str, ...]  # the dimensions by which parts are told apart
BY_MODEL: By = ("model",)
ORDERS: Mapping[str, Callable[[Figures], float]] = {  # of parts, the largest first
    "tokens": lambda figures: figures.tokens,
    "cost": lambda figures: round(figures.cost_usd_sum, 9),
    "requests": lambda figures: figures.requests,
}


@dataclass(frozen=True)
class Part:
    """The share of one model or key, or of a key and a model; "" is that of requests without any.

    `names` has a value for each of the dimensions.
    """

    names: tuple[str, ...]
    figures: Figures
    percentiles: Percentiles | None = None

    @property
    def name(self) -> str:
        """Where parts are told by one dimension."""
        (name,) = self.names
        return name


class Bucket(msgspec.Struct, frozen=True, gc=False):
    """A bucket of the series that has requests: from `start` to the begin of the next bucket."""

    start: dt.datetime
    figures: Figures
    percentiles: Percentiles | None = None


@dataclass(frozen=True)
class NamedSeries:
    """That of one part; or of all the others, which have no name."""

    name: str
    timeseries: list[Bucket]
    are_others: bool = False


@dataclass(frozen=True)
class Others:
    """The parts that are not listed, since they are the smallest: how many, and together."""

    names: int
    figures: Figures


@dataclass(frozen=True)
class Summary:
    """A period's totals and its parts, the largest first: by model, and by what else was asked for.

    `others` is what the lists leave out, where that is something. `covered` is what was counted:
    more than the period where its ends need rows that were purged. `percentiles_note` says why
    there are no percentiles.
    `unknown_before` is the time before when some rows were purged of which no sums know what the
    question names.
    """

    totals: Figures
    parts: Mapping[By, list[Part]]
    period: Period
    covered: Period
    percentiles: Percentiles | None = None
    percentiles_note: str | None = None
    unknown_before: dt.datetime | None = None
    others: Mapping[By, Others] = field(default_factory=dict)

    @property
    def by_model(self) -> list[Part]:
        return self.parts[BY_MODEL]


@dataclass(frozen=True)
class UsageReport(Summary):
    """`timeseries` is by time, and `series` the same of the largest parts and of all others."""

    timeseries: list[Bucket] = field(default_factory=list)
    series: list[NamedSeries] | None = None
    previous: Summary | None = None
    totals_beside: Figures | None = None


def added(sums: Iterable[Sums]) -> Figures:
    """The figures of rows of sums in the order of MEASURES."""
    rows = list(sums)
    if len(rows) == 1:
        return Figures(*rows[0])
    return Figures(*map(sum, zip(*rows, strict=True)))
