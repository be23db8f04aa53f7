"""Lines of a file, numbered from 1, in pages: in bounded memory, however long file or line is."""

from collections.abc import Iterator
from typing import NamedTuple

from usage.importing.source import PAGE, RowPage
from usage.importing.usage_files.content import Content
from usage.records import InvalidRow

LONGEST = 16_777_216  # bytes; a LiteLLM payload may hold a whole conversation
_BLANK = b" \t\r"


class Line(NamedTuple):
    number: int
    text: bytes
    is_cut: bool = False  # it is longer than LONGEST, and the text is left out


def pages(content: Content) -> Iterator[RowPage]:
    """All lines but blank ones; the pages' progress is in bytes of the file."""
    before = 0
    waiting: list[Line] = []
    for some in _lines(content.pieces()):
        waiting += some
        while len(waiting) >= PAGE:
            position = content.position
            yield RowPage(waiting[:PAGE], position - before)
            before = position
            del waiting[:PAGE]
    yield RowPage(waiting, content.size - before)


def first_lines(head: bytes, *, is_whole: bool) -> list[bytes]:
    """The lines at the beginning of a file that are whole and not blank."""
    found = head.split(b"\n")
    if not is_whole:
        found.pop()
    return [line for line in found if line.strip(_BLANK)]


def text_of(line: Line) -> bytes:
    """InvalidRow when it is too long."""
    if line.is_cut:
        raise InvalidRow.whole(f"the line is longer than {LONGEST:,} bytes")
    return line.text


def _lines(pieces: Iterator[bytes]) -> Iterator[list[Line]]:
    number = 1
    begun: list[bytes] = []
    size = 0
    for piece in pieces:
        first, *others = piece.split(b"\n")
        begun.append(first)
        size += len(first)
        if size > LONGEST:
            begun.clear()
        if not others:
            continue
        *whole, rest = others
        found = [_line(number, begun, size)]
        found += [Line(number + 1 + place, text) for place, text in enumerate(whole)]
        number += len(found)
        begun, size = [rest], len(rest)
        yield [line for line in found if line.is_cut or line.text.strip(_BLANK)]
    last = _line(number, begun, size)
    yield [last] if last.is_cut or last.text.strip(_BLANK) else []


def _line(number: int, parts: list[bytes], size: int) -> Line:
    if size > LONGEST:
        return Line(number, b"", is_cut=True)
    return Line(number, b"".join(parts))
