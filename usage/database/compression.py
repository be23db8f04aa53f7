"""TimescaleDB's compressed chunks, open for as long as rows in them change.

A statement that changes rows in a compressed chunk decompresses each batch of a thousand that may
hold them, so many rows of a chunk are changed after the whole of it was decompressed. Where a
process ends before it is compressed again, TimescaleDB's own job does that.
"""

import datetime as dt
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from django.db import DatabaseError, InterfaceError, connection, transaction

from usage.database import extensions, locks

logger = logging.getLogger(__name__)

_OURS = (
    "timescaledb_information.chunks WHERE hypertable_schema = current_schema() "
    "AND hypertable_name = 'usage_metrics'"
)
_NAME = "format('%%I.%%I', chunk_schema, chunk_name)"
_BOUND = "timescaledb.max_tuples_decompressed_per_dml_transaction"
FEW = 100


class Chunk(NamedTuple):
    """Its quoted name, and the times from `start` on and before `end` that it holds."""

    name: str
    start: dt.datetime
    end: dt.datetime
    is_compressed: bool


def chunks_between(first: dt.datetime, last: dt.datetime) -> list[Chunk]:
    """Those that hold times from `first` to `last`, newest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            # Plain SQL may have times that Python's calendar has not.
            f"SELECT {_NAME}, GREATEST(range_start, '0001-01-02'), LEAST(range_end, '9999-12-30'), "
            f"is_compressed FROM {_OURS} "
            "AND range_start <= %s AND range_end > %s ORDER BY range_start DESC",
            [last, first],
        )
        return [Chunk(*row) for row in cursor.fetchall()]


def keep_open(chunk: Chunk) -> None:
    """That it is decompressed, and stays so until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {chunk.name} IN ROW EXCLUSIVE MODE")
        cursor.execute(f"SELECT is_compressed FROM {_OURS} AND {_NAME} = %s", [chunk.name])
        if cursor.fetchone() == (True,):
            # One at a time: two that hold the table could not both have it for themselves.
            lock = "SELECT pg_advisory_xact_lock(%s, hashtext(%s))"
            cursor.execute(lock, [locks.CHUNKS, chunk.name])
            cursor.execute("SELECT decompress_chunk(%s::regclass)", [chunk.name])


class OpenChunk:
    """The one chunk that somebody has decompressed at a time."""

    def __init__(self) -> None:
        self._chunk: Chunk | None = None
        self._changed: Counter[str] = Counter()

    def is_due(self, chunk: Chunk, rows: int) -> bool:
        """Whether so many rows more to change there are worth it."""
        self._changed[chunk.name] += rows
        return chunk.is_compressed and self._changed[chunk.name] > FEW

    def open(self, chunk: Chunk) -> None:
        """Decompress it, once the one before is compressed again."""
        if self._chunk is not None and self._chunk.name == chunk.name:
            return
        self.close()
        with transaction.atomic():
            keep_open(chunk)
        self._chunk = chunk

    def close(self) -> None:
        """Compress it again; not in a transaction that will be rolled back, which does it too."""
        chunk, self._chunk = self._chunk, None
        if chunk is None or (connection.in_atomic_block and connection.needs_rollback):
            return
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT compress_chunk(%s::regclass)", [chunk.name])
        except (DatabaseError, InterfaceError):
            logger.warning(
                "the chunk from %s on stays decompressed until TimescaleDB's own job compresses it",
                chunk.start.isoformat(),
            )


@contextmanager
def without_bound() -> Iterator[None]:
    """For statements of a transaction that name rows so closely that they decompress few others.

    Not one within another.
    """
    if not extensions.is_hypertable():
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL {_BOUND} = 0")
    yield  # after an error the transaction is rolled back, and with it this
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL {_BOUND} TO DEFAULT")
