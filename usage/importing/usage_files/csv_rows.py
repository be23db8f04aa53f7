"""CSV with a header in the names of row fields, or of an older tool's events."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from usage.importing.source import RowPage, Skip, Source
from usage.importing.usage_files import lines
from usage.importing.usage_files.content import Content
from usage.importing.usage_files.json_row import JsonRows, RowKind, kind_of_tool
from usage.importing.usage_files.lines import Line, text_of
from usage.importing.usage_files.native_row import NativeRows, is_native, our_name
from usage.importing.usage_files.spreadsheet_cells import as_exported
from usage.records import InvalidRow, UsageRecord
from usage.spreadsheets import as_meant

_DELIMITERS = (",", ";", "\t")
_NAMED_DELIMITER = re.compile(rb"sep=([,;|\t])", re.IGNORECASE)  # of Excel's own


class Header:
    """The first line: how cells are parted, what they are called, and of which kind rows are."""

    def __init__(self, delimiter: str, names: list[str], kind: RowKind, lines: int) -> None:
        self._delimiter = delimiter
        self.names = names
        self.kind = kind
        self.lines = lines

    def row_of(self, line: bytes) -> dict[str, str | None]:
        """InvalidRow when it is no line of such a table. "" is absent."""
        cells = _cells(line, self._delimiter)
        if len(cells) != len(self.names):
            raise InvalidRow.whole(f"has {len(cells)} cells, the header has {len(self.names)}")
        pairs = zip(self.names, map(as_meant, cells), strict=True)
        if self.kind is not RowKind.NATIVE:
            return {name: cell or None for name, cell in pairs}
        return {name: as_exported(our_name(name) or "", cell) or None for name, cell in pairs}


def header_of(first: Sequence[bytes]) -> Header | None:
    """Of a file that begins with these lines; None when it has none that is understood."""
    named = _NAMED_DELIMITER.fullmatch(first[0].rstrip(b"\r")) if first else None
    delimiters = (named[1].decode(),) if named else _DELIMITERS
    for line in first[1:2] if named else first[:1]:
        return _header(line, delimiters, 2 if named else 1)
    return None


def _header(line: bytes, delimiters: Iterable[str], lines_before: int) -> Header | None:
    for delimiter in delimiters:
        try:
            names = [name.strip() for name in _cells(line, delimiter)]
        except InvalidRow:
            continue
        if kind := kind_of_tool(set(names)):
            return Header(delimiter, names, kind, lines_before)
        if is_native({our_name(name) or "" for name in names}):
            return Header(delimiter, names, RowKind.NATIVE, lines_before)
    return None


class CsvRows(Source):
    """The lines after the header, of which only a page is in memory.

    Each line is a row: no field that is imported may hold a line's end.
    """

    unit = "B"

    def __init__(
        self, content: Content, header: Header, rows: JsonRows, native: NativeRows
    ) -> None:
        self.what = header.kind.value
        self._content = content
        self._header = header
        self._rows = rows
        self._native = native

    def total(self) -> int:
        return self._content.size

    def pages(self) -> Iterator[RowPage]:
        pages = lines.pages(self._content)
        for first in islice(pages, 1):
            yield RowPage(first.rows[self._header.lines :], first.advanced)
        yield from pages

    def record_of(self, row: Line) -> UsageRecord | Skip:
        values = self._header.row_of(text_of(row))
        if self._header.kind is RowKind.NATIVE:
            return self._native.of_mapping(values)
        return self._rows.of_tool(self._header.kind, values)

    def without_told_live(self, records: list[UsageRecord]) -> list[UsageRecord]:
        return self._rows.without_told_live(records)

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
