"""Reads a request body whole: bounded, and decompressed as far as the same bound allows."""

import zlib
from typing import Protocol

_PIECE = 65_536
_MOST_MEMBERS = 1000


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class BodyTooLarge(ValueError):
    """More bytes than the limit, before or after decompression."""


class BadEncoding(ValueError):
    """The body is not what its Content-Encoding says."""


class UnknownEncoding(ValueError):
    """A Content-Encoding that is not understood."""


def read_body(stream: Readable, encoding: str, limit: int) -> bytes:
    """All bytes of `stream`, decompressed; at most `limit` of them, and never more in memory."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return _read_plain(stream, limit)
    if encoding in ("gzip", "x-gzip"):
        return _read_gzip(stream, limit)
    raise UnknownEncoding("Content-Encoding must be gzip, or left out")


def _read_plain(stream: Readable, limit: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := stream.read(_PIECE):
        size += len(piece)
        if size > limit:
            raise BodyTooLarge
        pieces.append(piece)
    return b"".join(pieces)


def _read_gzip(stream: Readable, limit: int) -> bytes:
    """Gzip of one or more members. A bomb stops at the limit, not at its end."""
    body = bytearray()
    decompressor = _gzip_member()
    members = 1
    received = 0
    while piece := stream.read(_PIECE):
        received += len(piece)
        if received > limit:
            raise BodyTooLarge
        while piece:
            if decompressor.eof:
                decompressor = _gzip_member()
                members += 1
            body += _decompressed(decompressor, piece, limit - len(body) + 1)
            if len(body) > limit or members > _MOST_MEMBERS:
                raise BodyTooLarge
            piece = decompressor.unconsumed_tail or decompressor.unused_data
    if received and not decompressor.eof:
        raise BadEncoding("the gzip body ends too early")
    return bytes(body)


def _decompressed(decompressor: "zlib._Decompress", piece: bytes, most: int) -> bytes:
    try:
        return decompressor.decompress(piece, most)
    except zlib.error:
        raise BadEncoding("the body is not valid gzip") from None


def _gzip_member() -> "zlib._Decompress":
    return zlib.decompressobj(16 + zlib.MAX_WBITS)
