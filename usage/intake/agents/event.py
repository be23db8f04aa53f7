"""A log event as a reader gets it: its names, its time and those attributes that readers know."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

EVENT_NAME, EVENT_TIME = "event.name", "event.timestamp"
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_A_MICROSECOND = dt.timedelta(microseconds=1)

Value = str | int | float | bool


@dataclass(slots=True)
class AgentEvent:
    """`names` are all that it goes by: its attribute, its field, its body if that is one word.

    `told` is what it says itself, and what its resource says of all.
    """

    names: tuple[str, ...]
    scope: str
    at_ns: int  # Unix time; 0 if none was told
    told: dict[str, Value]

    def first(self, *names: str) -> Any:
        """What is told under the first of the names that has something; empty text is nothing."""
        for name in names:
            value = self.told.get(name)
            if value is not None and value != "":
                return value
        return None

    def text(self, *names: str) -> str | None:
        value = self.first(*names)
        return None if value is None or isinstance(value, bool) else str(value)

    def count(self, *names: str) -> int | None:
        """A whole number that is no less than 0, also as digits or as 12.0; None for all else."""
        value = self.number(*names)
        return int(value) if value is not None and value == int(value) else None

    def number(self, *names: str) -> int | float | None:
        """A number that is no less than 0, also as text; None for all else."""
        value = _number(self.first(*names))
        return value if value is not None and 0 <= value < float("inf") else None

    def says(self, names: Iterable[str]) -> bool:
        return any(self.first(name) is not None for name in names)

    @property
    def at(self) -> dt.datetime | None:
        """To the microsecond."""
        if self.at_ns > 0:
            return _moment(self.at_ns)
        try:
            return msgspec.convert(self.told.get(EVENT_TIME), dt.datetime)
        except msgspec.ValidationError:
            return None


def _number(value: Any) -> int | float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if value.isascii() and value.isdigit() and len(value) < 20:
            return int(value)
        try:
            return float(value) if len(value) < 40 else None
        except ValueError:
            return None
    return value if isinstance(value, int | float) else None


def _moment(unix_ns: int) -> dt.datetime | None:
    try:
        return _EPOCH + round(unix_ns / 1000) * _A_MICROSECOND
    except OverflowError:
        return None
