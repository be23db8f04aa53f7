"""The file of records that cannot be stored: why, and what of them holds no secret."""

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

import msgspec

from usage.broken_records import shown
from usage.identity import hash_api_key
from usage.live_keys import without_keys

_MOST_BYTES = 10_000_000  # then it begins anew, as last week's faults are of no use


def keep(path: Path, payload: bytes, reason: str) -> None:
    """Add a record and the reason. OSError where the file cannot be written."""
    line = {
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "reason": without_keys(reason),
        "sha256": hash_api_key(payload.decode("utf-8", "backslashreplace")),
        "record": _shown(payload),
    }
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    is_full = path.exists() and path.stat().st_size > _MOST_BYTES
    flags = os.O_CREAT | os.O_WRONLY | (os.O_TRUNC if is_full else os.O_APPEND)
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _shown(payload: bytes) -> dict[str, Any] | None:
    try:
        record = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return shown(record) if isinstance(record, dict) else None
