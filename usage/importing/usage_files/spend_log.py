"""Rows of LiteLLM's table LiteLLM_SpendLogs, as its API and SQL clients export them.

https://github.com/BerriAI/litellm: litellm/proxy/schema.prisma, and
litellm/proxy/spend_tracking/spend_tracking_utils.py, which fills it.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec

from usage.importing import loose
from usage.importing.source import SOURCE, Context, Skip
from usage.importing.usage_files import moments
from usage.intake import litellm
from usage.records import FieldError, InvalidRow, UsageRecord

_SIGNS = {"request_id", "spend", "startTime", "endTime"}
_SAME = ("call_type", "custom_llm_provider", "model_group", "model_id", "session_id", "end_user")
_OWNERS = ("user_api_key_team_alias", "user_api_key_user_email", "user_api_key_end_user_id")
_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
_metadata = msgspec.json.Decoder(dict[str, Any])


def is_spend_log(names: set[str]) -> bool:
    return names >= _SIGNS


def record_of(row: Mapping[str, Any], context: Context) -> UsageRecord | Skip:
    """Read as the callback's payload would be; its `response_id` is the log's id."""
    body = msgspec.json.encode(_payload(row, context.zone))
    parsed = litellm.parse(body, context.now)
    if parsed.errors:
        raise InvalidRow([FieldError(each.field, each.error) for each in parsed.errors])
    if not parsed.records:
        return Skip.NO_USAGE
    return msgspec.structs.replace(parsed.records[0], source=SOURCE)


def _payload(row: Mapping[str, Any], zone: dt.tzinfo) -> dict[str, Any]:
    told = _object(row.get("metadata"))
    request_id = loose.text(row.get("request_id"))
    began, ended, first = (
        _seconds(row.get(name), zone) for name in ("startTime", "endTime", "completionStartTime")
    )
    has_failed = "failure" in (row.get("status"), told.get("status"))
    return {
        **{name: loose.text(row.get(name)) for name in _SAME},
        "id": request_id,
        "litellm_call_id": f"spend-log {request_id}",  # which the log does not tell
        "startTime": began,
        "endTime": ended,
        "completionStartTime": first,
        "stream": first not in (None, began, ended),  # else the answer came whole
        "status": "failure" if has_failed else "success",
        "model": loose.text(row.get("model")) or told.get("model"),
        "response_cost": loose.real(row.get("spend")) or None,  # 0 where no price was known
        **{name: loose.whole(row.get(name)) for name in _COUNTS},
        "error_information": _object(told.get("error_information")),
        "metadata": {
            "user_api_key_hash": loose.text(row.get("api_key")),
            "user_api_key_user_id": loose.text(row.get("user")),
            "user_api_key_team_id": loose.text(row.get("team_id")),
            **{name: told.get(name) for name in _OWNERS},
            "usage_object": _object(told.get("usage_object")) or None,
        },
    }


def _seconds(value: Any, zone: dt.tzinfo) -> float | None:
    if loose.decoded(value) in (None, ""):
        return None
    return moments.began(loose.decoded(value), zone).at.timestamp()


def _object(value: Any) -> dict[str, Any]:
    """JSON, which CSV and SQL hold as a text."""
    if isinstance(value, dict):
        return value
    try:
        return _metadata.decode(loose.decoded(value) or "{}")
    except (msgspec.DecodeError, UnicodeError, RecursionError, TypeError):
        return {}
