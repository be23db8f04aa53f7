"""When an attempt began, as CLIProxyAPI and the tools around it write it, to the nanosecond."""

import datetime as dt
import re
from typing import Any, NamedTuple

import msgspec

from usage.importing import go_timestamps, loose
from usage.records import FieldError, InvalidRow

_FRACTION = re.compile(r":\d\d[.,](\d+)")


class Began(NamedTuple):
    at: dt.datetime  # UTC
    exactly: str  # the same for the same nanosecond, in whatever zone it is written


def began(value: Any, zone: dt.tzinfo) -> Began:
    """`zone` is that of times which name none. InvalidRow when it is no time."""
    try:
        at = _parsed(value, zone)
    except ValueError as error:
        raise InvalidRow([FieldError("timestamp", str(error))]) from None
    fraction = _FRACTION.search(value) if isinstance(value, str) else None
    digits = fraction[1].rstrip("0") if fraction else f"{at.microsecond:06}".rstrip("0")
    return Began(at, f"{int(at.replace(microsecond=0).timestamp())}.{digits}")


def completed(at: dt.datetime, latency_ms: Any) -> dt.datetime:
    """Rows are of the time of completion, so the latency is added where there is one."""
    value = loose.real(latency_ms)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return at  # and the record refuses what is no number
    try:
        return at + dt.timedelta(milliseconds=max(value, 0))
    except (OverflowError, ValueError):
        return at


def _parsed(value: Any, zone: dt.tzinfo) -> dt.datetime:
    if isinstance(value, str) and not value.startswith("0001-"):
        try:
            found = msgspec.convert(value, dt.datetime)
        except msgspec.ValidationError:
            found = None
        if found is not None and found.tzinfo is not None:
            return found.astimezone(dt.UTC)
    return go_timestamps.parse(value, zone)
