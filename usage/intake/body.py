"""Reads a request body piece by piece, decompressed, and both within the same bound."""

import zlib
from collections.abc import Iterator
from typing import Protocol

# Few reads for a usual post, and little to hold for many large ones.
_PIECE = 131_072
_MOST_MEMBERS = 1000


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class BodyTooLarge(ValueError):
    """More bytes than the limit, before or after decompression."""


class BadEncoding(ValueError):
    """The body is not what its Content-Encoding says."""


class UnknownEncoding(ValueError):
    """A Content-Encoding that is not understood."""


def read_pieces(stream: Readable, encoding: str, limit: int) -> Iterator[bytes]:
    """The bytes of `stream`, decompressed: at most `limit` of them, and few of them at a time."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return _bounded(_received(stream), limit)
    if encoding in ("gzip", "x-gzip"):
        return _bounded(_decompressed(_bounded(_received(stream), limit)), limit)
    raise UnknownEncoding("Content-Encoding must be gzip, or left out")


def _received(stream: Readable) -> Iterator[bytes]:
    while piece := stream.read(_PIECE):
        yield piece


def _bounded(pieces: Iterator[bytes], limit: int) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise BodyTooLarge
        yield piece


def _decompressed(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Gzip of one or more members. A bomb is stopped by its reader, at the limit."""
    decompressor = None
    members = 0
    for piece in pieces:
        rest = piece
        while rest:
            if decompressor is None or decompressor.eof:
                decompressor = zlib.decompressobj(16 + zlib.MAX_WBITS)
                members += 1
            if members > _MOST_MEMBERS:
                raise BodyTooLarge
            yield _next_part(decompressor, rest)
            rest = decompressor.unconsumed_tail or decompressor.unused_data
    if decompressor is not None and not decompressor.eof:
        raise BadEncoding("the gzip body ends too early")


def _next_part(decompressor: "zlib._Decompress", piece: bytes) -> bytes:
    try:
        return decompressor.decompress(piece, _PIECE)
    except zlib.error:
        raise BadEncoding("the body is not valid gzip") from None
