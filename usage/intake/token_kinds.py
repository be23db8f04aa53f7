"""Kinds of tokens that have prices of their own: parts of a row's parts and wholes."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from usage.intake.token_arithmetic import whole_count


class KindsTold(NamedTuple):
    """As a sender told them, of whatever type; None where it told none."""

    cache_write_1h: Any = None
    audio_input: Any = None
    audio_output: Any = None
    image_input: Any = None
    image_output: Any = None


_WITHIN = (
    "cache_write_tokens",
    *("prompt_tokens", "completion_tokens", "prompt_tokens", "completion_tokens"),
)
_FIELDS = tuple(f"{name}_tokens" for name in KindsTold._fields)


def kinds_of(told: KindsTold, row: Mapping[str, int]) -> dict[str, int]:
    """Fields of the row, which has its tokens already: none is larger than what it is part of."""
    found = {}
    for name, value, whole in zip(_FIELDS, told, _WITHIN, strict=True):
        if value is not None and (count := whole_count(value)):
            found[name] = min(count, row[whole])
    return found
