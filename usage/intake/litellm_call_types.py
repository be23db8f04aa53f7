"""What LiteLLM's call types say: that a model was asked, or what else its proxy logs.

By their words, since new ones come with most versions (litellm/types/utils.py CallTypes,
litellm/constants.py NON_INFERENCE_CALL_TYPES, read on 2026-11-28).
"""

from enum import Enum
from functools import lru_cache


class CallKind(Enum):
    CALL = "a model was asked"
    WITH_USAGE = "a call if it has usage"  # of a type that nobody here knows
    BATCH = "the state of a batch, whose usage is told again and again"
    REPLAY = "what was made before, with the usage of the call that made it"
    NONE = "no model was asked"


# Words, and with an a before them, as asynchronous ones are called.
_TOOLS = ("mcp",)
_READING = ("get", "retrieve", "list", "cancel", "delete", "status")
_MANAGING = (
    *("file", "files", "batch", "batches", "vector", "container", "containers", "skill", "skills"),
    *(
        "tuning",
        "thread",
        "threads",
        "assistant",
        "assistants",
        "update",
        "upload",
        "eval",
        "evals",
    ),
)
# Within words.
_ASKING = (
    *("completion", "embedding", "generat", "image", "moderation", "transcription", "speech"),
    *("rerank", "responses", "messages", "realtime", "ocr", "video"),
)


@lru_cache(maxsize=1024)
def call_kind(call_type: str) -> CallKind:
    """None at all is a call: older versions had no types."""
    if not call_type:
        return CallKind.CALL
    words = call_type.lower()[:200].split("_")
    words += [word[1:] for word in words if word.startswith("a")]
    if _has(words, _TOOLS):
        return CallKind.NONE
    is_content = "content" in words and not _is_any(words, ("generat",))
    if is_content or _has(words, _READING):
        is_batch = "batch" in words and "retrieve" in words
        return CallKind.BATCH if is_batch else CallKind.REPLAY
    if _has(words, _MANAGING) or not _is_any(words, _ASKING):
        return CallKind.WITH_USAGE
    return CallKind.CALL


def _has(words: list[str], some: tuple[str, ...]) -> bool:
    return any(word in some for word in words)


def _is_any(words: list[str], some: tuple[str, ...]) -> bool:
    return any(part in word for word in words for part in some)
