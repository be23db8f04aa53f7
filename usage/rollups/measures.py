"""The figures that are summed up for each group of rows: each declared here once, by name.

Columns of the sums, SQL over sums and rows, counters of Prometheus and the fields of the API's
answers follow from the fields of `Figures`. CONTRIBUTING says what a new one needs besides.
"""

from dataclasses import dataclass
from enum import Enum, auto
from operator import add, sub
from typing import Annotated, Any, get_type_hints

import msgspec

# Token counts of rows with more than this are summed in two halves, so that no sum overflows.
HALF_BITS = 32
HALF = 1 << HALF_BITS


class Kind(Enum):
    """What of a column of rows is summed up."""

    ROWS = auto()  # how many rows there are
    FAILED = auto()  # how many have a status that is a failure
    TOKENS = auto()  # whole numbers, of which large ones are summed in two halves
    NUMBERS = auto()  # fractions
    PRESENT = auto()  # how many rows have a value
    ABSENT = auto()  # how many have none


@dataclass(frozen=True)
class Adds:
    """How a field of Figures comes about, and what counters of Prometheus say of it.

    `of` is a column of usage_metrics, `column` that of usage_rollups where it is not named like
    the figure. Without a text there is no counter: `counter` of models, `key_counter` of keys.
    `says` is what the description of the API says of it.
    """

    kind: Kind
    of: str = ""
    column: str = ""
    counter: str = ""
    key_counter: str = ""
    says: str = ""


class Figures(msgspec.Struct, frozen=True, gc=False):
    """Sums that can be added to each other; averages and rates come from them."""

    requests: Annotated[
        int,
        Adds(
            Kind.ROWS,
            counter="Requests.",
            key_counter="Requests of a key; its own families, since keys times models are many.",
        ),
    ] = 0
    failed_requests: Annotated[
        int, Adds(Kind.FAILED, "status", key_counter="Requests of a key that failed.")
    ] = 0
    tokens: Annotated[
        int,
        Adds(
            Kind.TOKENS,
            "total_tokens",
            column="total_tokens",
            counter="Tokens in all.",
            key_counter="Tokens of a key.",
        ),
    ] = 0
    prompt_tokens: Annotated[
        int, Adds(Kind.TOKENS, "prompt_tokens", counter="Prompt tokens, cached ones too.")
    ] = 0
    completion_tokens: Annotated[
        int, Adds(Kind.TOKENS, "completion_tokens", counter="Completion tokens, reasoning too.")
    ] = 0
    cached_tokens: Annotated[
        int,
        Adds(
            Kind.TOKENS,
            "cached_tokens",
            counter="Prompt tokens that were read from a cache.",
            says="Part of prompt_tokens.",
        ),
    ] = 0
    cache_write_tokens: Annotated[
        int,
        Adds(
            Kind.TOKENS,
            "cache_write_tokens",
            counter="Prompt tokens that were written to a cache.",
            says="Part of prompt_tokens.",
        ),
    ] = 0
    reasoning_tokens: Annotated[
        int,
        Adds(
            Kind.TOKENS,
            "reasoning_tokens",
            counter="Completion tokens of reasoning.",
            says="Part of completion_tokens.",
        ),
    ] = 0
    latency_ms_sum: Annotated[float, Adds(Kind.NUMBERS, "latency_ms")] = 0.0
    latency_count: Annotated[int, Adds(Kind.PRESENT, "latency_ms")] = 0
    ttft_ms_sum: Annotated[float, Adds(Kind.NUMBERS, "ttft_ms")] = 0.0
    ttft_count: Annotated[int, Adds(Kind.PRESENT, "ttft_ms")] = 0
    cost_usd_sum: Annotated[
        float,
        Adds(
            Kind.NUMBERS,
            "cost_usd",
            counter="Cost of the priced requests in US dollars.",
            key_counter="Cost of a key's priced requests in US dollars.",
        ),
    ] = 0.0
    unpriced_requests: Annotated[
        int,
        Adds(
            Kind.ABSENT,
            "cost_usd",
            counter="Requests of which nobody knows the cost.",
            says="Requests whose cost is not known.",
        ),
    ] = 0

    def __add__(self, other: "Figures") -> "Figures":
        as_tuple = msgspec.structs.astuple
        return Figures(*map(add, as_tuple(self), as_tuple(other)))

    def left_of(self, whole: "Figures") -> "Figures":
        """What the whole, of which these are a part, has besides."""
        as_tuple = msgspec.structs.astuple
        return Figures(*map(sub, as_tuple(whole), as_tuple(self)))

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


@dataclass(frozen=True)
class Measure:
    """A field of Figures, which is a column of usage_rollups."""

    figure: str
    column: str
    kind: Kind
    of: str  # the column of usage_metrics; none of ROWS
    adds: Adds

    @property
    def zero(self) -> float:
        return 0.0 if self.kind is Kind.NUMBERS else 0

    @property
    def sum_sql(self) -> str:
        """The sum of its column in SQL, and named like that."""
        # PostgreSQL's sums of bigint are numeric, which Python is slow to read.
        total = f"SUM({self.column})"
        return total if self.kind is Kind.NUMBERS else f"CAST({total} AS BIGINT)"


def _measures() -> tuple[Measure, ...]:
    hints = get_type_hints(Figures, include_extras=True)
    found = ((name, hints[name].__metadata__[0]) for name in Figures.__struct_fields__)
    return tuple(
        Measure(name, adds.column or name, adds.kind, adds.of, adds) for name, adds in found
    )


# In the order of the fields of Figures, and of every tuple of sums.
MEASURES = _measures()
MEASURE_COLUMNS = tuple(measure.column for measure in MEASURES)
# Columns of usage_metrics, by what they hold.
TOKEN_COLUMNS = tuple(measure.of for measure in MEASURES if measure.kind is Kind.TOKENS)
NUMBER_COLUMNS = tuple(measure.of for measure in MEASURES if measure.kind is Kind.NUMBERS)

Sums = tuple[Any, ...]  # in the order of MEASURES


def of_kind(kind: Kind) -> tuple[Measure, ...]:
    return tuple(measure for measure in MEASURES if measure.kind is kind)


def told_figures() -> list[tuple[str, Any, str]]:
    """What answers tell: the name, type and description of each, but of sums that only make others.

    Those are what averages and costs are made of.
    """
    inner = (Kind.NUMBERS, Kind.PRESENT)
    added = [(each.figure, int, each.adds.says) for each in MEASURES if each.kind not in inner]
    made = [
        (name, get_type_hints(each.fget)["return"], each.__doc__ or "")
        for name, each in vars(Figures).items()
        if isinstance(each, property)
    ]
    return [*added, *made]


def total_and_number(figures: Figures, column: str) -> tuple[float, int]:
    """The sum of a column of rows that holds fractions, and how many of them have a value."""
    of_column = {each.kind: getattr(figures, each.figure) for each in MEASURES if each.of == column}
    return of_column[Kind.NUMBERS], of_column[Kind.PRESENT]


def unshifted(sums: Sums, token_shift: int) -> Sums:
    """Sums whose token counts are in units of two to the power of the shift, in units of one."""
    if not token_shift:
        return sums
    return tuple(
        value << token_shift if measure.kind is Kind.TOKENS else value
        for measure, value in zip(MEASURES, sums, strict=True)
    )
