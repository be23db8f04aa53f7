"""Events of older tools that collected CLIProxyAPI's usage, as their databases and exports hold
them: a flat row for each attempt.

CPA Usage Keeper: https://github.com/Willxup/cpa-usage-keeper (internal/entities/usage_event.go,
internal/entities/usage_event_archive.go, internal/api/usage_events.go).
CPA-Manager: https://github.com/seakee/CPA-Manager (usage-service/internal/usage/event.go).
CPA-Manager-Plus: https://github.com/seakee/CPA-Manager-Plus
(apps/manager-server/internal/usage/event.go).
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from usage.identity import event_identity, joined_parts
from usage.importing import loose
from usage.importing.source import SOURCE, Context
from usage.importing.usage_files import moments
from usage.intake import lenient
from usage.intake.cliproxy_tokens import provider_convention, read_tokens
from usage.intake.error_types import failure_status
from usage.intake.token_arithmetic import Counted, row_tokens
from usage.records import WARM_UP, FieldError, InvalidRow, UsageRecord

# Our name: theirs, of which the first counts that has a value.
NAMES = {
    "timestamp": ("timestamp", "timestamp_ms"),
    "model": ("resolved_model", "model"),
    "requested_model": ("requested_model", "model_alias", "alias", "model"),
    "provider": ("provider",),
    "executor": ("executor_type",),
    "endpoint": ("endpoint",),
    "auth_index": ("auth_index",),
    "request_id": ("request_id",),
    "api_key_hash": ("api_key_hash",),
    "api_group": ("api_group_key",),  # a key in clear; without one, whatever there was
    "status": ("fail_status_code", "failure_status_code", "status_code"),
    "failed": ("failed", "result"),
    "generate": ("generate",),
    "latency_ms": ("latency_ms",),
    "ttft_ms": ("ttft_ms",),
    "cache_mode": ("cache_input_mode",),
    "manager_hash": ("event_hash",),  # that it is CPA-Manager's
    "input": ("input_tokens",),
    "output": ("output_tokens",),
    "reasoning": ("reasoning_tokens",),
    "cached": ("cached_tokens",),
    "cache": ("cache_tokens",),
    "read": ("cache_read_tokens",),
    "written": ("cache_creation_tokens",),
    "total": ("total_tokens",),
}
COLUMNS = tuple(dict.fromkeys(name for names in NAMES.values() for name in names))
# Only these tools have them.
SIGNS = frozenset("event_hash event_key model_alias cpa_api_key_id cost_available".split())
_TOKENS = ("input", "output", "reasoning", "cached", "cache", "read", "written", "total")
_BLANK = (None, "", "-", "unknown")
_TRUE = (True, 1, "1", "true", "failed")
_FALSE = (False, 0, "0", "false")
# Of `cache_input_mode`: whether what the cache read and wrote is not in the input.
CACHE_IS_BESIDE = {"separate_from_input": True, "included_in_input": False}
_ENDPOINT = re.compile(r"(?:[A-Z]+ )?/|-$|unknown$")
_EVENT = "cliproxy-event"  # keeps its identities apart from the collector's


def is_event(names: set[str]) -> bool:
    """Whether a table or an object with these names holds events."""
    return {"model", "input_tokens", "output_tokens"} <= names and bool(
        {"timestamp", "timestamp_ms"} & names
    )


def is_endpoint(name: str) -> bool:
    """Where a client gave no API key, the proxy and the tools put what it asked for."""
    return _ENDPOINT.match(name) is not None


def record_of(row: Mapping[str, Any], context: Context) -> UsageRecord:
    """InvalidRow lists the row's faults."""
    if isinstance(row.get("tokens"), Mapping):
        row = {**row, **row["tokens"]}
    found = {ours: _first(row, theirs) for ours, theirs in NAMES.items()}
    began = moments.began(found["timestamp"], context.zone)
    numbers = {name: _number(found, name) for name in _TOKENS}
    is_failed = _lower(found["failed"]) in _TRUE
    values = {
        "timestamp": moments.completed(began.at, found["latency_ms"]),
        "model": loose.text(found["model"]) or "unknown",
        "requested_model": loose.text(found["requested_model"]) or "unknown",
        "provider": loose.text(found["provider"]),
        "request_id": loose.text(found["request_id"]),
        "status": _status(is_failed, found["status"]),
        "latency_ms": loose.real(found["latency_ms"]),
        "ttft_ms": loose.real(found["ttft_ms"]) or None,
        "source": SOURCE,
        **_key(found),
        **_row_tokens(found, numbers, is_newer_keeper=_is_newer_keeper(row)),
    }
    record = lenient.record_of(values, context.now)
    identity = event_identity(_EVENT, _identity(found, began, numbers, is_failed=is_failed))
    if _lower(found["generate"]) in _FALSE:
        return msgspec.structs.replace(record, event_id=identity, excluded_as=WARM_UP)
    return msgspec.structs.replace(record, event_id=identity)


def _first(row: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    for name in names:
        value = loose.decoded(row.get(name))
        if value not in _BLANK:
            return value
    return None


def _lower(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


def _number(found: dict[str, Any], name: str) -> int:
    value = loose.whole(found[name])
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidRow([FieldError(NAMES[name][0], "must be a whole number from 0")])
    return value


def _status(is_failed: bool, status: Any) -> int:
    return failure_status(loose.whole(status)) if is_failed else 200


def _key(found: dict[str, Any]) -> dict[str, Any]:
    group = found["api_group"]
    if found["api_key_hash"] or not isinstance(group, str):
        return {"api_key_hash": found["api_key_hash"]}
    is_key = not is_endpoint(group) and group not in (found["provider"], found["endpoint"])
    return {"api_key": group if is_key else None}


def _is_newer_keeper(row: Mapping[str, Any]) -> bool:
    """One that tells reading a cache from writing it."""
    return "cache_read_tokens" in row and not row.get("event_hash")


def _row_tokens(
    found: dict[str, Any], numbers: dict[str, int], *, is_newer_keeper: bool
) -> dict[str, int]:
    """`cached` repeats what was read or written, or is all that is known of either.

    Newer Keepers put both within the input, but not at first; which it was, the numbers tell.
    """
    cached = max(numbers["cached"], numbers["cache"])
    counted = Counted(
        numbers["input"],
        numbers["output"],
        numbers["total"],
        read_tokens(cached, numbers["read"], numbers["written"]),
        numbers["written"],
        numbers["reasoning"],
    )
    wanted = ("cache_mode", "provider", "executor", "model")
    mode, *names = (found[name] if isinstance(found[name], str) else "" for name in wanted)
    is_beside = False if is_newer_keeper else CACHE_IS_BESIDE.get(mode)
    return row_tokens(counted, provider_convention(tuple(names), is_cache_beside=is_beside))


def _identity(
    found: dict[str, Any], began: moments.Began, numbers: dict[str, int], *, is_failed: bool
) -> str:
    """Of what all of a tool's files have, so that its database and its exports know each other."""
    parts = (
        began.exactly,
        found["model"],
        found["auth_index"],
        found["endpoint"],
        *(numbers[name] for name in ("input", "output", "reasoning", "read", "written", "total")),
        is_failed,
        loose.whole(found["latency_ms"]),
    )
    return joined_parts(parts)
