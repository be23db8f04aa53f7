"""Our own format: an object, an array, `{"metrics": […]}` or NDJSON of the contract's rows."""

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from usage.records import IncomingRow, InvalidRow, UsageRecord, make_record, record_from

# Naming every one of many bad rows helps nobody and costs memory; the rest are only counted.
MOST_ERRORS = 1000
# Rows cost memory that their few bytes do not show, so a post is bounded by their number too.
MOST_ROWS = 100_000
_MOST_OBJECTS = 4 * MOST_ROWS  # unknown fields may hold some
_MOST_COMMAS = 40 * MOST_ROWS

_any = msgspec.json.Decoder()
_rows = msgspec.json.Decoder(list[IncomingRow])
_raw_rows = msgspec.json.Decoder(list[msgspec.Raw])
_row = msgspec.json.Decoder(IncomingRow)
# The names of a Go struct without JSON tags, which its encoder writes.
_GO_NAMES = {
    name: next(
        field for field in IncomingRow.__struct_fields__ if field.replace("_", "") == name.lower()
    )
    for name in (
        "Timestamp Model PromptTokens CompletionTokens TotalTokens RequestID RequestId Status"
        " LatencyMs LatencyMS APIKeyHash ApiKeyHash APIKey ApiKey Provider RequestedModel"
        " CachedTokens CacheWriteTokens ReasoningTokens TTFTMs TtftMs CostUSD CostUsd EventID"
        " EventId Source"
    ).split()
}
_GO_MARKS = tuple(f'"{name}"'.encode() for name in _GO_NAMES)


class MalformedBody(ValueError):
    """The body as a whole cannot be read; the message says what to send."""


class TooManyRows(ValueError):
    """More than MOST_ROWS rows in one body."""


@dataclass(frozen=True)
class BadRow:
    """One fault of one row, as the answer names it. Never holds a value of the client's."""

    index: int
    field: str | None
    error: str


@dataclass
class ParsedRows:
    """The good rows of a body, and the faults of the others."""

    records: list[UsageRecord] = field(default_factory=list)
    errors: list[BadRow] = field(default_factory=list)
    bad_rows: int = 0

    def refuse(self, index: int, error: InvalidRow) -> None:
        self.bad_rows += 1
        room = MOST_ERRORS - len(self.errors)
        self.errors += [BadRow(index, f.field, f.error) for f in error.faults[:room]]


def parse_json(body: bytes, now: dt.datetime) -> ParsedRows:
    """Rows of a JSON body; NDJSON sent as JSON is understood too. MalformedBody otherwise."""
    body = _without_mark(body)
    if body.count(b"{") + body.count(b"[") > _MOST_OBJECTS or body.count(b",") > _MOST_COMMAS:
        raise TooManyRows
    if body.startswith(b"["):
        return _parse_array(body, now)
    try:
        value = _decode(_any, body)
    except MalformedBody:
        if b"\n" in body:
            return parse_ndjson(body, now)
        raise
    if isinstance(value, dict) and isinstance(value.get("metrics"), list):
        return _parse_values(value["metrics"], now)
    if isinstance(value, dict):
        return _parse_values([value], now)
    raise MalformedBody('send a row as an object, an array of rows, or {"metrics": [rows]}')


def parse_ndjson(body: bytes, now: dt.datetime) -> ParsedRows:
    """Rows of a body with one JSON object on each line; blank lines don't count."""
    body = _without_mark(body)
    if body.count(b"\n") >= MOST_ROWS:
        raise TooManyRows
    has_go_names = _has_go_names(body)
    lines = (line for line in body.splitlines() if line and not line.isspace())
    return _parse_each(lines, has_go_names, now)


def _parse_array(body: bytes, now: dt.datetime) -> ParsedRows:
    has_go_names = _has_go_names(body)
    if not has_go_names:
        parsed = _parse_good_array(body, now)
        if parsed is not None:
            return parsed
    raw_rows = _decode(_raw_rows, body)
    _refuse_too_many(raw_rows)
    return _parse_each(raw_rows, has_go_names, now)


def _parse_good_array(body: bytes, now: dt.datetime) -> ParsedRows | None:
    """The quick way, for arrays without a fault; None when any row has one."""
    try:
        rows = _rows.decode(body)
        _refuse_too_many(rows)
        return ParsedRows([make_record(row, now) for row in rows])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidRow):
        return None


def _parse_each(
    rows: Iterable[bytes | msgspec.Raw], has_go_names: bool, now: dt.datetime
) -> ParsedRows:
    return _collect(rows, lambda raw: _parse_one(raw, has_go_names, now))


def _collect(rows: Iterable[Any], make: Callable[[Any], UsageRecord]) -> ParsedRows:
    parsed = ParsedRows()
    for index, row in enumerate(rows):
        try:
            parsed.records.append(make(row))
        except InvalidRow as error:
            parsed.refuse(index, error)
    return parsed


def _parse_one(raw: bytes | msgspec.Raw, has_go_names: bool, now: dt.datetime) -> UsageRecord:
    if not has_go_names:
        try:
            return make_record(_row.decode(raw), now)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass  # decoded again below, to name every fault
    try:
        value = _decode(_any, raw)
    except MalformedBody as error:
        raise InvalidRow.whole(str(error)) from None
    return record_from(_our_names(value), now)


def _parse_values(values: list[Any], now: dt.datetime) -> ParsedRows:
    _refuse_too_many(values)
    return _collect(values, lambda value: record_from(_our_names(value), now))


def _our_names(value: Any) -> Any:
    """Row fields under our names; where both spellings are given, ours wins."""
    if not isinstance(value, dict) or _GO_NAMES.keys().isdisjoint(value):
        return value
    theirs = {_GO_NAMES[name]: part for name, part in value.items() if name in _GO_NAMES}
    return theirs | value


def _refuse_too_many(rows: list[Any]) -> None:
    if len(rows) > MOST_ROWS:
        raise TooManyRows


def _has_go_names(body: bytes) -> bool:
    return any(mark in body for mark in _GO_MARKS)


def _without_mark(body: bytes) -> bytes:
    body = body.removeprefix(b"\xef\xbb\xbf").strip()
    if not body:
        raise MalformedBody('the body is empty: send a row such as {"model": "gpt-5"}')
    return body


def _decode(decoder: msgspec.json.Decoder[Any], data: bytes | msgspec.Raw) -> Any:
    try:
        return decoder.decode(data)
    except RecursionError:
        raise MalformedBody("the JSON is nested too deeply") from None
    except UnicodeDecodeError:
        raise MalformedBody("the body is not UTF-8") from None
    except msgspec.DecodeError as error:
        raise MalformedBody(f"not valid JSON: {_reason(error)}") from None


def _reason(error: msgspec.DecodeError) -> str:
    return str(error).removeprefix("JSON is malformed: ").partition(" - at ")[0].lower()
