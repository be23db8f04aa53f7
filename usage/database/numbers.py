"""Fractions as plain SQL may have left them: text on SQLite, infinity, PostgreSQL's NaN."""

LARGEST = 1e300  # so that sums are finite too


def finite(column: str) -> str:
    """SQL for the number in a column, of which text is made; NULL where it is past all sums."""
    # PostgreSQL's NaN is greater than every number.
    return f"CASE WHEN ABS({column}) < {LARGEST} THEN CAST({column} AS DOUBLE PRECISION) END"


def if_finite(value: float | None) -> float | None:
    """The same of a value that was read."""
    return value if value is not None and abs(value) < LARGEST else None
