"""How CLIProxyAPI counts: in each provider's own way, the same in its queue and in all exports.

docs/importing.md tells the rules to users. Which providers count how is what it says itself
(https://github.com/router-for-me/CLIProxyAPI, sdk/cliproxy/usage/accounting.go, a7e3596).
"""

import re

from usage.intake.token_arithmetic import (
    AS_TOLD,
    CACHE_BESIDE,
    REASONING_BESIDE,
    WITHIN,
    Convention,
)

# Another server that speaks as OpenAI does, whatever it is called.
_COMPATIBLE = re.compile("^openaicompatexecutor$|^openai-compatib")
_GEMINI = re.compile("gemini|vertex|ai-?studio|antigravity|interaction")
_CLAUDE = re.compile("claude|anthropic")
_OPENAI = re.compile(r"^openai$|codex|(?:^|/)(?:gpt-|chatgpt|o[134](?:-|$))")
# By the first that fits: gemini-claude-… is Claude, counted by Google.
_FAMILIES = (
    (_COMPATIBLE, WITHIN),
    (_GEMINI, REASONING_BESIDE),
    (_CLAUDE, CACHE_BESIDE),
    (_OPENAI, AS_TOLD),  # its total once added up the parts as well
)


def provider_convention(
    names: tuple[str | None, ...], *, is_cache_beside: bool | None = None
) -> Convention:
    """By the names of provider, executor and model, of which the first that is telling counts.

    `is_cache_beside` is what a tool itself says of that.
    """
    found = _by_family(names)
    if is_cache_beside is None:
        return found
    return found._replace(
        is_cache_beside=is_cache_beside,
        is_total_telling=found.is_total_telling and not is_cache_beside,
    )


def read_tokens(cached: int, read: int, written: int) -> int:
    """`cached` repeats what was read or written, or is all that an older version told."""
    return read + max(cached - read - written, 0)


def _by_family(names: tuple[str | None, ...]) -> Convention:
    for name in names:
        for pattern, convention in _FAMILIES:
            if name and pattern.search(name.lower()):
                return convention
    return WITHIN
