"""Which spans are calls of a model, and the usage record of each."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

import msgspec

from usage.intake import lenient
from usage.intake.agents import gemini_cli
from usage.intake.agents.readers import agent_of_span
from usage.intake.error_types import FAILED, http_status_of
from usage.intake.otlp import conventions as names
from usage.intake.otlp import kinds, senders
from usage.intake.otlp.passed_over import pass_over, source_of_span, tell_names
from usage.intake.otlp.span import Span
from usage.intake.otlp.told import Told
from usage.intake.parsed import ParsedRows
from usage.intake.token_arithmetic import Counted, row_tokens, told_counts, whole_count
from usage.intake.token_kinds import KindsTold, kinds_of
from usage.live_keys import KeyInText, clean_name
from usage.records import InvalidRow, UsageRecord
from usage.traced import TracedCall, Traces, hash_of_trace, id_of_span, part_of, unix_us

SOURCE = "otel"
_NS_A_SECOND = 1_000_000_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MOST_NS = 253_402_300_799 * _NS_A_SECOND  # the year 9999
_FIRST_NS = 100_000_000 * _NS_A_SECOND  # in 1973: a smaller number counts other units
_UNITS_NS = ((10**11, _NS_A_SECOND), (10**14, 10**6), (10**17, 1000))


class _Parameters(msgspec.Struct):
    model: Any = None


_parameters = msgspec.json.Decoder(_Parameters)
_OUTCOMES = ("http_status", "error_type", "error_code", "level", "success")
_PARTS = (
    *("cached_tokens", "cache_write_tokens", "cache_write_5m", "cache_write_1h"),
    "reasoning_tokens",
)
_KINDS = (
    "cache_write_1h",
    *("audio_input_tokens", "audio_output_tokens", "image_input_tokens", "image_output_tokens"),
)


def records_of(spans: Iterable[Span | InvalidRow], now: dt.datetime) -> ParsedRows:
    """Those of the calls among the spans, and the faults of calls that cannot be stored."""
    parsed = ParsedRows()
    for index, span in enumerate(spans):
        if isinstance(span, InvalidRow):
            parsed.refuse(index, span)
            continue
        record = None
        if is_call(span):
            try:
                record = record_of(span, now)
            except InvalidRow as error:
                parsed.refuse(index, error, source_of_span(span))
            else:
                parsed.records.append(record)
                tell_names(span, parsed.heard)
        else:
            pass_over(span, parsed.heard, is_told_in_logs=_is_told_in_logs(span))
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
    part = part_of(traces, hash_of_trace(span.trace_id))
    if part is None:
        return
    part.add(own, parent, call, model)
    part.heard_from = source_of_span(span), ""
    if call is not None:
        service = str(span.resource.get("app", ""))
        agent = agent_of_span(span.name[:64], span.scope[:64], service[:64])
        if agent is not None:
            part.agents[call.row] = agent


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
    return span.has_usage or _is_failed_call(span) if says_so is None else says_so


def _is_told_in_logs(span: Span) -> bool:
    """Gemini CLI's logs always come with its spans, and tell more."""
    return gemini_cli.SOURCE in (span.scope, span.resource.get("app"))


def _is_failed_call(span: Span) -> bool:
    """Some tell of a call that failed no more than whom they asked for what."""
    told = span.told
    return span.has_error and "provider" in told and _models(told)[0] is not None


def record_of(span: Span, now: dt.datetime) -> UsageRecord:
    """The record of a call; InvalidRow where it cannot be stored without an optional field too."""
    if span.end_ns < _FIRST_NS:
        _set_times(span)
    told, who = span.told, span.resource
    model, requested_model = _models(told)
    latency_ms = _milliseconds(span.end_ns - span.start_ns) if span.start_ns > 0 else None
    values: dict[str, Any] = {
        "timestamp": _moment(span.end_ns),
        "model": model or lenient.UNKNOWN_MODEL,
        "requested_model": requested_model,
        "provider": _provider(span),
        "status": _status(span),
        "latency_ms": latency_ms,
        "ttft_ms": _ttft_ms(span, latency_ms),
        "cost_usd": _cost(told),
        "event_id": told.get("call_id") or f"{span.trace_id}{span.span_id}" or _looks_of(span),
        "source": SOURCE,
        "response_id": told.get("response_id"),
        "request_id": told.get("request_id"),
        "api_key_hash": told.get("api_key_hash"),
        "user": told.get("user") or who.get("user"),
        "session": told.get("session") or who.get("session"),
        "team": told.get("team") or who.get("team"),
        "project": told.get("project") or who.get("project"),
        "app": _app(who),
        "service_tier": told.get("service_tier"),
    }
    tokens = _tokens(span)
    values.update(tokens)
    if not told.keys().isdisjoint(_KINDS):
        values.update(kinds_of(KindsTold(*map(told.get, _KINDS)), tokens))
    return lenient.record_of(values, now)


