"""NaN and infinities, which JSON has not and many an encoder writes: made null."""

import re
from typing import TypeVar

import msgspec

T = TypeVar("T")

# Up to the next of them; texts, in which they mean nothing, are passed over.
_NEXT = re.compile(
    rb'((?:"(?:[^"\\]++|\\.)*+"|[^"NI]++|N(?!aN\b)|I(?!nfinity\b))*+)(?:NaN|Infinity)', re.DOTALL
)
_LONGEST = 20_000_000  # bytes; a default batch of LiteLLM has 7 million
_MOST = 100_000  # mended; with more of them it is no JSON


def decoded(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """What is decoded, once such numbers are made null where they are what is wrong."""
    try:
        return decoder.decode(body)
    except msgspec.DecodeError:
        if not has_others(body):
            raise
    return decoder.decode(without_others(body))


def has_others(text: bytes) -> bool:
    """Whether there may be such, in a body small enough to look through each of its bytes."""
    return len(text) <= _LONGEST and (b"NaN" in text or b"Infinity" in text)


def without_others(text: bytes) -> bytes:
    kept, at = [], 0
    for _ in range(_MOST):
        found = _NEXT.match(text, at)
        if found is None:
            break
        kept += [found[1].removesuffix(b"-"), b"null"]
        at = found.end()
    return b"".join([*kept, text[at:]])
