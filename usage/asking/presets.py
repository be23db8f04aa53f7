"""Ranges that reach back from now, by the names that pages and the API know them by."""

import datetime as dt

from usage.periods import Period

LAST_DAY = "24h"
PRESETS: dict[str, tuple[str, dt.timedelta | None]] = {
    LAST_DAY: ("24 h", dt.timedelta(days=1)),
    "7d": ("7 days", dt.timedelta(days=7)),
    "30d": ("30 days", dt.timedelta(days=30)),
    "90d": ("90 days", dt.timedelta(days=90)),
    "all": ("All time", None),
}


def reaching_back(preset: str, now: dt.datetime) -> Period:
    """Open to the future: rows from a client whose clock is fast must not be missing."""
    span = PRESETS[preset][1]
    return Period(None if span is None else now - span, None)
