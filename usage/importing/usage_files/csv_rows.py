"""CSV with a header in the names of row fields, or of an older tool's events."""

import csv
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from usage.importing.source import Context, RowPage, Skip, Source
from usage.importing.usage_files import lines, tool_event
from usage.importing.usage_files.content import Content
from usage.importing.usage_files.json_row import RowKind
from usage.importing.usage_files.lines import Line, text_of
from usage.importing.usage_files.native_row import NativeRows, is_native, our_name
from usage.records import InvalidRow, UsageRecord
from usage.spreadsheets import as_meant

_DELIMITERS = (",", ";", "\t")


class Header:
    """The first line: how cells are parted, what they are called, and of which kind rows are."""

    def __init__(self, delimiter: str, names: list[str], kind: RowKind) -> None:
        self._delimiter = delimiter
        self.names = names
        self.kind = kind

    def row_of(self, line: bytes) -> dict[str, str | None]:
        """InvalidRow when it is no line of such a table. "" is absent."""
        cells = _cells(line, self._delimiter)
        if len(cells) != len(self.names):
            raise InvalidRow.whole(f"has {len(cells)} cells, the header has {len(self.names)}")
        return {name: as_meant(cell) or None for name, cell in zip(self.names, cells, strict=True)}


def header_of(line: bytes) -> Header | None:
    """None when it is none that is understood."""
    for delimiter in _DELIMITERS:
        try:
            names = [name.strip() for name in _cells(line, delimiter)]
        except InvalidRow:
            continue
        found = set(names)
        if tool_event.is_event(found):
            return Header(delimiter, names, RowKind.EVENT)
        if is_native({our_name(name) or "" for name in names}):
            return Header(delimiter, names, RowKind.NATIVE)
    return None


class CsvRows(Source):
    """The lines after the header, of which only a page is in memory.

    Each line is a row: no field that is imported may hold a line's end.
    """

    unit = "B"

    def __init__(
        self, content: Content, header: Header, native: NativeRows, context: Context
    ) -> None:
        self.what = header.kind.value
        self._content = content
        self._header = header
        self._native = native
        self._context = context

    def total(self) -> int:
        return self._content.size

    def pages(self) -> Iterator[RowPage]:
        pages = lines.pages(self._content)
        for first in islice(pages, 1):
            yield RowPage(first.rows[1:], first.advanced)
        yield from pages

    def record_of(self, row: Line) -> UsageRecord | Skip:
        values = self._header.row_of(text_of(row))
        if self._header.kind is RowKind.EVENT:
            return tool_event.record_of(values, self._context)
        return self._native.of_mapping(values)

    def described(self, row: Line) -> Mapping[str, Any]:
        place = {"id": f"line {row.number}"}
        try:
            return {**self._header.row_of(text_of(row)), **place}
        except InvalidRow:
            return place


def _cells(line: bytes, delimiter: str) -> list[str]:
    try:
        text = line.rstrip(b"\r").decode()
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except UnicodeDecodeError:
        raise InvalidRow.whole("is not UTF-8") from None
    except csv.Error:
        raise InvalidRow.whole(
            "is no line of CSV: a quote is open, or a cell is too long"
        ) from None
