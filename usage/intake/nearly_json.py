"""What encoders write that is nearly JSON, made JSON: NaN, 1e999, half a character, raw controls.

Only a body that could not be read at once comes here: each of its bytes is looked at.
"""

import codecs
import math
import re
from collections.abc import Iterator
from typing import TypeVar

import msgspec

T = TypeVar("T")

_PAIR = rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPED = rb'\\["\\/bfnrt]|\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}|' + _PAIR
_GOOD_TEXT = rb'"(?:[^"\\\x00-\x1f]++|' + _ESCAPED + rb')*+"'
_GOOD_NUMBER = (
    rb"(?:0(?![0-9])|[1-9][0-9]{0,299}+(?![0-9]))(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]{1,2}+)?+"
    rb"(?![0-9.eE])"
)
_NUMBER = rb"[0-9]++(?:\.[0-9]*+)?+(?:[eE][+-]?+[0-9]*+)?+"
# Up to the next of them; what is right is passed over in one step, however much it is.
_NEXT = re.compile(
    rb'((?:[^"NI0-9]++|' + _GOOD_TEXT + rb"|" + _GOOD_NUMBER + rb"|N(?!aN\b)|I(?!nfinity\b))*+)"
    rb'("(?:[^"\\]++|\\.)*+"|NaN|Infinity|' + _NUMBER + rb")",
    re.DOTALL,
)
_PIECES = re.compile(rb"(?P<good>(?:[^\\]++|" + _ESCAPED + rb")++)|\\u[0-9a-fA-F]{4}|\\.")
_CONTROLS_AS_SPACES = bytes(max(byte, ord(" ")) for byte in range(256))
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UNKNOWN_CHARACTER = rb"\ufffd"
_PIECE = 65_536
_LONGEST = 20_000_000  # bytes; a default batch of LiteLLM has 7 million
_MOST = 100_000  # mended; with more of them it is no JSON


def decoded(decoder: msgspec.json.Decoder[T], body: bytes | msgspec.Raw) -> T:
    """What is decoded, after mending where that could not be read."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = bytes(body)
        better = mended(text)
        if better is text:
            raise
    return decoder.decode(better)


def mended(body: bytes) -> bytes:
    """Itself where there is nothing to mend, or too much."""
    if len(body) > _LONGEST:
        return body
    text = _without_others(_in_utf8(body.removeprefix(_BYTE_ORDER_MARK)))
    return body if text == body else text


def _in_utf8(body: bytes) -> bytes:
    """Bytes that are no characters become U+FFFD. Piece by piece: text takes four times as much."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    view = memoryview(body)
    pieces = (view[at : at + _PIECE] for at in range(0, len(body), _PIECE))
    return b"".join([*(decoder.decode(each).encode() for each in pieces),
                     decoder.decode(b"", final=True).encode()])  # fmt: skip


def _without_others(text: bytes) -> bytes:
    return b"".join(_mended_parts(text))


def _mended_parts(text: bytes) -> Iterator[bytes]:
    at = 0
    for _ in range(_MOST):
        found = _NEXT.match(text, at)
        if found is None:
            break
        before, odd = found.groups()
        at = found.end()
        if odd.startswith(b'"'):
            text_of_it = odd.translate(_CONTROLS_AS_SPACES)
            yield from (before, _PIECES.sub(_good_piece, text_of_it, count=_MOST))
            continue
        number = _finite(odd)
        yield from (before, number) if number else (before.removesuffix(b"-"), b"null")
    yield text[at:]


def _good_piece(found: re.Match[bytes]) -> bytes:
    if found["good"] is not None:
        return found[0]
    # Half a pair, or no number behind it; else a character that needs no backslash, nor has one.
    return _UNKNOWN_CHARACTER if found[0].startswith(b"\\u") else found[0][1:]


def _finite(number: bytes) -> bytes:
    """As Python writes it; nothing of NaN and of what no float can hold."""
    try:
        value = float(number)
    except ValueError:
        return b""
    return repr(value).encode() if math.isfinite(value) else b""
