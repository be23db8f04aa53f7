"""What LiteLLM's generic API callback posts: its standard logging payloads, of every call one.

https://docs.litellm.ai/docs/observability/generic_api and …/docs/proxy/logging_spec
"""

import datetime as dt
import re
from typing import Any

import msgspec

from usage.intake import lenient, litellm_deployment, loose_structs, nearly_json
from usage.intake.error_types import http_status_of
from usage.intake.litellm_call_types import CallKind, call_kind
from usage.intake.loose_structs import UNREADABLE
from usage.intake.native import each_raw_object
from usage.intake.parsed import MalformedBody, ParsedRows, collect
from usage.intake.token_arithmetic import Counted, row_tokens, told_counts, whole_count
from usage.intake.token_kinds import KindsTold, kinds_of
from usage.records import InvalidRow, UsageRecord

SOURCE = "litellm"
INTERNAL = "litellm-internal"  # calls that the proxy made for itself: classifiers, shadows, polls
_COST_POLL = "background_response_cost_poll"  # the one that bills an answer in the background
_RFC_3339 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}")
_FAR = 1e12  # seconds
_NOBODY = "default_user_id"  # as whom the proxy's own key asks


class _LiteLLMLives(msgspec.Struct, gc=False):
    """What was written to a cache, by how long it lives."""

    ephemeral_1h_input_tokens: Any = None


class _LiteLLMDetails(msgspec.Struct, gc=False):
    cached_tokens: Any = None
    cache_creation_tokens: Any = None
    cache_creation_token_details: _LiteLLMLives | None = None
    reasoning_tokens: Any = None
    audio_tokens: Any = None
    image_tokens: Any = None


class _LiteLLMUsage(msgspec.Struct, gc=False):
    prompt_tokens: Any = None
    completion_tokens: Any = None
    total_tokens: Any = None
    cache_read_input_tokens: Any = None
    cache_creation_input_tokens: Any = None
    cache_creation: _LiteLLMLives | None = None
    service_tier: Any = None
    prompt_tokens_details: _LiteLLMDetails | None = None
    completion_tokens_details: _LiteLLMDetails | None = None


class _LiteLLMMetadata(msgspec.Struct, gc=False):
    user_api_key_hash: Any = None
    user_api_key_end_user_id: Any = None
    user_api_key_user_email: Any = None
    user_api_key_user_id: Any = None
    user_api_key_team_alias: Any = None
    user_api_key_team_id: Any = None
    user_api_key_project_alias: Any = None
    user_api_key_project_id: Any = None
    internal_call_origin: Any = None
    usage_object: _LiteLLMUsage | None = None


class _LiteLLMModelParameters(msgspec.Struct, gc=False):
    user: Any = None
    service_tier: Any = None


class _LiteLLMError(msgspec.Struct, gc=False):
    error_code: Any = None
    error_class: Any = None


class _LiteLLMResponse(msgspec.Struct, gc=False):
    """Of a batch or an answer: when it was made, in Unix seconds."""

    completed_at: Any = None
    created_at: Any = None


class _LiteLLMCall(msgspec.Struct, rename={"start_time": "startTime", "end_time": "endTime",
                                    "completion_start_time": "completionStartTime"}):  # fmt: skip
    """Of a payload only this is decoded: what was said in the call is passed over."""

    id: Any = None
    litellm_call_id: Any = None
    call_type: Any = None
    stream: Any = None
    status: Any = None
    custom_llm_provider: Any = None
    start_time: Any = None
    end_time: Any = None
    completion_start_time: Any = None
    model: Any = None
    model_group: Any = None
    prompt_tokens: Any = None
    completion_tokens: Any = None
    total_tokens: Any = None
    response_cost: Any = None
    response_cost_failure_debug_info: Any = None
    zero_cost_diagnostic: Any = None
    end_user: Any = None
    session_id: Any = None
    model_id: Any = None
    api_base: Any = None
    hidden_params: msgspec.Raw = msgspec.Raw()
    metadata: _LiteLLMMetadata | None = None
    model_parameters: _LiteLLMModelParameters | None = None
    error_information: _LiteLLMError | None = None
    response: msgspec.Raw = msgspec.Raw()


