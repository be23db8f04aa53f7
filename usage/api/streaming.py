"""Answers that are sent as they are read: whole, or cut off so that no client takes them for it."""

import logging
import time
from collections.abc import Generator, Iterator

from django.http import StreamingHttpResponse

from usage.database.reading_time import limited
from usage.database.trouble import DATABASE_TROUBLE, trouble_of

logger = logging.getLogger(__name__)

# A client that takes longer than this would keep the database from tidying up behind it.
MOST_SECONDS = 300.0


class BrokenOff(Exception):
    """Raised to the server, which hangs up: the answer has begun, and cannot end well."""


class _Pieces:
    """What is left of an answer, its first piece made already; closed by the server."""

    def __init__(self, pieces: Generator[bytes]) -> None:
        self._pieces = pieces
        self._first: bytes | None = next(pieces)
        self._latest = time.monotonic() + MOST_SECONDS

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        if time.monotonic() > self._latest:
            raise BrokenOff(f"a client took longer than {MOST_SECONDS:.0f} s to read its answer")
        try:
            with limited():
                return next(self._pieces)
        except DATABASE_TROUBLE as error:
            message = str(trouble_of(error))
        logger.error("an answer breaks off: %s", message)
        raise BrokenOff(message)

    def close(self) -> None:
        self._pieces.close()


def streamed(pieces: Generator[bytes], media_type: str) -> StreamingHttpResponse:
    """The first piece is made here, where trouble can still be answered."""
    return StreamingHttpResponse(_Pieces(pieces), content_type=media_type)
