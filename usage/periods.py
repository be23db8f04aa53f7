"""Moments and periods: RFC 3339 text to UTC, and a range with both ends included."""

import datetime as dt
import re
from dataclasses import dataclass

import msgspec

_BARE_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# A `+` in a URL arrives as a space.
_LOST_PLUS = re.compile(r"(?<=\d) (?=\d\d:\d\d$)", re.ASCII)
EXAMPLE = "2024-01-15T10:00:00Z"


@dataclass(frozen=True)
class Period:
    """A range of time in UTC; None is an open end, and both ends are included."""

    start: dt.datetime | None = None
    end: dt.datetime | None = None


def parse_moment(text: str) -> dt.datetime:
    """UTC from RFC 3339 text or a bare date (its midnight UTC); ValueError says what to write."""
    text = text.strip()
    if _BARE_DATE.fullmatch(text):
        text += "T00:00:00Z"
    elif "T" in text.upper():
        text = _LOST_PLUS.sub("+", text)
    try:
        moment = msgspec.convert(text, dt.datetime)
        if moment.tzinfo is None:
            raise ValueError(f"needs a zone: end it with Z or an offset, as in {EXAMPLE}")
        return moment.astimezone(dt.UTC)
    except (msgspec.ValidationError, OverflowError):
        raise ValueError(f"must be an RFC 3339 time such as {EXAMPLE}, or a date") from None


def rfc3339(moment: dt.datetime) -> str:
    """UTC text with Z, with a fraction only where there is one."""
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
