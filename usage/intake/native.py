"""Our own format: an object, an array, `{"metrics": […]}` or NDJSON of the contract's rows."""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import msgspec

from usage.incoming_row import IncomingRow
from usage.intake.parsed import MOST_ROWS, MalformedBody, ParsedRows, TooManyRowsInBody, collect
from usage.records import InvalidRow, UsageRecord, make_record, record_from

_MOST_OBJECTS = 4 * MOST_ROWS  # unknown fields may hold some
_MOST_COMMAS = 40 * MOST_ROWS

_CUT = 262_144
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class _PlainRow(IncomingRow, kw_only=True, gc=False, forbid_unknown_fields=True):
    """A row of known fields alone, so that there is no need to look for a Go struct's names."""


_any = msgspec.json.Decoder()
_ROW = {kind: msgspec.json.Decoder(kind) for kind in (_PlainRow, IncomingRow)}
_ROWS = {kind: msgspec.json.Decoder(list[kind]) for kind in _ROW}  # type: ignore[valid-type]
_raw = msgspec.json.Decoder(msgspec.Raw)
_raw_rows = msgspec.json.Decoder(list[msgspec.Raw])
_raw_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
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
_GO_NAME = re.compile(rb'"(?=[A-Z])(?:%s)"' % b"|".join(map(str.encode, _GO_NAMES)))


def parse_json(body: bytes, now: dt.datetime) -> ParsedRows:
    """Rows of a JSON body; NDJSON sent as JSON is understood too. MalformedBody otherwise."""
    body = body.removeprefix(_BYTE_ORDER_MARK).strip()
    _refuse_empty(body)
    _refuse_too_many_values(body)
    if body.startswith(b"["):
        return _parse_array(body, now)
    try:
        return ParsedRows(
            [make_record(_ROW[_PlainRow].decode(body), now, is_clean=_is_clean(body))]
        )
    except (*_UNREADABLE, InvalidRow):
        return _parse_value(body, now)


def parse_ndjson(pieces: Iterable[bytes], now: dt.datetime) -> ParsedRows:
    """Rows of a body with one JSON object on each line; blank lines don't count.

    The body may come in any pieces, and is not held longer than it takes to decode each.
    """
    parsed = ParsedRows()
    lines_before = 0
    for piece in _whole_lines(pieces):
        if piece.isspace():
            continue  # of which there may be megabytes
        lines = piece.splitlines()
        rows = [line for line in lines if line and not line.isspace()]
        if rows and lines_before + len(rows) > MOST_ROWS:
            raise TooManyRowsInBody
        lines_before += len(lines)
        _parse_rows(rows, piece, now, parsed)
    _refuse_empty(parsed.records or parsed.bad_rows)
    return parsed


def each_raw_object(body: bytes) -> list[bytes | msgspec.Raw]:
    """The parts of an array, the lines of NDJSON, or the one object that a body is, undecoded."""
    body = body.removeprefix(_BYTE_ORDER_MARK).strip()
    _refuse_empty(body)
    if body.startswith(b"["):
        return _not_too_many(list(_decode(_raw_rows, body)))
    try:
        return [_decode(_raw, body)]
    except MalformedBody:
        lines = [line for line in body.splitlines() if line and not line.isspace()]
        if len(lines) == 1:
            raise
        return _not_too_many(lines)


def each_raw_object_under(name: str, body: bytes) -> list[msgspec.Raw]:
    """What an envelope such as {"calls": […]} holds under one name, undecoded."""
    body = body.removeprefix(_BYTE_ORDER_MARK).strip()
    _refuse_empty(body)
    rows = _decode(_raw_fields, body).get(name) if body.startswith(b"{") else None
    if rows is None or bytes(memoryview(rows)[:1]) != b"[":
        raise MalformedBody(f'send an object with its rows as an array: {{"{name}": [rows]}}')
    return _not_too_many(_decode(_raw_rows, rows))