_call = msgspec.json.Decoder(_LiteLLMCall)
_NO_DETAILS, _NO_USAGE, _NO_METADATA = _LiteLLMDetails(), _LiteLLMUsage(), _LiteLLMMetadata()
_response = msgspec.json.Decoder(_LiteLLMResponse)


def parse(body: bytes, now: dt.datetime) -> ParsedRows:
    """Records of an array, of lines or of a single payload; MalformedBody if it is none of them."""
    try:
        raws = each_raw_object(body)
    except MalformedBody:
        better = nearly_json.mended(body)
        if better is body:
            raise
        raws = each_raw_object(better)
    batches: set[Any] = set()
    parsed = ParsedRows(source=SOURCE)
    return collect(raws, lambda raw: _record(raw, batches, now, parsed), parsed)


def _record(
    raw: bytes | msgspec.Raw, batches: set[Any], now: dt.datetime, parsed: ParsedRows
) -> UsageRecord | None:
    """None for what is no call of a model. `batches` are those that this body has told of."""
    call = _decoded(raw)
    ended_at = _ended_at(call)
    if ended_at is None or not (call.litellm_call_id or call.id):
        raise InvalidRow.whole("has no endTime or no litellm_call_id: is it LiteLLM's own record?")
    kind = _kind(call)
    if kind in (CallKind.NONE, CallKind.REPLAY) or (kind != CallKind.CALL and not _has_usage(call)):
        parsed.heard.pass_over(str(call.call_type or "call without a type"), SOURCE)
        return None
    values = _values(call, ended_at)
    if kind == CallKind.BATCH and isinstance(call.id, str):
        if call.id in batches:
            parsed.heard.pass_over("batch that was told before", SOURCE)
            return None
        batches.add(call.id)
        values |= {"event_id": call.id, "timestamp": _made_at(call) or ended_at}
    record = lenient.record_of(values, now)
    if record.account is not None:
        litellm_deployment.tell(SOURCE, call.api_base, call.hidden_params, record, parsed.told)
    return record


def _decoded(raw: bytes | msgspec.Raw) -> _LiteLLMCall:
    try:
        return _call.decode(raw)
    except UNREADABLE:
        pass
    try:
        return loose_structs.decoded(_LiteLLMCall, nearly_json.mended(bytes(raw)))
    except UNREADABLE:
        raise InvalidRow.whole("is not a standard logging payload of LiteLLM") from None


def _ended_at(call: _LiteLLMCall) -> float | str | None:
    """When it ended, else when it began: in Unix seconds, or as RFC 3339 with a zone."""
    at = call.end_time
    if type(at) is float and at > 0:  # as nearly always; not NaN
        return at
    for at in (call.end_time, call.completion_start_time, call.start_time):
        if (number := lenient.number(at)) is not None and number > 0:
            return number
        if isinstance(at, str) and _RFC_3339.match(at):
            return at if at[-1] == "Z" or at[-6:-5] in ("+", "-") else f"{at}Z"
    return None


def _kind(call: _LiteLLMCall) -> CallKind:
    kind = call_kind(call.call_type if isinstance(call.call_type, str) else "")
    if kind == CallKind.REPLAY and call.metadata is not None:
        return CallKind.WITH_USAGE if call.metadata.internal_call_origin == _COST_POLL else kind
    return kind


def _has_usage(call: _LiteLLMCall) -> bool:
    counts = (call.prompt_tokens, call.completion_tokens, call.total_tokens)
    return any(counts) or bool(_cost(call))


def _values(call: _LiteLLMCall, ended_at: Any) -> dict[str, Any]:
    metadata = call.metadata or _NO_METADATA
    provider = call.custom_llm_provider or None
    model = _without_prefix(call.model, provider) or lenient.UNKNOWN_MODEL
    ttft_ms = None
    if call.stream is True:
        ttft_ms = _milliseconds(call.start_time, call.completion_start_time)
    return {
        "timestamp": ended_at,
        "model": model,
        "requested_model": call.model_group or model,
        "provider": provider,
        "status": _status(call),
        "latency_ms": _milliseconds(call.start_time, call.end_time),
        "ttft_ms": ttft_ms,
        "cost_usd": _cost(call),
        "event_id": call.litellm_call_id or call.id,
        "response_id": call.id or None,
        "api_key_hash": metadata.user_api_key_hash or None,
        "user": _user(call, metadata),
        "team": metadata.user_api_key_team_alias or metadata.user_api_key_team_id or None,
        "project": metadata.user_api_key_project_alias or metadata.user_api_key_project_id or None,
        "session": call.session_id or None,
        "account": call.model_id or None,
        "service_tier": _tier(call, metadata.usage_object or _NO_USAGE),
        "source": INTERNAL if metadata.internal_call_origin else SOURCE,
        **_tokens(call, metadata.usage_object or _NO_USAGE),
    }


