"""The logs of new-api and one-api, as their API answers them and their table `logs` holds them.

https://github.com/QuantumNous/new-api (model/log.go, service/log_info_generate.go) and
https://github.com/songquanpeng/one-api (model/log.go).
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from usage.identity import event_identity, joined_parts
from usage.importing import loose
from usage.importing.source import SOURCE, Context, Skip
from usage.importing.usage_files import moments
from usage.intake import lenient
from usage.intake.error_types import failure_status
from usage.intake.token_arithmetic import CACHE_BESIDE, WITHIN, Counted, row_tokens, whole_count
from usage.intake.token_kinds import KindsTold, kinds_of
from usage.records import UsageRecord

TABLE = "logs"
COLUMNS = (
    *("id", "created_at", "type", "username", "token_name", "model_name", "quota"),
    *("prompt_tokens", "completion_tokens", "use_time", "elapsed_time", "channel", "channel_id"),
    *("channel_name", "request_id", "other"),
)
KNOWN_BY = ("created_at", "model_name")
_SIGNS = {"created_at", "model_name", "prompt_tokens", "completion_tokens"}
_CONSUMED, _FAILED = 2, 5  # others are payments, gifts and what admins do
_other = msgspec.json.Decoder(dict[str, Any])


def is_log(names: set[str]) -> bool:
    return names >= _SIGNS and bool(names & {"quota", "token_name"})


def record_of(row: Mapping[str, Any], context: Context) -> UsageRecord | Skip:
    """InvalidRow lists the row's faults."""
    kind = loose.whole(row.get("type"))
    if kind not in (_CONSUMED, _FAILED):
        return Skip.NO_USAGE
    other = _told_besides(row.get("other"))
    values = {
        "timestamp": moments.began(loose.whole(row.get("created_at")), context.zone).at,
        "model": loose.text(row.get("model_name")),
        "request_id": loose.text(row.get("request_id")),
        "status": _status(other) if kind == _FAILED else 200,
        "latency_ms": _latency_ms(row),
        "ttft_ms": _positive(other.get("frt")),
        "user": loose.text(row.get("username")),
        "app": loose.text(row.get("token_name")),
        "account": loose.text(row.get("channel_name") or _channel(row)),
        "source": SOURCE,
        **_tokens(row, other),
    }
    record = lenient.record_of(values, context.now)
    names = ("id", "created_at", "username", "model_name", "prompt_tokens", "completion_tokens")
    parts = [loose.whole(row.get(name)) for name in (*names, "quota")]
    return msgspec.structs.replace(
        record, event_id=event_identity("gateway-log", joined_parts(parts))
    )


def _told_besides(text: Any) -> dict[str, Any]:
    """JSON in a text, of which nothing is needed."""
    if isinstance(text, dict):
        return text
    try:
        return _other.decode(loose.decoded(text) or "{}")
    except (msgspec.DecodeError, UnicodeError, RecursionError, TypeError):
        return {}


def _tokens(row: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, int]:
    """Where the answer came in Anthropic's way, prompts are what was not in the cache."""
    counted = Counted(
        whole_count(loose.whole(row.get("prompt_tokens"))),
        whole_count(loose.whole(row.get("completion_tokens"))),
        None,
        whole_count(other.get("cache_tokens")),
        whole_count(other.get("cache_creation_tokens")),
        whole_count(other.get("reasoning_tokens")),
    )
    tokens = row_tokens(counted, CACHE_BESIDE if other.get("claude") is True else WITHIN)
    told = KindsTold(
        other.get("cache_creation_tokens_1h"), other.get("audio_input"), other.get("audio_output")
    )
    return tokens | kinds_of(told, tokens)


def _latency_ms(row: Mapping[str, Any]) -> float | None:
    """new-api counts seconds, one-api milliseconds."""
    seconds = _positive(loose.real(row.get("use_time")))
    return seconds * 1000 if seconds is not None else _positive(loose.real(row.get("elapsed_time")))


def _positive(value: Any) -> float | None:
    """new-api writes a negative time, and both 0, where none was taken."""
    number = lenient.number(value)
    return number if number is not None and number > 0 else None


def _status(other: Mapping[str, Any]) -> int:
    return failure_status(loose.whole(other.get("status_code")))


def _channel(row: Mapping[str, Any]) -> Any:
    """0 is none."""
    return row.get("channel") or row.get("channel_id") or None