def _whole_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, cut at the ends of lines."""
    mark = _BYTE_ORDER_MARK
    begun: list[bytes] = []
    for piece in pieces:
        end = max(piece.rfind(b"\n"), piece.rfind(b"\r")) + 1
        if end:
            yield b"".join((*begun, piece[:end])).removeprefix(mark)
            mark = b""
            begun = []
        begun.append(piece[end:])
    yield b"".join(begun).removeprefix(mark)


def _parse_rows(
    rows: Sequence[bytes | msgspec.Raw], text: bytes, now: dt.datetime, parsed: ParsedRows
) -> None:
    """Add what the rows hold, which are parts of `text`."""
    records = _made_quickly(lambda kind: map(_ROW[kind].decode, rows), text, now)
    if records is None:
        _parse_each(rows, text, now, parsed)
    else:
        parsed.records += records


def _parse_array(body: bytes, now: dt.datetime) -> ParsedRows:
    records = _made_quickly(lambda kind: _not_too_many(_ROWS[kind].decode(body)), body, now)
    if records is not None:
        return ParsedRows(records)
    parsed = ParsedRows()
    _parse_each(_not_too_many(_decode(_raw_rows, body)), body, now, parsed)
    return parsed


def _made_quickly(
    decode: Callable[[type[IncomingRow]], Iterable[IncomingRow]], text: bytes, now: dt.datetime
) -> list[UsageRecord] | None:
    """Records of rows of `text`; None when any of them has a fault, or names of a Go struct."""
    is_clean = _is_clean(text)
    for kind in _ROW:
        if kind is IncomingRow and _GO_NAME.search(text):
            return None
        try:
            return [make_record(row, now, is_clean=is_clean) for row in decode(kind)]
        except _UNREADABLE:
            continue
        except InvalidRow:
            return None
    return None


def _parse_each(
    rows: Iterable[bytes | msgspec.Raw], text: bytes, now: dt.datetime, parsed: ParsedRows
) -> None:
    has_go_names = _GO_NAME.search(text) is not None
    collect(rows, partial(_parse_one, now=now, has_go_names=has_go_names), parsed)


def _parse_one(raw: bytes | msgspec.Raw, *, has_go_names: bool, now: dt.datetime) -> UsageRecord:
    if not has_go_names:
        try:
            return make_record(_ROW[IncomingRow].decode(raw), now)
        except _UNREADABLE:
            pass  # decoded again below, to name every fault
    try:
        value = _decode(_any, raw)
    except MalformedBody as error:
        raise InvalidRow.whole(str(error)) from None
    return record_from(_our_names(value), now)


def _parse_value(body: bytes, now: dt.datetime) -> ParsedRows:
    """A body that is no array: an object that holds or is a row, or NDJSON after all."""
    try:
        value = _decode(_any, body)
    except MalformedBody:
        if b"\n" in body:
            pieces = (body[start : start + _CUT] for start in range(0, len(body), _CUT))
            return parse_ndjson(pieces, now)
        raise
    if isinstance(value, dict) and isinstance(value.get("metrics"), list):
        parsed = ParsedRows()
        _parse_rows(each_raw_object_under("metrics", body), body, now, parsed)
        return parsed
    if isinstance(value, dict):
        return collect([value], lambda row: record_from(_our_names(row), now), ParsedRows())
    raise MalformedBody('send a row as an object, an array of rows, or {"metrics": [rows]}')


def _our_names(value: Any) -> Any:
    """Row fields under our names; where both spellings are given, ours wins."""
    if not isinstance(value, dict) or _GO_NAMES.keys().isdisjoint(value):
        return value
    theirs = {_GO_NAMES[name]: part for name, part in value.items() if name in _GO_NAMES}
    return theirs | value


def _not_too_many(rows: list[Any]) -> list[Any]:
    if len(rows) > MOST_ROWS:
        raise TooManyRowsInBody
    return rows


def _refuse_too_many_values(body: bytes) -> None:
    """Before anything is decoded: what a small body decodes to may need much memory."""
    if len(body) > 2 * _MOST_OBJECTS:  # each takes two bytes at least
        if body.count(b"{") + body.count(b"[") > _MOST_OBJECTS or body.count(b",") > _MOST_COMMAS:
            raise TooManyRowsInBody


def _refuse_empty(content: object) -> None:
    if not content:
        raise MalformedBody('the body is empty: send a row such as {"model": "gpt-5"}')


def _is_clean(text: bytes) -> bool:
    """Whether no JSON text in it can hold a control character.

    JSON takes those below space only as escapes; the others are DEL and such as are not ASCII.
    """
    return text.isascii() and b"\\" not in text and b"\x7f" not in text


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
