"""The file of records that cannot be stored: why, and what of them holds no secret."""

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

import msgspec

from usage.identity import hash_api_key
from usage.live_keys import without_keys

_MOST_BYTES = 10_000_000  # then it begins anew, as last week's faults are of no use
_LONGEST_TEXT = 200
# Figures and names. The others are keys, accounts, addresses, headers and upstreams' own words.
_SHOWN = frozenset(
    "timestamp latency_ms ttft_ms auth_index tokens failed generate accounting_version"
    " token_breakdown provider executor_type model alias endpoint auth_type request_id"
    " reasoning_effort service_tier".split()
)


def keep(path: Path, payload: bytes, reason: str) -> None:
    """Add a record and the reason. OSError where the file cannot be written."""
    line = {
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "reason": without_keys(reason),
        "sha256": hash_api_key(payload.decode("utf-8", "backslashreplace")),
        "record": _without_secrets(payload),
    }
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    is_full = path.exists() and path.stat().st_size > _MOST_BYTES
    flags = os.O_CREAT | os.O_WRONLY | (os.O_TRUNC if is_full else os.O_APPEND)
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _without_secrets(payload: bytes) -> Any:
    try:
        record = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    return {name: _short(value) for name, value in record.items() if name in _SHOWN}


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        some = list(value.items())[:20]
        return {without_keys(str(name))[:64]: _short(part) for name, part in some}
    if isinstance(value, str):
        return without_keys(value)[:_LONGEST_TEXT]
    return value if isinstance(value, int | float | None) else "…"
