"""The values of OTLP in JSON: attributes, and the numbers that may be texts."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

import msgspec

from usage.intake.otlp.span import KNOWN, Attributes, may_be_object

_NONE = msgspec.Raw()
_LONGEST_OBJECT = 16_384  # bytes
_DEEPEST = 8
_NO_TIME = 2**64
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_A_MICROSECOND = dt.timedelta(microseconds=1)


class AttributeValue(msgspec.Struct, rename="camel", gc=False):
    """Arrays are passed over: nothing that we know is one."""

    string_value: str | None = None
    int_value: int | str | None = None
    double_value: float | str | None = None
    bool_value: bool | None = None
    kvlist_value: msgspec.Raw = _NONE


class Attribute(msgspec.Struct, gc=False):
    key: str = ""
    value: AttributeValue | None = None


class _KeyValues(msgspec.Struct, gc=False):
    values: list[Attribute] | None = None


_key_values = msgspec.json.Decoder(_KeyValues)


def attributes_of(pairs: Iterable[Attribute] | None) -> Attributes:
    """Those that we know; a map only where it may tell usage."""
    found: Attributes = {}
    known = KNOWN
    for pair in pairs or ():
        key, value = pair.key, pair.value
        if known[key] and value is not None:
            told: Any = value.string_value
            if told is None:
                told = scalar(value)
            if told is None and value.kvlist_value is not _NONE and may_be_object(key):
                told = as_dict(value.kvlist_value)
            if told is not None:
                found[key] = told
    return found


def scalar(value: AttributeValue | None) -> Any:
    if value is None:
        return None
    if value.string_value is not None:
        return value.string_value
    if value.int_value is not None:
        return whole(value.int_value)
    if value.bool_value is not None:
        return value.bool_value
    if isinstance(value.double_value, str):  # "NaN", "Infinity"
        return _real(value.double_value)
    return value.double_value


def _real(text: str) -> float | None:
    try:
        return float(text) if len(text) < 40 else None
    except ValueError:
        return None


def as_dict(raw: msgspec.Raw, depth: int = 0) -> dict[str, Any] | None:
    """A map of OTLP's, with the maps within it."""
    if len(memoryview(raw)) > _LONGEST_OBJECT or depth > _DEEPEST:
        return None
    try:
        pairs = _key_values.decode(raw).values or ()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return {
        pair.key: as_dict(pair.value.kvlist_value, depth + 1)
        if pair.value.kvlist_value is not _NONE
        else scalar(pair.value)
        for pair in pairs
        if pair.value is not None
    }


def whole(number: int | str | None) -> int:
    """A 64-bit integer; what is none is zero, as protobuf has it."""
    try:
        return int(number or 0) if len(str(number)) <= 20 else 0
    except ValueError:
        return 0


def unix_ns(time: float | str | None) -> int:
    """Nanoseconds, as a number or as digits; as a fraction or in RFC 3339 where a hand wrote it."""
    try:
        at = time if type(time) is int else _other_time(time)
    except (ValueError, TypeError, OverflowError):
        return 0
    return at if 0 <= at < _NO_TIME else 0


def _other_time(time: float | str | None) -> int:
    if isinstance(time, str) and time.isdigit():
        return whole(time)
    if isinstance(time, str) and "-" in time[:5]:
        return (msgspec.convert(time, dt.datetime) - _EPOCH) // _A_MICROSECOND * 1000
    return int(float(time or 0))
