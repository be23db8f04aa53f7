"""Records that a queue has given away and the database does not hold yet: on disk meanwhile."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from usage.records import UsageRecord, record_without_keys
from usage.upstream_accounts import AccountsTold, QuotaReading

_encode = msgspec.json.Encoder().encode
_record = msgspec.json.Decoder(UsageRecord)


class _ReadingLine(msgspec.Struct):
    """Beside the lines of records, of which older versions know alone."""

    quota: QuotaReading


_READING = b'{"quota":'
_reading = msgspec.json.Decoder(_ReadingLine)


class Spool:
    """A private file of records, one on each line; their keys are hashed already.

    Beside them are lines of what came with them of upstream accounts.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = _opened(path)

    def close(self) -> None:
        os.close(self._file)

    def is_in_place(self) -> bool:
        """Whether a next start would find it: its folder may have been moved or removed."""
        try:
            found = self._path.stat()
        except OSError:
            return False
        return os.path.samestat(found, os.fstat(self._file))

    def move_into_place(self) -> None:
        """Begin an empty one at its path. OSError where the folder of the database is away."""
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        file = _opened(self._path)
        os.close(self._file)
        self._file = file

    def add(self, records: Sequence[UsageRecord], told: AccountsTold | None = None) -> None:
        """Durable on return. OSError where the disk is full; then none of them is in it."""
        readings = [] if told is None else map(_ReadingLine, told.hours.values())
        lines = b"".join(_encode(each) + b"\n" for each in (*records, *readings))
        end = os.fstat(self._file).st_size
        try:
            written = 0
            while written < len(lines):
                written += os.write(self._file, lines[written:])
            os.fdatasync(self._file)
        except OSError:
            os.ftruncate(self._file, end)
            raise

    def records(self) -> list[UsageRecord]:
        """All of them."""
        return self.content()[0]

    def content(self) -> tuple[list[UsageRecord], AccountsTold]:
        """All that it holds; what a power cut left half-written was never promised to anybody.

        It is cut off, lest the next record be written behind it, on the same line.
        """
        content = os.pread(self._file, os.fstat(self._file).st_size, 0)
        os.ftruncate(self._file, content.rfind(b"\n") + 1)
        found, told = [], AccountsTold()
        for line in content.split(b"\n")[:-1]:
            with suppress(msgspec.DecodeError):
                if line.startswith(_READING):
                    told.add(_reading.decode(line).quota)
                else:
                    found.append(record_without_keys(_record.decode(line)))
        return found, told

    def clear(self) -> None:
        """After its records are in the database."""
        os.ftruncate(self._file, 0)


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
