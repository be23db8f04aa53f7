"""What LiteLLM's generic API callback posts: its standard logging payloads, of every call one.

https://docs.litellm.ai/docs/observability/generic_api and …/docs/proxy/logging_spec
"""

import datetime as dt
from functools import partial
from typing import Any

import msgspec

from usage.intake.error_types import http_status_of
from usage.intake.native import each_raw_object
from usage.intake.parsed import ParsedRows, collect
from usage.intake.token_arithmetic import Counted, row_tokens, told_counts, whole_count
from usage.records import InvalidRow, UsageRecord, record_from

SOURCE = "litellm"
# Calls that the proxy logs without asking a model.
_NO_CALLS = frozenset(("call_mcp_tool", "list_mcp_tools"))


class _Metadata(msgspec.Struct, gc=False):
    user_api_key_hash: Any = None
    user_api_key_end_user_id: Any = None
    usage_object: Any = None


class _ModelParameters(msgspec.Struct, gc=False):
    user: Any = None


class _Error(msgspec.Struct, gc=False):
    error_code: Any = None
    error_class: Any = None


class _Call(msgspec.Struct, rename={"start_time": "startTime", "end_time": "endTime",
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
    metadata: _Metadata | None = None
    model_parameters: _ModelParameters | None = None
    error_information: _Error | None = None


_call = msgspec.json.Decoder(_Call)


def parse(body: bytes, now: dt.datetime) -> ParsedRows:
    """Records of an array, of lines or of a single payload; MalformedBody if it is none of them."""
    return collect(each_raw_object(body), partial(_record, now=now), ParsedRows())


def _record(raw: bytes | msgspec.Raw, now: dt.datetime) -> UsageRecord | None:
    """None for what is no call of a model."""
    try:
        call = _call.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidRow.whole("is not a standard logging payload of LiteLLM") from None
    if str(call.call_type) in _NO_CALLS:
        return None
    if not call.end_time or not (call.litellm_call_id or call.id):
        raise InvalidRow.whole("has no endTime or no litellm_call_id: is it LiteLLM's own record?")
    metadata = call.metadata or _Metadata()
    provider = call.custom_llm_provider or None
    model = _without_prefix(call.model, provider)
    values = {
        "timestamp": call.end_time,
        "model": model,
        "requested_model": call.model_group or model,
        "provider": provider,
        "status": _status(call),
        "latency_ms": _milliseconds(call.start_time, call.end_time),
        "ttft_ms": _milliseconds(call.start_time, call.completion_start_time)
        if call.stream is True
        else None,
        "cost_usd": _cost(call),
        "event_id": call.litellm_call_id or call.id,
        "response_id": call.id,
        "api_key_hash": metadata.user_api_key_hash or None,
        "user": _user(call),
        "source": SOURCE,
        **_tokens(call, metadata.usage_object),
    }
    return record_from(values, now)


def _without_prefix(model: Any, provider: Any) -> Any:
    if isinstance(model, str) and isinstance(provider, str):
        return model.removeprefix(f"{provider}/")
    return model


def _status(call: _Call) -> int:
    if call.status != "failure":
        return 200
    error = call.error_information or _Error()
    return http_status_of(str(error.error_code or error.error_class or ""))


def _user(call: _Call) -> Any:
    """On whose behalf: as the proxy knows it, or as the SDK was told."""
    metadata, parameters = call.metadata or _Metadata(), call.model_parameters or _ModelParameters()
    return call.end_user or metadata.user_api_key_end_user_id or parameters.user or None


def _cost(call: _Call) -> Any:
    """LiteLLM writes 0 for a model whose price it does not know, and why beside it."""
    is_unknown = call.response_cost_failure_debug_info or call.zero_cost_diagnostic
    return None if is_unknown and not call.response_cost else call.response_cost


def _milliseconds(start: Any, end: Any) -> float | None:
    """Between two Unix times in seconds, to a tenth; a clock set back gives zero."""
    if not isinstance(start, int | float) or not isinstance(end, int | float):
        return None
    return max(0.0, round((end - start) * 1000, 1))


def _tokens(call: _Call, usage: Any) -> dict[str, int]:
    """LiteLLM puts every provider's figures into OpenAI's way, as far as it knows that."""
    prompt = _object(usage, "prompt_tokens_details")
    completion = _object(usage, "completion_tokens_details")
    return row_tokens(
        Counted(
            *told_counts(call.prompt_tokens, call.completion_tokens),
            whole_count(call.total_tokens),
            _count(prompt, "cached_tokens") or _count(usage, "cache_read_input_tokens"),
            _count(prompt, "cache_creation_tokens") or _count(usage, "cache_creation_input_tokens"),
            _count(completion, "reasoning_tokens"),
        )
    )


def _object(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _count(value: Any, name: str) -> int:
    return whole_count(_object(value, name)) or 0
