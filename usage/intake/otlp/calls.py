"""Which spans are calls of a model, and the usage record of each."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from usage.intake import lenient
from usage.intake.agents import gemini_cli
from usage.intake.error_types import http_status_of
from usage.intake.otlp import conventions as names
from usage.intake.otlp import kinds
from usage.intake.otlp.span import Attributes, Span
from usage.intake.parsed import ParsedRows
from usage.live_keys import KeyInText, clean_name
from usage.records import InvalidRow, UsageRecord, record_from
from usage.traced import TracedCall, TracePart, Traces, hash_of_trace, id_of_span, unix_us

SOURCE = "otel"
_NS_A_SECOND = 1_000_000_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MOST_NS = 253_402_300_799 * _NS_A_SECOND  # the year 9999


class _Parameters(msgspec.Struct):
    model: Any = None


_parameters = msgspec.json.Decoder(_Parameters)
_object = msgspec.json.Decoder(dict[str, Any])


def records_of(spans: Iterable[Span], now: dt.datetime) -> ParsedRows:
    """Those of the calls among the spans, and the faults of calls that cannot be stored."""
    parsed = ParsedRows()
    for index, span in enumerate(spans):
        record = None
        if is_call(span):
            try:
                record = record_of(span, now)
            except InvalidRow as error:
                parsed.refuse(index, error)
            else:
                parsed.records.append(record)
        _trace(span, record, parsed.traces)
    return parsed


def _trace(span: Span, record: UsageRecord | None, traces: Traces) -> None:
    """Spans that are no calls tell what lies between calls, and above them."""
    model = _model_for_calls_below(span) if record is None else None
    if not (span.trace_id and span.span_id and (record or span.parent_id or model)):
        return
    own = id_of_span(span.span_id)
    parent = id_of_span(span.parent_id) if span.parent_id else None
    call = None
    if record is not None and record.event_id is not None:
        lacks_model = record.model == lenient.UNKNOWN_MODEL
        at_us = unix_us(record.timestamp)
        call = TracedCall(own, at_us, record.event_id, record.total_tokens, lacks_model)
    part = traces.setdefault(hash_of_trace(span.trace_id), TracePart())
    part.add(own, parent, call, model)


def _model_for_calls_below(span: Span) -> str | None:
    model = span.attributes.get(names.MODEL_ABOVE)
    if not isinstance(model, str) or not model.strip() or not model.isprintable():
        return None
    try:
        return clean_name(model[:255])
    except KeyInText:
        return None


def is_call(span: Span) -> bool:
    """Usage makes a span a call, or an operation that is one; the name of a model does not.

    A parent that repeats what its children used may be one by its looks: the way up tells.
    """
    if span.name == names.LITELLM_RAW or _is_told_in_logs(span):
        return False
    says_so = kinds.is_one(span.attributes)
    if says_so is None:
        return _has_usage(span.attributes) or _is_failed_call(span)
    return says_so


def _is_told_in_logs(span: Span) -> bool:
    """Gemini CLI's logs always come with its spans, and tell more."""
    return gemini_cli.SOURCE in (span.scope, span.resource.get(names.APP))


def _is_failed_call(span: Span) -> bool:
    """Some tell of a call that failed no more than whom they asked for what."""
    return (
        span.has_error
        and _provider(span.attributes) is not None
        and _model(span.attributes)[0] is not None
    )


def record_of(span: Span, now: dt.datetime) -> UsageRecord:
    """The record of a call; InvalidRow where something of it cannot be stored."""
    attributes = span.attributes
    if span.end_ns <= 0:
        raise InvalidRow.whole("endTimeUnixNano is missing")
    model, requested_model = _model(attributes)
    values: dict[str, Any] = {
        "timestamp": _moment(span.end_ns),
        "model": model or lenient.UNKNOWN_MODEL,
        "requested_model": requested_model,
        "provider": _provider(attributes),
        "status": _status(span),
        "latency_ms": _milliseconds(span.end_ns - span.start_ns) if span.start_ns > 0 else None,
        "ttft_ms": _ttft_ms(span),
        "cost_usd": _cost(attributes),
        "event_id": _first(attributes, (names.CALL_ID,)) or f"{span.trace_id}{span.span_id}",
        "response_id": _first(attributes, names.RESPONSE_ID),
        "api_key_hash": _first(attributes, names.KEY_HASH),
        "user": _first(attributes, names.USER),
        "app": _app(span.resource),
        "source": SOURCE,
        **_tokens(attributes),
    }
    return record_from(values, now)


def _first(attributes: Mapping[str, Any], aliases: Iterable[str]) -> Any:
    """The value of the first name that has one; empty text is none."""
    for name in aliases:
        value = attributes.get(name)
        if value is not None and value != "":
            return value
    return None


