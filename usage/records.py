"""One usage record: its fields, and how values from outside become one."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from usage import live_keys
from usage.identity import bare_key, event_identity, hash_api_key, known_digest
from usage.incoming_row import (
    LONGEST_HASH,
    LONGEST_NAME,
    LONGEST_STATUS,
    LONGEST_TEXT,
    MOST_MS,
    MOST_TOKENS,
    MOST_USD,
    IncomingRow,
)
from usage.live_keys import KeyInText, clean_id, clean_name

COST_REPORTED = "reported"  # as `cost_source`; the others are in usage.pricing
WARM_UP, DUPLICATE, WRAPPER = "warm_up", "duplicate", "wrapper"  # as `excluded_as`
EARLIEST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
MOST_AHEAD = dt.timedelta(hours=24)
# Unix times from here on are milliseconds: as seconds they would lie in the year 5138.
_FIRST_MILLISECONDS = 100_000_000_000
_FIRST_TOO_FINE = 100_000_000_000_000
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")


# Rows hold nothing that could refer back to them, so the garbage collector need not look (gc).
class UsageRecord(msgspec.Struct, frozen=True, gc=False):
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
    response_id: str | None = None
    app: str | None = None
    user: str | None = None
    team: str | None = None
    project: str | None = None
    session: str | None = None
    account: str | None = None
    cache_write_1h_tokens: int | None = None
    audio_input_tokens: int | None = None
    audio_output_tokens: int | None = None
    image_input_tokens: int | None = None
    image_output_tokens: int | None = None
    service_tier: str | None = None
    cost_source: str | None = None
    excluded_as: str | None = None


TEXT_FIELDS = (
    *("model", "request_id", "provider", "requested_model", "event_id", "source"),
    *("response_id", "app", "user", "team", "project", "session", "account", "service_tier"),
)
# Columns of a stored row whose text is somebody else's.
STORED_TEXTS = tuple(
    field.name
    for field in msgspec.structs.fields(UsageRecord)
    if field.type in (str, str | None) and field.name not in ("cost_source", "excluded_as")
)
_TYPES = {field.name: field.type for field in msgspec.structs.fields(IncomingRow)}
TOKENS_RULE = f"must be a whole number from 0 to {MOST_TOKENS}"
_NAME_RULE = f"must be text up to {LONGEST_NAME} characters"
_TEXT_RULE = f"must be text up to {LONGEST_TEXT} characters"
_MS_RULE = f"must be a number of milliseconds from 0 to {MOST_MS}"
_RULES = {
    "model": f"must be text of 1 to {LONGEST_TEXT} characters",
    "timestamp": "must be an RFC 3339 time such as 2024-01-15T10:00:00Z, or Unix seconds or "
    "milliseconds",
    "status": f"must be an HTTP status such as 200, or text up to {LONGEST_STATUS} characters",
    "latency_ms": _MS_RULE,
    "ttft_ms": _MS_RULE,
    "cost_usd": f"must be a number of US dollars from 0 to {MOST_USD}",
    "api_key_hash": (
        f"must be text up to {LONGEST_HASH} characters, normally the hex SHA-256 of the key"
    ),
    "api_key": "must be text",
    "provider": _NAME_RULE,
    "source": _NAME_RULE,
    "service_tier": _NAME_RULE,
    **{name: TOKENS_RULE for name in _TYPES if name.endswith("_tokens")},
    **dict.fromkeys(("request_id", "requested_model", "event_id", "response_id"), _TEXT_RULE),
    **dict.fromkeys(("app", "user", "team", "project", "session", "account"), _TEXT_RULE),
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
        named = (
            f"{fault.field}: {fault.error}" if fault.field else fault.error for fault in faults
        )
        super().__init__("; ".join(named))

    @classmethod
    def whole(cls, error: str) -> "InvalidRow":
        return cls([FieldError(None, error)])


def make_record(row: IncomingRow, now: dt.datetime, *, is_clean: bool = False) -> UsageRecord:
    """The record that a well-typed row stands for; InvalidRow where its meaning is at fault.

    `now` is the time of completion of rows that name none. The text of a row that `is_clean` is
    known to hold no control characters. This runs once for each row of every post.
    """
    event_id, timestamp = row.event_id, row.timestamp
    if event_id is not None and timestamp is None:
        raise _invalid("event_id", "needs a timestamp beside it, so that a resend is recognised")
    if not is_clean:
        _check_text(row)
    if row.model.isspace():
        raise _invalid("model", "must not be blank")
    at = now if timestamp is None else completed_at(timestamp, now)
    # Of what was sent, so that a resend is recognised whatever the guard has learned meanwhile.
    identity = None if event_id is None else event_identity(row.source, event_id)
    try:
        return _checked(row, at, identity)
    except KeyInText:
        return _checked(_without_keys(row), at, identity)


def _checked(row: IncomingRow, at: dt.datetime, identity: int | None) -> UsageRecord:
    """KeyInText where a text holds a key in clear."""
    prompt, completion, total = row.prompt_tokens or 0, row.completion_tokens or 0, row.total_tokens
    return UsageRecord(  # in the order of its fields: by their names takes seven times as long
        at,
        clean_name(row.model),
        prompt,
        completion,
        prompt + completion if total is None else total,
        clean_id(row.request_id),
        None if row.status is None else _normal_status(row.status),
        row.latency_ms,
        _key_hash(row.api_key_hash, row.api_key),
        row.provider and clean_name(row.provider),
        row.requested_model and clean_name(row.requested_model),
        row.cached_tokens,
        row.cache_write_tokens,
        row.reasoning_tokens,
        row.ttft_ms,
        row.cost_usd,
        identity,
        row.source and clean_name(row.source),
        clean_id(row.response_id),
        row.app and clean_name(row.app),
        row.user and clean_name(row.user),
        row.team and clean_name(row.team),
        row.project and clean_name(row.project),
        clean_id(row.session),
        row.account and clean_name(row.account),
        row.cache_write_1h_tokens,
        row.audio_input_tokens,
        row.audio_output_tokens,
        row.image_input_tokens,
        row.image_output_tokens,
        row.service_tier and clean_name(row.service_tier),
        None if row.cost_usd is None else COST_REPORTED,
    )


def record_without_keys(record: UsageRecord) -> UsageRecord:
    """For records that were not made here: itself where no text of it holds a key."""
    changes = live_keys.changes({name: getattr(record, name) for name in STORED_TEXTS})
    return msgspec.structs.replace(record, **changes) if changes else record


def _without_keys(row: IncomingRow) -> IncomingRow:
    texts = {name: getattr(row, name) for name in (*TEXT_FIELDS, "status")}
    return msgspec.structs.replace(row, **live_keys.changes(texts))


def record_from(values: Any, now: dt.datetime) -> UsageRecord:
    """A record from loose values (a mapping of row fields); InvalidRow lists every fault."""
    if not isinstance(values, Mapping):
        raise InvalidRow.whole("must be an object with at least a model")
    known = {name: values[name] for name in _TYPES if name in values}
    try:  # at once, which is several times faster; field by field only to name every fault
        row = msgspec.convert(known, IncomingRow)
    except (msgspec.ValidationError, OverflowError):
        row = _converted_one_by_one(known)
    return make_record(row, now)


def _converted_one_by_one(known: dict[str, Any]) -> IncomingRow:
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
    return IncomingRow(**known)


def completed_at(timestamp: dt.datetime | float, now: dt.datetime) -> dt.datetime:
    """UTC from a zoned datetime, Unix seconds or milliseconds; InvalidRow outside the bounds."""
    if isinstance(timestamp, dt.datetime) and timestamp.tzinfo is dt.UTC:
        if EARLIEST <= timestamp <= now:
            return timestamp  # as nearly all are
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


@lru_cache(maxsize=256)
def _normal_status(status: str | int) -> str | None:
    text = clean_name(str(status)).strip().lower()  # a key in lower case would be another
    if len(text) > LONGEST_STATUS:  # lower case may be longer
        raise _invalid("status", _RULES["status"])
    if _FORBIDDEN.search(text):
        raise _invalid("status", "must not contain control characters")
    return text or None


def _key_hash(given: str | None, api_key: str | None) -> str | None:
    if not given:
        key = bare_key(api_key) if api_key else None
        return hash_api_key(key) if key else None
    if (digest := known_digest(given)) is not None:
        return digest
    given = live_keys.clean_hash(given)
    if len(given) > LONGEST_HASH:
        raise _invalid("api_key_hash", _RULES["api_key_hash"])
    if _FORBIDDEN.search(given):
        raise _invalid("api_key_hash", "must not contain control characters")
    return given


def _invalid(field: str, error: str) -> InvalidRow:
    return InvalidRow([FieldError(field, error)])


def _but_got(field: str, value: Any) -> str:
    """The kind of value where that is the fault; text may also be too long or short."""
    kind = _JSON_NAMES.get(type(value))
    is_right_kind = isinstance(value, str) and "text" in _RULES[field]
    return f", not {kind}" if kind and not is_right_kind else ""