def _set_times(span: Span) -> None:
    """Of a span that tells but one, or in a coarser unit than nanoseconds."""
    span.end_ns = span.end_ns or span.start_ns
    if span.end_ns <= 0:
        raise InvalidRow.whole("endTimeUnixNano is missing")
    unit_ns = next((unit for most, unit in _UNITS_NS if span.end_ns < most), 1)
    span.start_ns *= unit_ns
    span.end_ns *= unit_ns
    for event in span.events:
        event.at_ns *= unit_ns


def _looks_of(span: Span) -> str:
    """In the place of ids, where a sender tells none."""
    counts = ",".join(str(span.told.get(name)) for name in names.TOKENS)
    return f"{span.start_ns} {span.end_ns} {span.name} {counts}"


def _models(told: Told) -> tuple[Any, Any]:
    """What answered, and what was asked for."""
    requested = told.get("request_model")
    model = told.get("response_model") or requested
    if model is None and (settings := told.get("settings")) is not None:
        try:
            model = _parameters.decode(str(settings)).model
        except (msgspec.DecodeError, RecursionError):
            model = None
    return _unquoted(model) or None, _unquoted(requested)


def _unquoted(name: Any) -> Any:
    """Some write each of their values as JSON, a text within quotes."""
    return name.strip('"') if isinstance(name, str) and name.startswith('"') else name


def _provider(span: Span) -> Any:
    provider = _unquoted(span.told.get("provider"))
    # The Vercel AI SDK writes the part of its own that it used too: "openai.chat".
    if provider is not None and kinds.VERCEL_OPERATION in span.attributes:
        return str(provider).partition(".")[0]
    return provider


def _tokens(span: Span) -> dict[str, int]:
    told = span.told
    prompt, completion = told_counts(told.get("prompt_tokens"), told.get("completion_tokens"))
    total = whole_count(told.get("total_tokens"))
    if prompt is None and completion is None and kinds.has_input_alone(span.attributes):
        prompt = total
    if told.keys().isdisjoint(_PARTS):
        return row_tokens(Counted(prompt, completion, total))
    counted = Counted(
        prompt,
        completion,
        total,
        _part(told, "cached_tokens"),
        _part(told, "cache_write_tokens")
        or _part(told, "cache_write_5m") + _part(told, "cache_write_1h"),
        _part(told, "reasoning_tokens"),
    )
    return row_tokens(counted, senders.convention_of(span))


def _part(told: Told, name: str) -> int:
    value = told.get(name)
    return 0 if value is None else whole_count(value) or 0


def _cost(told: Told) -> Any:
    """Zero is what a client says that knows no prices."""
    cost = told.get("cost_usd")
    if isinstance(cost, str):
        cost = lenient.number(cost.lstrip("$ "))
    return cost or None


def _status(span: Span) -> int:
    told = span.told
    if not span.has_error and not span.events and told.keys().isdisjoint(_OUTCOMES):
        return 200
    status = whole_count(told.get("http_status"))
    if status is not None and 100 <= status <= 599:
        return status
    exceptions = (each.attributes for each in span.events if each.name == names.EXCEPTION_EVENT)
    errors = [told.get("error_type"), told.get("error_code")]
    errors += [each.get(names.EXCEPTION_TYPE) for each in exceptions]
    found = [http_status_of(str(each)) for each in errors if each is not None]
    if found:
        return next((each for each in found if each != FAILED), FAILED)
    failed = span.has_error or told.get("level") == "ERROR" or told.get("success") is False
    return FAILED if failed else 200


def _ttft_ms(span: Span, latency_ms: float | None) -> float | None:
    """Never longer than the call: it is in the other unit then, or about something else."""
    told = span.told
    if (seconds := lenient.number(told.get("ttft_s"))) is not None:
        meant = [seconds * 1000, seconds]
    elif (milliseconds := lenient.number(told.get("ttft_ms"))) is not None:
        meant = [milliseconds]
    else:
        meant = _since_start(span)
    most = float("inf") if latency_ms is None else latency_ms
    return next((round(each, 1) for each in meant if 0 < each <= most), None)


def _since_start(span: Span) -> list[float]:
    """Milliseconds until the first token came, by the time at which it did."""
    first = min((e.at_ns for e in span.events if e.name in names.FIRST_TOKEN_EVENTS), default=0)
    first = first or _unix_ns(span.told.get("first_token_at"))
    return [_milliseconds(first - span.start_ns)] if first > span.start_ns > 0 else []


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


def _app(who: Told) -> Any:
    name = who.get("app")
    return None if str(name or "").startswith("unknown_service") else name or None