def _made_at(call: _LiteLLMCall) -> Any:
    """The same for each time that a batch is asked for, unlike the time at which it was."""
    try:
        response = _response.decode(call.response)
    except UNREADABLE:
        return None
    return next(
        (each for each in (response.completed_at, response.created_at) if lenient.number(each)),
        None,
    )


def _without_prefix(model: Any, provider: Any) -> Any:
    if isinstance(model, str) and isinstance(provider, str):
        return model.removeprefix(f"{provider}/")
    return model


def _status(call: _LiteLLMCall) -> int:
    if call.status != "failure":
        return 200
    error = call.error_information or _LiteLLMError()
    return http_status_of(lenient.as_text(error.error_code or error.error_class or ""))


def _user(call: _LiteLLMCall, metadata: _LiteLLMMetadata) -> Any:
    """On whose behalf: as the proxy knows it, or as the SDK was told; else whose key it was."""
    parameters = call.model_parameters or _LiteLLMModelParameters()
    told = call.end_user or metadata.user_api_key_end_user_id or parameters.user
    owner = metadata.user_api_key_user_email or metadata.user_api_key_user_id
    return told or (owner if owner != _NOBODY else None) or None


def _cost(call: _LiteLLMCall) -> Any:
    """LiteLLM writes 0 for a model whose price it does not know, and why beside it."""
    is_unknown = call.response_cost_failure_debug_info or call.zero_cost_diagnostic
    cost = call.response_cost
    if isinstance(cost, str):
        cost = lenient.number(cost)
    return None if is_unknown and not cost else cost


def _milliseconds(start: Any, end: Any) -> float | None:
    """Between two Unix times in seconds, to a tenth; a clock set back gives zero."""
    if type(start) is float is type(end) and 0 < start <= end < _FAR:  # as nearly always
        return round((end - start) * 1000, 1)
    if isinstance(start, str) or isinstance(end, str):
        return None
    since, until = lenient.number(start), lenient.number(end)
    if since is None or until is None:
        return None
    return max(0.0, round((until - since) * 1000, 1))


def _tokens(call: _LiteLLMCall, usage: _LiteLLMUsage) -> dict[str, int]:
    """LiteLLM puts every provider's figures into OpenAI's way, as far as it knows that."""
    prompt = usage.prompt_tokens_details or _NO_DETAILS
    completion = usage.completion_tokens_details or _NO_DETAILS
    wholes: _LiteLLMCall | _LiteLLMUsage = call
    if not (call.prompt_tokens or call.completion_tokens or call.total_tokens):
        wholes = usage
    read = prompt.cached_tokens or usage.cache_read_input_tokens
    written = prompt.cache_creation_tokens or usage.cache_creation_input_tokens
    reasoning = completion.reasoning_tokens
    tokens = row_tokens(
        Counted(
            *told_counts(wholes.prompt_tokens, wholes.completion_tokens),
            whole_count(wholes.total_tokens),
            whole_count(read) if read else 0,
            whole_count(written) if written else 0,
            whole_count(reasoning) if reasoning else 0,
        )
    )
    lives = prompt.cache_creation_token_details or usage.cache_creation
    kinds = KindsTold(
        lives and lives.ephemeral_1h_input_tokens,
        prompt.audio_tokens,
        completion.audio_tokens,
        prompt.image_tokens,
        completion.image_tokens,
    )
    return tokens | kinds_of(kinds, tokens) if any(kinds) else tokens


def _tier(call: _LiteLLMCall, usage: _LiteLLMUsage) -> Any:
    """In which the provider answered, else in which it was asked to."""
    parameters = call.model_parameters or _LiteLLMModelParameters()
    return usage.service_tier or parameters.service_tier or None
