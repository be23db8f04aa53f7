"""Files of JSON: an object on each line, or one value that holds the rows."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from usage.importing.source import PAGE, RowPage, Skip, Source
from usage.importing.usage_files import lines
from usage.importing.usage_files.content import Content
from usage.importing.usage_files.json_row import JsonRows, RowKind
from usage.importing.usage_files.json_values import readable_object
from usage.importing.usage_files.lines import Line, text_of
from usage.records import UsageRecord
from usage.upstream_accounts import AccountsTold


class JsonLines(Source):
    """NDJSON, of which only a page is in memory."""

    unit = "B"

    def __init__(self, content: Content, kind: RowKind, rows: JsonRows) -> None:
        self.what = kind.value
        self._content = content
        self._rows = rows

    def total(self) -> int:
        return self._content.size

    def pages(self) -> Iterator[RowPage]:
        return lines.pages(self._content)

    def record_of(self, row: Line) -> UsageRecord | Skip:
        return self._rows.record_of(text_of(row))

    def without_told_live(self, records: list[UsageRecord]) -> list[UsageRecord]:
        return self._rows.without_told_live(records)

    def take_told(self) -> AccountsTold:
        return self._rows.take_told()

    def described(self, row: Line) -> Mapping[str, Any]:
        return {**readable_object(row.text), "id": f"line {row.number}"}


class JsonArray(Source):
    """Rows that one JSON value holds: the file is in memory, its rows are decoded one by one."""

    def __init__(self, items: list[msgspec.Raw], kind: RowKind, rows: JsonRows) -> None:
        self.what = kind.value
        self._items = items
        self._rows = rows

    def total(self) -> int:
        return len(self._items)

    def pages(self) -> Iterator[RowPage]:
        for start in range(0, len(self._items), PAGE):
            some = list(enumerate(self._items[start : start + PAGE], start + 1))
            yield RowPage(some, len(some))

    def record_of(self, row: tuple[int, msgspec.Raw]) -> UsageRecord | Skip:
        return self._rows.record_of(row[1])

    def without_told_live(self, records: list[UsageRecord]) -> list[UsageRecord]:
        return self._rows.without_told_live(records)

    def take_told(self) -> AccountsTold:
        return self._rows.take_told()

    def described(self, row: tuple[int, msgspec.Raw]) -> Mapping[str, Any]:
        return {**readable_object(row[1]), "id": f"item {row[0]}"}
