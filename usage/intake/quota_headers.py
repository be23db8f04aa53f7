"""How much of an account's quota is used, as providers tell it in the headers of their answers.

Only the headers named here are read, whatever else came with them.
"""

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, NamedTuple

import msgspec

from usage.intake.lenient import number
from usage.intake.loose_structs import UNREADABLE
from usage.live_keys import may_hold_key
from usage.records import EARLIEST, InvalidRow, UsageRecord, completed_at
from usage.upstream_accounts import (
    LONGEST_STATUS,
    LONGEST_WINDOW_LASTS,
    AccountsTold,
    QuotaReading,
    duration_of,
    span_of,
)


class _Figure(Enum):
    USED = "used_ratio"
    RESETS_AT = "resets_at"
    STATUS = "status"
    MINUTES = "minutes"  # how long the window is


class _Unit(Enum):
    RATIO = 1
    PERCENT = 100
    UNIX_SECONDS = "unix"
    WORD = "word"
    MINUTES = "minutes"


class _HeaderMeans(NamedTuple):
    window: str  # its span, or whose minutes tell it
    figure: _Figure
    unit: _Unit


# Where a sender tells minutes, they alone say which window it is: Codex' "primary" may be the week.
HEADERS = {
    "anthropic-ratelimit-unified-5h-utilization": _HeaderMeans("5h", _Figure.USED, _Unit.RATIO),
    "anthropic-ratelimit-unified-5h-reset": _HeaderMeans(
        "5h", _Figure.RESETS_AT, _Unit.UNIX_SECONDS
    ),
    "anthropic-ratelimit-unified-5h-status": _HeaderMeans("5h", _Figure.STATUS, _Unit.WORD),
    "anthropic-ratelimit-unified-7d-utilization": _HeaderMeans("7d", _Figure.USED, _Unit.RATIO),
    "anthropic-ratelimit-unified-7d-reset": _HeaderMeans(
        "7d", _Figure.RESETS_AT, _Unit.UNIX_SECONDS
    ),
    "anthropic-ratelimit-unified-7d-status": _HeaderMeans("7d", _Figure.STATUS, _Unit.WORD),
    "x-codex-primary-used-percent": _HeaderMeans("primary", _Figure.USED, _Unit.PERCENT),
    "x-codex-primary-window-minutes": _HeaderMeans("primary", _Figure.MINUTES, _Unit.MINUTES),
    "x-codex-primary-reset-at": _HeaderMeans("primary", _Figure.RESETS_AT, _Unit.UNIX_SECONDS),
    "x-codex-secondary-used-percent": _HeaderMeans("secondary", _Figure.USED, _Unit.PERCENT),
    "x-codex-secondary-window-minutes": _HeaderMeans("secondary", _Figure.MINUTES, _Unit.MINUTES),
    "x-codex-secondary-reset-at": _HeaderMeans("secondary", _Figure.RESETS_AT, _Unit.UNIX_SECONDS),
}
_BY_MINUTES = {told.window for told in HEADERS.values() if told.figure is _Figure.MINUTES}
# With which LiteLLM marks what its provider answered.
_PREFIX = "llm_provider-"
_HINTS = (b"ratelimit-unified-", b"x-codex-")
_MOST_USED = 10.0  # of the whole
_LONGEST_TEXT = 64
_AHEAD = dt.timedelta(hours=1)  # by which clocks may differ
_STATUS = re.compile(f"[a-z][a-z0-9_-]{{0,{LONGEST_STATUS - 1}}}")
_headers = msgspec.json.Decoder(dict[str, Any])


def read(raw: bytes | msgspec.Raw, source: str, record: UsageRecord, told: AccountsTold) -> None:
    """Add what headers, a JSON object, tell of the account of a record. Odd ones tell nothing."""
    if record.account is None or not may_be_in(raw):
        return
    try:
        headers = _headers.decode(raw)
    except UNREADABLE:
        return
    for reading in readings(headers, source, record):
        told.add(reading)


def may_be_in(raw: bytes | msgspec.Raw) -> bool:
    """Quickly: False for nearly all that holds none of them."""
    lowered = bytes(raw).lower()
    return any(hint in lowered for hint in _HINTS)


def readings(
    headers: Mapping[str, Any], source: str, record: UsageRecord
) -> Iterable[QuotaReading]:
    """Those of the account of a record, which has one. `headers` have texts or lists of them."""
    found: dict[str, dict[str, Any]] = {}
    for name, values in headers.items():
        told = HEADERS.get(name.lower().removeprefix(_PREFIX))
        if told is None:
            continue
        value = _value(told.unit, _first(values), record.timestamp)
        if value is not None:
            found.setdefault(told.window, {}).setdefault(told.figure.value, value)
    spans: dict[str, QuotaReading] = {}
    for window, figures in sorted(found.items()):  # of two of one span the first
        minutes = figures.pop(_Figure.MINUTES.value, None)
        span = minutes if window in _BY_MINUTES else window
        if span is not None and span not in spans and _tells(figures):
            spans[span] = _reading(record, source, span, figures)
    return spans.values()


def _tells(figures: Mapping[str, Any]) -> bool:
    """A time of reset alone says nothing."""
    return _Figure.USED.value in figures or _Figure.STATUS.value in figures


def _reading(record: UsageRecord, source: str, span: str, figures: dict[str, Any]) -> QuotaReading:
    """Without a time of reset that lies further ahead than the window is long."""
    resets_at = figures.pop(_Figure.RESETS_AT.value, None)
    if resets_at is not None and resets_at > record.timestamp + duration_of(span) + _AHEAD:
        resets_at = None
    return QuotaReading(
        source=source,
        account=record.account or "",
        span=span,
        at=record.timestamp,
        resets_at=resets_at,
        provider=record.provider,
        **figures,
    )


def _first(values: Any) -> Any:
    if isinstance(values, list):
        values = next(iter(values), None)
    if isinstance(values, str):
        return values.strip() if len(values) <= _LONGEST_TEXT else None
    return values


def _value(unit: _Unit, value: Any, at: dt.datetime) -> Any:
    """None for what is not of that unit, or cannot be."""
    match unit:
        case _Unit.RATIO | _Unit.PERCENT:
            found = number(value)
            used = None if found is None else found / unit.value
            return used if used is not None and 0 <= used <= _MOST_USED else None
        case _Unit.UNIX_SECONDS:
            return _moment(value, at)
        case _Unit.MINUTES:
            found = number(value)
            return None if found is None else span_of(found)
        case _Unit.WORD:
            return _word(value)


def _moment(value: Any, at: dt.datetime) -> dt.datetime | None:
    """Of Unix seconds; milliseconds and RFC 3339 are understood too."""
    found: Any = number(value)
    if found is None and isinstance(value, str):
        try:
            found = msgspec.convert(value, dt.datetime)
        except msgspec.ValidationError:
            return None
    if found is None:
        return None
    try:
        moment = completed_at(found, at + LONGEST_WINDOW_LASTS)
    except (InvalidRow, OverflowError):
        return None
    return moment if moment >= EARLIEST else None


def _word(value: Any) -> str | None:
    if not isinstance(value, str) or may_hold_key(value):
        return None
    word = value.lower()
    return word if _STATUS.fullmatch(word) else None