def _model(attributes: Attributes) -> tuple[Any, Any]:
    """What answered, and what was asked for."""
    requested = _first(attributes, names.REQUEST_MODEL)
    model = _first(attributes, names.RESPONSE_MODEL) or requested
    if model is None and (text := attributes.get(names.INVOCATION_PARAMETERS)) is not None:
        try:
            model = _parameters.decode(str(text)).model
        except (msgspec.DecodeError, RecursionError):
            model = None
    return model or None, requested


def _has_usage(attributes: Attributes) -> bool:
    asked = (*names.TOKENS["prompt_tokens"], *names.TOKENS["completion_tokens"])
    return _first(attributes, (*asked, names.USAGE_DETAILS)) is not None


def _provider(attributes: Attributes) -> Any:
    provider = _first(attributes, names.PROVIDER)
    # The Vercel AI SDK writes the part of its own that it used too: "openai.chat".
    if provider is not None and kinds.VERCEL_OPERATION in attributes:
        return str(provider).partition(".")[0]
    return provider


def _tokens(attributes: Attributes) -> dict[str, Any]:
    details = _details(attributes, names.USAGE_DETAILS)
    found = {}
    for measure, aliases in names.TOKENS.items():
        value = _first(attributes, aliases)
        if value is None:
            value = _first(details, names.DETAILS[measure])
        found[measure] = _whole(value)
    for measure in ("cached_tokens", "cache_write_tokens", "reasoning_tokens"):
        found[measure] = found[measure] or 0
    return found


def _details(attributes: Attributes, name: str) -> dict[str, Any]:
    """A JSON object in an attribute; none where it is no such thing."""
    text = attributes.get(name)
    if not isinstance(text, str):
        return {}
    try:
        return _object.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return {}


def _whole(value: Any) -> Any:
    """Counts that a language without integers wrote as 12.0 or "12"; all else as it is."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _cost(attributes: Attributes) -> Any:
    """Zero is what a client says that knows no prices."""
    cost = _first(attributes, names.COST)
    if cost is None:
        cost = _first(_details(attributes, names.COST_DETAILS), ("total",))
    return cost or None


def _status(span: Span) -> Any:
    status = _whole(_first(span.attributes, names.HTTP_STATUS))
    if isinstance(status, int) and 100 <= status <= 599:
        return status
    exceptions = (e for e in span.events if e.name == names.EXCEPTION_EVENT)
    error = _first(span.attributes, (names.ERROR_TYPE,)) or next(
        (each.attributes.get(names.EXCEPTION_TYPE) for each in exceptions), None
    )
    if error is not None:
        return http_status_of(str(error))
    failed = span.has_error or span.attributes.get(names.LANGFUSE_LEVEL) == "ERROR"
    return 500 if failed else 200


def _ttft_ms(span: Span) -> float | None:
    seconds = _first(span.attributes, names.TTFT_SECONDS)
    milliseconds = _first(span.attributes, names.TTFT_MS)
    if isinstance(seconds, int | float):
        return round(seconds * 1000, 1) if seconds > 0 else None
    if isinstance(milliseconds, int | float):
        return round(milliseconds, 1) if milliseconds > 0 else None
    first = min((e.at_ns for e in span.events if e.name in names.FIRST_TOKEN_EVENTS), default=0)
    first = first or _unix_ns(span.attributes.get(names.COMPLETION_START))
    return _milliseconds(first - span.start_ns) if first > span.start_ns > 0 else None


def _unix_ns(text: Any) -> int:
    """Of an RFC 3339 time, which Langfuse writes as JSON, within quotes; 0 for all else."""
    try:
        moment = msgspec.convert(str(text).strip('"'), dt.datetime)
        return (moment - _EPOCH) // dt.timedelta(microseconds=1) * 1000
    except (msgspec.ValidationError, TypeError, OverflowError):
        return 0


def _milliseconds(nanoseconds: int) -> float:
    """To a tenth: clocks of two moments are no better. A clock set back gives zero."""
    return max(0.0, round(nanoseconds / 1e6, 1))


def _moment(unix_ns: int) -> dt.datetime:
    if unix_ns > _MOST_NS:
        raise InvalidRow.whole("endTimeUnixNano is no time in nanoseconds")
    # As seconds with six places: the way in which others write the same moment as a number.
    return _EPOCH + dt.timedelta(seconds=round(unix_ns / _NS_A_SECOND, 6))


def _app(resource: Attributes) -> Any:
    name = resource.get(names.APP)
    return None if str(name or "").startswith("unknown_service") else name or None
