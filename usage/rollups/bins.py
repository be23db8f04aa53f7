"""Logarithmic bins: each a tenth wider than the one before, so that its middle is 4.8 % off."""

import math

GROWTH = 1.1
SMALLEST = 0.001  # milliseconds; bin 0 holds everything below
CHUNK = 16  # bins in a row of the table

_LOG_GROWTH = math.log(GROWTH)
_LOG_SMALLEST = math.log(SMALLEST)


def bin_of(value: float) -> int:
    """The bin that `value` falls into."""
    if value < SMALLEST:
        return 0
    return 1 + int((math.log(value) - _LOG_SMALLEST) / _LOG_GROWTH)


def bin_sql(column: str) -> str:
    """`bin_of` of a column that is not NULL, in SQL."""
    number = f"(LN({column}) - ({_LOG_SMALLEST!r})) / {_LOG_GROWTH!r}"
    return f"CASE WHEN {column} < {SMALLEST} THEN 0 ELSE 1 + CAST(FLOOR({number}) AS INTEGER) END"


def middle_of(number: int) -> float:
    """The value that is at most 4.8 % away from all that fall into the bin."""
    low, high = ends_of_bin(number)
    return 2 * low * high / (low + high)


def ends_of_bin(number: int) -> tuple[float, float]:
    """From which value on values fall into the bin, and up to which."""
    if number == 0:
        return 0.0, SMALLEST
    low = SMALLEST * GROWTH ** (number - 1)
    return low, low * GROWTH
