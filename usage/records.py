"""One usage record: its fields and bounds, and how values from outside become one."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from usage.identity import bare_key, event_identity, hash_api_key, looks_like_live_key

MOST_TOKENS = 2**53
MOST_MS = 2**53
MOST_USD = 1_000_000_000
_LONGEST_STATUS = 32
EARLIEST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
MOST_AHEAD = dt.timedelta(hours=24)
# Unix times from here on are milliseconds: as seconds they would lie in the year 5138.
_FIRST_MILLISECONDS = 100_000_000_000
_FIRST_TOO_FINE = 100_000_000_000_000
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")

Tokens = Annotated[int, Meta(ge=0, le=MOST_TOKENS)] | None
Milliseconds = Annotated[float, Meta(ge=0, le=MOST_MS)] | None
Dollars = Annotated[float, Meta(ge=0, le=MOST_USD)] | None
Name = Annotated[str, Meta(max_length=64)] | None
Text = Annotated[str, Meta(max_length=255)] | None


class UsageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A row to be, checked and in stored units: what intake makes and recording takes."""

    timestamp: dt.datetime
    model: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    request_id: str | None = None
    status: str | None = None
    latency_ms: float | None = None
    api_key_hash: str | None = None
    provider: str | None = None
    requested_model: str | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    ttft_ms: float | None = None
    cost_usd: float | None = None
    event_id: int | None = None
    source: str | None = None


class IncomingRow(msgspec.Struct, kw_only=True):
    """A row as clients write it: the types and bounds of the contract. Null means absent."""

    model: Annotated[str, Meta(min_length=1, max_length=255)]
    timestamp: dt.datetime | int | float | None = None
    prompt_tokens: Tokens = None
    completion_tokens: Tokens = None
    total_tokens: Tokens = None
    request_id: Text = None
    status: (
        Annotated[int, Meta(ge=0, le=999)] | Annotated[str, Meta(max_length=_LONGEST_STATUS)] | None
    ) = None
    latency_ms: Milliseconds = None
    api_key_hash: str | None = None
    api_key: str | None = None
    provider: Name = None
    requested_model: Text = None
    cached_tokens: Tokens = None
    cache_write_tokens: Tokens = None
    reasoning_tokens: Tokens = None
    ttft_ms: Milliseconds = None
    cost_usd: Dollars = None
    event_id: Text = None
    source: Name = None


