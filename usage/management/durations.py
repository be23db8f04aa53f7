"""Ages as operators write them: 90d, 12h, 4w, 30m."""

import datetime as dt
import re

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGE = re.compile(r"([0-9]{1,9})([mhdw])", re.IGNORECASE)


def parse_age(text: str) -> dt.timedelta:
    """The duration that `text` names; ValueError says what to write."""
    match = _AGE.fullmatch(text.strip())
    if match is None:
        raise ValueError("write a whole number and a unit: 90d, 12h, 4w or 30m")
    number, unit = match.groups()
    try:
        return dt.timedelta(**{_UNITS[unit.lower()]: int(number)})
    except OverflowError:
        return dt.timedelta.max
