"""Bodies that are made while they are read, and how much memory reading them takes."""

import io
import json
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

MEGABYTE = 2**20
# A row that leaves little behind.
LONG_LINE = json.dumps({"model": "m", "messages": "x" * 10_000}).encode() + b"\n"


class Stream(io.RawIOBase):
    """A request body of one piece a read, whatever size is asked for."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, size: int = -1) -> bytes:
        assert 0 <= size <= MEGABYTE
        return next(self._pieces, b"")


def peak_while(work: Callable[[], Any]) -> tuple[Any, int]:
    """What the work returns, and the most memory that it held at any time."""
    tracemalloc.start()
    try:
        return work(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