TEXT_FIELDS = ("model", "request_id", "provider", "requested_model", "event_id", "source")
_TYPES = {field.name: field.type for field in msgspec.structs.fields(IncomingRow)}
_TOKENS_RULE = f"must be a whole number from 0 to {MOST_TOKENS}"
_TEXT_RULE = "must be text up to 255 characters"
_MS_RULE = f"must be a number of milliseconds from 0 to {MOST_MS}"
_RULES = {
    "model": "must be text of 1 to 255 characters",
    "timestamp": "must be an RFC 3339 time such as 2024-01-15T10:00:00Z, or Unix seconds or "
    "milliseconds",
    "status": "must be an HTTP status such as 200, or text up to 32 characters",
    "latency_ms": _MS_RULE,
    "ttft_ms": _MS_RULE,
    "cost_usd": f"must be a number of US dollars from 0 to {MOST_USD}",
    "api_key_hash": "must be text up to 64 characters, normally the hex SHA-256 of the key",
    "api_key": "must be text",
    "provider": "must be text up to 64 characters",
    "source": "must be text up to 64 characters",
    **{name: _TOKENS_RULE for name in _TYPES if name.endswith("_tokens")},
    **dict.fromkeys(("request_id", "requested_model", "event_id"), _TEXT_RULE),
}
_JSON_NAMES = {bool: "a boolean", str: "text", dict: "an object", list: "an array"}


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field; never its value, which may be a prompt or a key."""

    field: str | None
    error: str


class InvalidRow(ValueError):
    """A row that cannot be stored, with every fault found in it."""

    def __init__(self, faults: list[FieldError]) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{fault.field}: {fault.error}" for fault in faults))

    @classmethod
    def whole(cls, error: str) -> "InvalidRow":
        return cls([FieldError(None, error)])


def make_record(row: IncomingRow, now: dt.datetime) -> UsageRecord:
    """The record that a well-typed row stands for; InvalidRow where its meaning is at fault.

    `now` is the time of completion of rows that name none.
    """
    prompt, completion = row.prompt_tokens or 0, row.completion_tokens or 0
    if row.event_id is not None and row.timestamp is None:
        raise _invalid("event_id", "needs a timestamp beside it, so that a resend is recognised")
    _check_text(row)
    return UsageRecord(
        timestamp=now if row.timestamp is None else completed_at(row.timestamp, now),
        model=row.model,
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion if row.total_tokens is None else row.total_tokens,
        request_id=row.request_id,
        status=_status(row.status),
        latency_ms=row.latency_ms,
        api_key_hash=_key_hash(row),
        provider=row.provider,
        requested_model=row.requested_model,
        cached_tokens=row.cached_tokens,
        cache_write_tokens=row.cache_write_tokens,
        reasoning_tokens=row.reasoning_tokens,
        ttft_ms=row.ttft_ms,
        cost_usd=row.cost_usd,
        event_id=None if row.event_id is None else event_identity(row.source, row.event_id),
        source=row.source,
    )


def record_from(values: Any, now: dt.datetime) -> UsageRecord:
    """A record from loose values (a mapping of row fields); InvalidRow lists every fault."""
    if not isinstance(values, Mapping):
        raise InvalidRow.whole("must be an object with at least a model")
    known = {name: values[name] for name in _TYPES if name in values}
    faults = []
    if known.get("model") is None:
        faults.append(FieldError("model", "is required: " + _RULES["model"]))
        known.pop("model", None)
    for name, value in known.items():
        try:
            known[name] = msgspec.convert(value, _TYPES[name])
        except (msgspec.ValidationError, OverflowError):
            faults.append(FieldError(name, f"{_RULES[name]}{_but_got(name, value)}"))
    if faults:
        raise InvalidRow(faults)
    return make_record(IncomingRow(**known), now)


def completed_at(timestamp: dt.datetime | float, now: dt.datetime) -> dt.datetime:
    """UTC from a zoned datetime, Unix seconds or milliseconds; InvalidRow outside the bounds."""
    try:
        if isinstance(timestamp, dt.datetime):
            if timestamp.tzinfo is None:
                raise _invalid("timestamp", "needs a zone: end it with Z or an offset")
            moment = timestamp.astimezone(dt.UTC)
        else:
            moment = _from_unix(timestamp)
    except OverflowError:
        raise _invalid("timestamp", _RULES["timestamp"]) from None
    if moment < EARLIEST:
        raise _invalid("timestamp", "is before the year 2000")
    if moment > now + MOST_AHEAD:
        raise _invalid("timestamp", "is more than 24 hours in the future")
    return moment


def _from_unix(number: float) -> dt.datetime:
    if not abs(number) < _FIRST_TOO_FINE:  # NaN is not less either
        raise _invalid("timestamp", "must be Unix seconds or milliseconds, nothing finer")
    if abs(number) >= _FIRST_MILLISECONDS:
        return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=number)
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=number)


def _check_text(row: IncomingRow) -> None:
    for name in TEXT_FIELDS:
        value = getattr(row, name)
        if value is not None and not value.isprintable() and _FORBIDDEN.search(value):
            raise _invalid(name, "must not contain control characters")
    if row.model.isspace():
        raise _invalid("model", "must not be blank")


def _status(status: str | int | None) -> str | None:
    if status is None:
        return None
    text = str(status).strip().lower()
    if len(text) > _LONGEST_STATUS:  # lower case may be longer
        raise _invalid("status", _RULES["status"])
    if _FORBIDDEN.search(text):
        raise _invalid("status", "must not contain control characters")
    return text or None


def _key_hash(row: IncomingRow) -> str | None:
    if not row.api_key_hash:
        key = bare_key(row.api_key or "")
        return hash_api_key(key) if key else None
    if looks_like_live_key(row.api_key_hash):
        return hash_api_key(bare_key(row.api_key_hash))
    if len(row.api_key_hash) > 64:
        raise _invalid("api_key_hash", _RULES["api_key_hash"])
    if _FORBIDDEN.search(row.api_key_hash):
        raise _invalid("api_key_hash", "must not contain control characters")
    return row.api_key_hash


def _invalid(field: str, error: str) -> InvalidRow:
    return InvalidRow([FieldError(field, error)])


def _but_got(field: str, value: Any) -> str:
    """The kind of value where that is the fault; text may also be too long or short."""
    kind = _JSON_NAMES.get(type(value))
    is_right_kind = isinstance(value, str) and "text" in _RULES[field]
    return f", not {kind}" if kind and not is_right_kind else ""
