"""What CLIProxyAPI counted in a provider's own way, as prompt and completion tokens.

For rows that don't say which way that was. docs/importing.md tells the rules to users.
"""

import re
from typing import NamedTuple

_GEMINI = re.compile("gemini|vertex|ai-?studio|antigravity")
_CLAUDE = re.compile("claude|anthropic")
_OPENAI = re.compile(r"^openai$|codex|(?:^|/)(?:gpt-|chatgpt|o[134](?:-|$))")
_FAMILIES = (_GEMINI, _CLAUDE, _OPENAI)  # gemini-claude-… is Claude, counted by Google


class Counted(NamedTuple):
    input: int = 0
    output: int = 0
    reasoning: int = 0
    cached: int = 0  # read from a cache
    written: int = 0  # to a cache
    total: int = 0


def row_tokens(
    counted: Counted, names: tuple[str | None, ...], *, is_cache_apart: bool | None = None
) -> dict[str, int]:
    """The tokens as row fields.

    `names` are of provider, executor and model; the first that is telling counts.
    `is_cache_apart` is whether the input leaves out what the cache read and wrote, if known.
    """
    family = _family(names)
    if is_cache_apart is None:
        is_cache_apart = family is _CLAUDE or is_cache_larger(counted)
    prompt, completion = counted.input, counted.output
    if is_cache_apart:
        prompt += counted.cached + counted.written
    if _is_reasoning_apart(counted, family):
        completion += counted.reasoning
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": counted.total or prompt + completion,
        "cached_tokens": counted.cached,
        "cache_write_tokens": counted.written,
        "reasoning_tokens": counted.reasoning,
    }


def is_cache_larger(counted: Counted) -> bool:
    """Then it cannot be a part of the input."""
    return counted.cached + counted.written > counted.input


def _family(names: tuple[str | None, ...]) -> re.Pattern[str] | None:
    for name in names:
        for family in _FAMILIES:
            if name and family.search(name.lower()):
                return family
    return None


def _is_reasoning_apart(counted: Counted, family: re.Pattern[str] | None) -> bool:
    """The total tells: it counts the reasoning once."""
    if family is _OPENAI or not counted.reasoning:
        return False
    parts = counted.input + counted.output + counted.reasoning
    # Google's total may have more in it, such as what tools put into the prompt.
    return counted.total >= parts if family is _GEMINI else counted.total == parts
