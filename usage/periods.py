"""Moments and periods: RFC 3339 text to UTC, and a range with both ends included."""

import datetime as dt
import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import msgspec

_BARE_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# A `+` in a URL arrives as a space.
_LOST_PLUS = re.compile(r"(?<=\d) (?=\d\d:\d\d$)", re.ASCII)
EXAMPLE = "2024-01-15T10:00:00Z"
UTC = ZoneInfo("UTC")
_MICROSECOND = dt.timedelta(microseconds=1)
_FIRST = dt.datetime.min.replace(tzinfo=dt.UTC)


@dataclass(frozen=True)
class Period:
    """A range of time in UTC; None is an open end, and both ends are included."""

    start: dt.datetime | None = None
    end: dt.datetime | None = None

    def preceding(self) -> "Period":
        """The equally long period right before; for a period with both ends."""
        assert self.start is not None
        assert self.end is not None
        end = max(self.start, _FIRST + _MICROSECOND) - _MICROSECOND
        length = min(self.end - self.start, end - _FIRST)
        return Period(end - length, end)


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


def rfc3339(moment: dt.datetime, zone: ZoneInfo = UTC) -> str:
    """Text with a fraction only where there is one; in UTC with Z, else with the zone's offset."""
    if zone is UTC:
        return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    text = moment.astimezone(zone).isoformat()
    # Until about 1900 clocks were off by odd seconds, which RFC 3339 cannot tell.
    return text if text[-6] in "+-" else rfc3339(moment)
