"""What is measured becomes lines of a table: medians, percentiles, targets, words for numbers."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

NOTHING = "\u2013"
TIMES = "\u00d7"


@dataclass(frozen=True)
class Target:
    """A bound on one measured number; `applies` is False at sizes that the target is not for.

    `short` says what was measured, for the chart; without it the target is not drawn there.
    """

    text: str
    measured: float
    limit: float
    at_least: bool = False
    applies: bool = True
    short: str = ""

    @property
    def headroom(self) -> float:
        """How many times better than the bound: 1 is just met."""
        if self.at_least:
            return self.measured / self.limit
        return self.limit / self.measured if self.measured else math.inf

    @property
    def is_met(self) -> bool:
        return self.headroom >= 1


@dataclass(frozen=True)
class Line:
    """A line of the table."""

    figure: str
    ours: str
    yardstick: str = NOTHING
    ratio: str = NOTHING
    target: Target | None = None

    @property
    def met(self) -> str:
        if self.target is None:
            return NOTHING
        if not self.target.applies:
            return "n/a"
        return "yes" if self.target.is_met else "**no**"


@dataclass(frozen=True)
class Rate:
    """Work done in a time of the clock, and of processors."""

    count: int
    wall: float
    cpu: float

    @property
    def per_second(self) -> float:
        return self.count / self.wall

    @property
    def per_cpu_second(self) -> float:
        return self.count / max(self.cpu, 0.01)  # the kernel counts in hundredths


def median(numbers: Sequence[float]) -> float:
    return statistics.median(numbers)


def percentile(numbers: Sequence[float], share: float) -> float:
    """The nearest rank, rounded up: the longest of fewer than 100 at a share of 0.99."""
    return sorted(numbers)[max(0, math.ceil(share * len(numbers)) - 1)]


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Of neighbours in time, so that a busy moment of the machine counts for both."""
    return [mine / other for mine, other in zip(ours, theirs, strict=True)]


def milliseconds(seconds: float) -> str:
    return f"{significant(seconds * 1000)} ms"


def times(ratio: float) -> str:
    return f"{significant(ratio)}{TIMES}"


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def megabytes(count: float) -> str:
    return f"{count / 2**20:,.0f} MiB"


def significant(number: float) -> str:
    """Two digits at least; whole from ten on, since the noise is larger than the rest."""
    if number >= 10:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 1 else f"{number:.2g}"


def row_label(rows: int) -> str:
    """10000 is 10k, 1000000 is 1M: for names of files."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if rows >= size and rows % size == 0:
            return f"{rows // size}{letter}"
    return str(rows)
