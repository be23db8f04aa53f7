"""Protobuf's wire format, as far as it takes to cut a message into its parts before decoding.

Decoded, a message of empty parts takes seventy times the memory of its bytes: so a large one is
not decoded as a whole.
"""

import contextlib
from collections.abc import Iterator
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from usage.intake.parsed import MalformedBody, TooManyRowsInBody

MOST_PARTS = 200_000  # of a message; exporters send hundreds
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10

Decoded = TypeVar("Decoded", bound=Message)
Field = tuple[int, int, int, int]  # number, begin with its tag, begin and end of its content


class Parts:
    """Reads fields of one message, and of those within it, and counts them."""

    def __init__(self, message: bytes) -> None:
        self._message = message
        self._count = 0

    def of(self, begin: int, end: int, *numbers: int) -> Iterator[Field]:
        """The fields with these numbers that have bytes, in order.

        MalformedBody, TooManyRowsInBody.
        """
        for number, kind, start, content, stop in self._fields(begin, end):
            if kind == _BYTES and number in numbers:
                yield number, start, content, stop

    def each(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """Begin and end of all fields, in order, each with its tag."""
        for _, _, start, _, stop in self._fields(begin, end):
            yield start, stop

    def _fields(self, begin: int, end: int) -> Iterator[tuple[int, int, int, int, int]]:
        at = begin
        while at < end:
            self._count += 1
            if self._count > MOST_PARTS:
                raise TooManyRowsInBody
            start = at
            tag, at = self._varint(at, end)
            kind = tag & 7
            if kind == _BYTES:
                length, at = self._varint(at, end)
                stop = at + length
            elif kind == _VARINT:
                stop = self._varint(at, end)[1]
            elif kind in (_FIXED64, _FIXED32):
                stop = at + (8 if kind == _FIXED64 else 4)
            else:
                raise MalformedBody("the body is not protobuf")
            if stop > end:
                raise MalformedBody("the body is not protobuf, or was cut off")
            yield tag >> 3, kind, start, at, stop
            at = stop

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value = 0
        for place, byte in enumerate(self._message[at : min(end, at + _LONGEST_VARINT)]):
            value |= (byte & 127) << (7 * place)
            if byte < 128:
                return value, at + place + 1
        raise MalformedBody("the body is not protobuf, or was cut off")


def as_far_as_readable(message: Decoded, data: bytes) -> Decoded:
    """The message without those fields that cannot be read, such as text that is no UTF-8.

    MalformedBody where it has no fields.
    """
    try:
        message.ParseFromString(data)
        return message
    except DecodeError:
        message.Clear()
    for start, stop in Parts(data).each(0, len(data)):
        with contextlib.suppress(DecodeError):
            message.MergeFrom(type(message).FromString(data[start:stop]))
    return message
