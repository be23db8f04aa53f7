"""The bytes of a file, unpacked where it is gzip: piece by piece, or the whole."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from usage.importing.source import CannotRead

SQLITE = b"SQLite format 3\0"
_PIECE = 1_048_576
_MOST_IN_MEMORY = 2_147_483_648  # bytes of a file that must be decoded in one piece
_GZIP = b"\x1f\x8b"
_UTF8_MARK = b"\xef\xbb\xbf"
_WIDE = "UTF-16, not UTF-8: make it so with `iconv -f UTF-16 -t UTF-8 FILE > NEW`"
_NO_TEXT = {
    b"\xff\xfe": _WIDE,
    b"\xfe\xff": _WIDE,
    b"PK\x03\x04": "a zip archive: unpack it, and import what is in it",
    b"\x28\xb5\x2f\xfd": "packed by zstd: unpack it first",
    b"\xfd7zXZ": "packed by xz: unpack it first",
    b"BZh": "packed by bzip2: unpack it first",
    b"7z\xbc\xaf": "a 7z archive: unpack it, and import what is in it",
    SQLITE: "a database, packed by gzip: unpack it first",
    _GZIP: "packed by gzip twice: unpack it first",
}


class Content:
    """A file's bytes. `head` is the first of them, at most a megabyte; `is_whole` if it is all."""

    def __init__(self, path: Path, raw: IO[bytes]) -> None:
        self.path = path
        self.size = path.stat().st_size
        self._raw = raw
        self._is_packed = raw.read(2) == _GZIP
        self._reader: IO[bytes] | gzip.GzipFile = raw
        self._rewind()
        head = self._read()
        self.is_whole = len(head) < _PIECE
        self.head = head.removeprefix(_UTF8_MARK)

    @property
    def position(self) -> int:
        """How far into the file, packed as it may be, the reading came."""
        return self._raw.tell()

    def pieces(self) -> Iterator[bytes]:
        """All of it from its beginning, without a byte order mark. CannotRead where it ends early.

        Each call begins anew, and ends the pieces of the one before.
        """
        self._rewind()
        piece = self._read().removeprefix(_UTF8_MARK)
        while piece:
            yield piece
            piece = self._read()

    def whole(self) -> bytes:
        """All of it, in memory; CannotRead when it is larger than two gigabytes."""
        found = io.BytesIO()
        for piece in self.pieces():
            found.write(piece)
            if found.tell() > _MOST_IN_MEMORY:
                raise CannotRead(
                    f"{self.path} is one JSON value of more than 2 GB, which would be decoded in "
                    "memory: make it a line for each row (`jq -c '.[]'`), and import that"
                )
        return found.getvalue()

    def _rewind(self) -> None:
        self._raw.seek(0)
        if self._is_packed:
            self._reader = gzip.GzipFile(fileobj=self._raw)

    def _read(self) -> bytes:
        """As many bytes as a piece has, and fewer only at the end."""
        try:
            return self._reader.read(_PIECE)
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise CannotRead(
                f"{self.path} is gzip that is cut off or damaged: pack or copy it again"
            ) from None
        except OSError as error:
            raise CannotRead(f"{self.path} cannot be read ({error.strerror})") from None


@contextmanager
def opened_content(path: Path) -> Iterator[Content]:
    """The file at `path`; CannotRead says what is wrong with it, so far as its beginning tells."""
    with path.open("rb") as raw:
        content = Content(path, raw)
        _refuse_what_is_no_text(content)
        yield content


def _refuse_what_is_no_text(content: Content) -> None:
    path, head = content.path, content.head
    if not content.size:
        raise CannotRead(f"{path} is empty: there is nothing in it to import")
    if content.is_whole and not head.strip(b" \t\r\n\0"):
        raise CannotRead(f"{path} is blank: there is nothing in it to import")
    for mark, what in _NO_TEXT.items():
        if head.startswith(mark):
            raise CannotRead(f"{path} is {what}")
    if b"" in (head[:20:2].strip(b"\0"), head[1:20:2].strip(b"\0")):
        raise CannotRead(f"{path} is {_WIDE}")
