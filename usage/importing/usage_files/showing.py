"""What a reject may show of a row: figures and a few names, and nothing that may be a secret."""

from collections.abc import Mapping
from typing import Any

from usage.live_keys import without_keys

_HIDDEN = "(hidden)"
_LONGEST = 100
_LARGEST = 2**64
_NAMES = frozenset(
    "timestamp timestamp_ms model provider status failed latency_ms ttft_ms prompt_tokens"
    " completion_tokens total_tokens input_tokens output_tokens reasoning_tokens cached_tokens"
    " cache_tokens cache_read_tokens cache_creation_tokens cache_write_tokens cost_usd".split()
)


def shown(place: str, row: Any) -> dict[str, Any]:
    """As `RejectFile.write` takes it; `row` is a mapping, or anything else to show nothing of."""
    found: dict[str, Any] = {"id": place}
    if isinstance(row, Mapping):
        for name, value in row.items():
            if name in _NAMES:
                found[name] = _safe(value)
        if isinstance(row.get("tokens"), Mapping):
            found |= {name: _safe(row["tokens"][name]) for name in row["tokens"] if name in _NAMES}
    return found


def _safe(value: Any) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and abs(value) < _LARGEST:
        return value
    if not isinstance(value, str) or "@" in value:
        return _HIDDEN
    return without_keys(value)[:_LONGEST]
