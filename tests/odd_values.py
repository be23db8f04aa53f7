"""What a sender may write in JSON where something else is meant: as text, since some is no JSON."""

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

_HOLE = "put an odd value here"
# Numbers that no float, no 64 bits and (from 4,301 digits) no text of Python's can hold.
NUMBERS = [
    *("0", "-0.0", "-1", "1.5", "12.0", "1e308", "-1e308", "5e-324", "1e-999", "1e999", "-1e999"),
    *(sign + "9" * digits for digits in (16, 20, 309, 400, 4299, 4300, 5000) for sign in ("", "-")),
    *("NaN", "Infinity", "-Infinity"),
]
TEXTS = ["", " ", "\\u0000", "\\ud800", "\\udc00\\ud800", "\x01", "x" * 70_000, "0xfff", "1_0", "²"]
# Usage that is told as a text, as a dict of Python's too: there a number may be written in hex.
_OBJECTS = ["{'total': 0x%s}", "{0x%s: 1}", "{'total': 1e999}", "{'total': [0x%s]}"]
ODD = [
    *NUMBERS,
    *(f'"{each}"' for each in (*NUMBERS, *TEXTS)),
    *(f'"{each.replace("%s", "f" * 9000)}"' for each in _OBJECTS),
    *("null", "true", "false", "[]", "{}", "[[1]]", '{"": {"": []}}', '[{"a": null}, 5]'),
    *("[" * depth + "]" * depth for depth in (100, 400, 700, 850, 900, 950, 980, 990, 2000)),
]
odd_literals = st.sampled_from(ODD) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
).map(json.dumps)


def each_with_one(document: Any, literals: list[str] = ODD) -> Iterator[str]:
    """The document with each odd value in each place, one at a time."""
    for place in places(document):
        before, after = _around(document, place)
        for literal in literals:
            yield before + literal + after


@st.composite
def with_some(draw: st.DrawFn, document: Any) -> str:
    text = json.dumps(document)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(places(document)))
        document, text = _replaced(document, place), ""
    text = json.dumps(document)
    while _HOLE in text:
        text = text.replace(f'"{_HOLE}"', draw(odd_literals), 1)
    return text


def places(document: Any) -> list[tuple[Any, ...]]:
    """The ways to all values in it, itself not."""
    found: list[tuple[Any, ...]] = []
    pairs = document.items() if isinstance(document, dict) else enumerate(document)
    for name, value in pairs:
        found.append((name,))
        if isinstance(value, dict | list):
            found += [(name, *below) for below in places(value)]
    return found


def _around(document: Any, place: tuple[Any, ...]) -> tuple[str, str]:
    before, _, after = json.dumps(_replaced(document, place)).partition(f'"{_HOLE}"')
    return before, after


def _replaced(document: Any, place: tuple[Any, ...]) -> Any:
    if not place:
        return _HOLE
    if not isinstance(document, dict | list):
        return document
    name, *below = place
    copy: Any = dict(document) if isinstance(document, dict) else list(document)
    copy[name] = _replaced(copy[name], tuple(below))
    return copy
