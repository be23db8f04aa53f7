"""Values of formats that others define, made fit to be stored: an optional one costs no row."""

import datetime as dt
import hashlib
import re
import sys
from typing import Any

import msgspec

from usage.identity import hash_api_key
from usage.incoming_row import MOST_MS, MOST_USD, IncomingRow
from usage.records import InvalidRow, UsageRecord, make_record, record_from

UNKNOWN_MODEL = "unknown"
_IDS = ("request_id", "response_id", "session", "event_id")
_NAMES = {
    **dict.fromkeys(("model", "requested_model", "app", "user", "team", "project", "account"), 255),
    **dict.fromkeys(("provider", "source", "service_tier"), 64),
}
_NUMBERS = {"latency_ms": MOST_MS, "ttft_ms": MOST_MS, "cost_usd": MOST_USD}
_LONGEST_ID = 255
_LARGEST = sys.float_info.max
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]+")


def record_of(values: dict[str, Any], now: dt.datetime) -> UsageRecord:
    """The record of a row; InvalidRow where it cannot be stored without its optional fields too."""
    try:  # as nearly all can be
        return make_record(msgspec.convert(values, IncomingRow), now)
    except (msgspec.ValidationError, OverflowError, InvalidRow):
        return record_from(_storable(values), now)


def number(value: Any) -> float | None:
    """One that a float can hold, also as text; None for all else, integers of 400 digits too."""
    if isinstance(value, str) and len(value) < 40:
        try:
            value = float(value)
        except ValueError:
            return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return value if -_LARGEST <= value <= _LARGEST else None  # which NaN is not either


def _storable(values: dict[str, Any]) -> dict[str, Any]:
    """The same row without what would cost it: of long names the beginning, of ids a digest."""
    found = dict(values)
    for name, longest in _NAMES.items():
        if found.get(name) is not None:
            found[name] = _text(found[name])[:longest].strip() or None
    for name in _IDS:
        if found.get(name) is not None:
            found[name] = _identifier(_text(found[name]))
    for name, most in _NUMBERS.items():
        if found.get(name) is not None:
            found[name] = _number(found[name], most)
    if (key_hash := found.get("api_key_hash")) is not None and not _is_hash(key_hash):
        found["api_key_hash"] = hash_api_key(as_text(key_hash))
    found["model"] = found.get("model") or UNKNOWN_MODEL
    return found


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 64 and _CONTROLS.search(value) is None


def as_text(value: Any) -> str:
    """Empty for what Python writes as none: integers of 4,301 digits, lists within hundreds."""
    try:
        return value if isinstance(value, str) else str(value)
    except (ValueError, RecursionError):
        return ""


def _text(value: Any) -> str:
    text = as_text(value)
    return text if text.isprintable() else _CONTROLS.sub(" ", text)


def _identifier(text: str) -> str | None:
    if len(text) <= _LONGEST_ID:
        return text or None
    return f"sha256:{hashlib.sha256(text.encode(errors='replace')).hexdigest()}"


def _number(value: Any, most: float) -> float | None:
    found = None if isinstance(value, str) else number(value)
    return found if found is not None and 0 <= found <= most else None
