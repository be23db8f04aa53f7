"""Usage that is told as one value: a map, a JSON object as text, or a dict as Python writes it."""

import ast
from collections.abc import Iterator
from typing import Any

import msgspec

from usage.intake import lenient

_LONGEST = 16_384
_MOST_LEAVES = 200
_object = msgspec.json.Decoder(dict[str, Any])

Leaf = tuple[str, Any]  # the keys on the way to it, joined by points


def leaves(text: Any) -> list[Leaf]:
    """The figures in an object, at whatever depth; none where it is no such thing."""
    found = decoded(text)
    return [] if found is None else list(_below("", found, []))


def decoded(text: Any) -> dict[str, Any] | None:
    if isinstance(text, dict):  # a map of OTLP's own
        return text
    if not isinstance(text, str) or not text.startswith("{") or len(text) > _LONGEST:
        return None
    try:
        return _object.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        pass
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _below(path: str, value: dict[Any, Any], seen: list[None]) -> Iterator[Leaf]:
    for name, part in value.items():
        if len(seen) >= _MOST_LEAVES:
            return
        seen.append(None)
        here = f"{path}.{lenient.as_text(name)}" if path else lenient.as_text(name)
        if isinstance(part, dict):
            yield from _below(here, part, seen)
        else:
            yield here, part
