"""Times as Go's SQLite drivers wrote them, in any of their styles, to UTC."""

import datetime as dt
import re
from decimal import Decimal

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_CALENDAR = re.compile(
    r"""
    (?P<date> \d{4}-\d\d-\d\d )
    (?: [T\ ] (?P<time> \d\d:\d\d (?: :\d\d )? ) (?: [.,] (?P<fraction> \d+ ) )? )?
    (?:
        \ * (?P<zone> Z | UTC | GMT | [+-]\d\d (?: :?\d\d (?: :?\d\d )? )? )
        (?: \ [a-z+-][\w+-]{0,9} )?        # its name, which repeats it: CEST, or +02
    )?
    (?: \ m=[+-][\d.]+ )?                  # Go's monotonic clock
    """,
    re.VERBOSE | re.ASCII | re.IGNORECASE,
)
_NUMBER = re.compile(r"-?\d{1,20}(?:\.\d{1,20})?", re.ASCII)
# From each of these on, a count since 1970 is of the unit named, or the year would be 5138.
_UNITS = (
    (Decimal(10) ** 17, Decimal("0.001")),  # nanoseconds
    (Decimal(10) ** 14, Decimal(1)),  # microseconds
    (Decimal(10) ** 11, Decimal(1_000)),  # milliseconds
    (Decimal(0), Decimal(1_000_000)),  # seconds
)
_ADVICE = "is no time that a known driver writes, such as 2024-01-15 14:32:10.123456789+00:00"


def parse(value: object, zone: dt.tzinfo) -> dt.datetime:
    """UTC from text, bytes or a number; `zone` is that of times which name none.

    Digits past the microsecond are cut, not rounded. ValueError says what is wrong.
    """
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, int | float):
        return _since_1970(repr(value))
    if not isinstance(value, str):
        raise ValueError("is missing")  # noqa: TRY004
    text = value.strip()
    if _NUMBER.fullmatch(text):
        return _since_1970(text)
    try:
        return _from_calendar(text, zone)
    except OverflowError:
        raise ValueError(_ADVICE) from None


def _since_1970(text: str) -> dt.datetime:
    """Through decimals: a float times a million would lose the last microsecond."""
    try:
        number = Decimal(text)
        factor = next(factor for least, factor in _UNITS if abs(number) >= least)
        return _EPOCH + dt.timedelta(microseconds=int(number * factor))
    except (ArithmeticError, ValueError):
        raise ValueError(_ADVICE) from None


def _from_calendar(text: str, zone: dt.tzinfo) -> dt.datetime:
    match = _CALENDAR.fullmatch(text)
    if match is None:
        raise ValueError(_ADVICE)
    try:
        moment = dt.datetime.fromisoformat(f"{match['date']} {match['time'] or '00:00'}")
        micros = int((match["fraction"] or "0")[:6].ljust(6, "0"))
        tzinfo = _offset(match["zone"]) if match["zone"] else zone
    except ValueError:
        raise ValueError(_ADVICE) from None
    if moment.year == 1:
        raise ValueError("is Go's zero time, which stands for none")
    return moment.replace(microsecond=micros, tzinfo=tzinfo).astimezone(dt.UTC)


def _offset(zone: str) -> dt.timezone:
    if zone[0] not in "+-":
        return dt.UTC
    digits = zone[1:].replace(":", "").ljust(6, "0")
    hours, minutes, seconds = int(digits[:2]), int(digits[2:4]), int(digits[4:])
    if minutes > 59 or seconds > 59:
        raise ValueError
    delta = dt.timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return dt.timezone(-delta if zone[0] == "-" else delta)
