"""What may be shown of a record that cannot be stored: figures, a few names, nothing secret.

Files of rejects and of dead letters are for a person who looks for the record in its own place.
Whatever is not named here is left out: it may be a prompt, an account, an address or a header.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from usage.live_keys import begins_as_key, without_keys

HIDDEN = "(hidden: it may be a secret)"
LONGEST_TEXT = 100
_LARGEST = 2**64
_MOST_FIGURES, _MOST_LEVELS = 20, 3  # of a nested object
_HASH = re.compile(r"[0-9a-fA-F]{16,64}")
_MODELS = ("model", "alias", "requested_model", "resolved_model")  # some begin as keys do
_SHOWN = frozenset(
    (
        *_MODELS,
        *"id timestamp timestamp_ms latency_ms ttft_ms cost_usd status failed generate".split(),
        *"prompt_tokens completion_tokens total_tokens input_tokens output_tokens".split(),
        *"reasoning_tokens cached_tokens cache_tokens cache_read_tokens".split(),
        *"cache_creation_tokens cache_write_tokens tokens token_breakdown".split(),
        *"provider executor_type auth_type auth_index endpoint request_id api_key_hash".split(),
        *"reasoning_effort service_tier accounting_version".split(),
    )
)


def shown(record: Any) -> dict[str, Any]:
    """Of a mapping what may be shown; nothing of anything else."""
    if not isinstance(record, Mapping):
        return {}
    return {name: _shown(name, value) for name, value in record.items() if name in _SHOWN}


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    if isinstance(value, str):
        return _text(name, value)
    return _figures(value) if isinstance(value, Mapping) else _number(value)


def _text(name: str, text: str) -> str:
    may_be_key = name not in _MODELS and begins_as_key(text)  # however short
    if may_be_key or "@" in text or (name == "api_key_hash" and not _HASH.fullmatch(text)):
        return HIDDEN
    text = without_keys(text)
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "…"


def _number(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if isinstance(value, int) and abs(value) < _LARGEST else HIDDEN


def _figures(values: Mapping[Any, Any], levels: int = _MOST_LEVELS) -> Any:
    """The numbers of a nested object; texts in it have no place."""
    if not levels:
        return HIDDEN
    some = list(values.items())[:_MOST_FIGURES]
    return {
        _text("", str(name)): (
            _figures(value, levels - 1) if isinstance(value, Mapping) else _number(value)
        )
        for name, value in some
    }
