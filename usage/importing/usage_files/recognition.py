"""Which kind of file it is, by its content alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from usage.importing.source import CannotRead, Context, Source
from usage.importing.transcripts.agent_transcripts import Transcripts, transcript_of
from usage.importing.usage_files import content as files
from usage.importing.usage_files.content import Content
from usage.importing.usage_files.csv_rows import CsvRows, header_of
from usage.importing.usage_files.json_lines import JsonArray, JsonLines
from usage.importing.usage_files.json_row import JsonRows, RowKind, kind_of
from usage.importing.usage_files.json_values import CUT_OFF
from usage.importing.usage_files.json_values import fault as fault_of
from usage.importing.usage_files.lines import first_lines
from usage.importing.usage_files.native_row import NativeRows
from usage.importing.usage_files.occurrences import Occurrences
from usage.importing.usage_files.snapshot import Snapshot
from usage.records import InvalidRow

_LOOKED_AT = 200  # lines or items: the first ones may be broken
_TRAILING = "trailing characters"
_UNDERSTOOD = (
    "Understood are, packed by gzip or not: CLIProxyAPI's usage export, records of its usage queue "
    "(as lines or an array), exports of this portal and other rows in its fields (as lines, an "
    "array or CSV), LiteLLM's payloads and spend logs, logs of new-api and one-api, transcripts of "
    "Claude Code and Codex, exports of CPA Usage Keeper and CPA-Manager; and SQLite databases of "
    "proxies (usage_metrics), portals, new-api, one-api and these two tools. docs/importing.md has "
    "the details"
)


class _Document(msgspec.Struct, gc=False):
    """The names under which one JSON value may hold rows or statistics."""

    total_requests: msgspec.Raw = msgspec.Raw(b"null")
    usage: msgspec.Raw = msgspec.Raw(b"null")
    apis: msgspec.Raw = msgspec.Raw(b"null")
    metrics: msgspec.Raw = msgspec.Raw(b"null")
    events: msgspec.Raw = msgspec.Raw(b"null")
    data: msgspec.Raw = msgspec.Raw(b"null")
    items: msgspec.Raw = msgspec.Raw(b"null")


_raw = msgspec.json.Decoder(msgspec.Raw)
_document = msgspec.json.Decoder(_Document)
_items = msgspec.json.Decoder(list[msgspec.Raw])


@contextmanager
def recognised(path: Path, context: Context) -> Iterator[Source]:
    """The file at `path`, which is no database; CannotRead says why it cannot be imported."""
    with files.opened_content(path) as content, Occurrences() as occurrences:
        native = NativeRows(context, occurrences)
        yield _Recognition(content, context, native).source()


class _Recognition:
    def __init__(self, content: Content, context: Context, native: NativeRows) -> None:
        self._content = content
        self._context = context
        self._native = native
        self._rows = JsonRows(context, native)
        self._lines = first_lines(content.head, is_whole=content.is_whole)[:_LOOKED_AT]

    def source(self) -> Source:
        fault = None
        if self._content.head.lstrip()[:1] in (b"{", b"["):
            fault = fault_of(self._content.head)
            if fault is None or fault == CUT_OFF:
                found = self._of_one_value()
                if found is not None:
                    return found
        if transcript_of(self._lines) is not None:
            return Transcripts([self._content.path], self._context)
        kind = self._kind_of_lines()
        if kind is not None:
            return JsonLines(self._content, kind, self._rows)
        header = header_of(self._lines)
        if header is not None:
            return CsvRows(self._content, header, self._rows, self._native)
        raise self._not_understood(f"it is not valid JSON: {fault}" if fault else "")

    def _of_one_value(self) -> Source | None:
        """None when there is more than one value after all."""
        body = self._content.whole()
        fault = fault_of(body)
        if fault is not None and fault.startswith(_TRAILING):
            return None
        if fault == CUT_OFF:
            raise CannotRead(
                f"{self._content.path} is JSON that is cut off in the middle: copy or export it "
                "again"
            )
        if fault is not None:
            raise self._not_understood(f"it is not valid JSON: {fault}")
        if body.lstrip()[:1] == b"[":
            return self._of_items(_items.decode(body))
        return self._of_object(body)

    def _of_object(self, body: bytes) -> Source:
        try:
            found = _document.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self._not_understood("its names are not UTF-8") from None
        if _begins(found.data, b"{"):  # a page of an answer
            return self._of_object(bytes(found.data))
        for value in (found.usage, found.metrics, found.events, found.data, found.items):
            if _begins(value, b"["):
                return self._of_items(_items.decode(value))
        for raw in (found.usage, body):
            if _is_statistics(raw):
                return Snapshot(raw, self._context, str(self._content.path))
        return self._of_items([_raw.decode(body)])

    def _of_items(self, items: list[msgspec.Raw]) -> Source:
        if not items:
            raise CannotRead(f"{self._content.path} has no rows: there is nothing in it to import")
        kind = _first_kind(items[:_LOOKED_AT])
        if kind is None:
            raise self._not_understood("none of its first items is a row")
        return JsonArray(items, kind, self._rows)

    def _kind_of_lines(self) -> RowKind | None:
        return _first_kind(self._lines)

    def _not_understood(self, reason: str) -> CannotRead:
        parts = ["this is no SQLite database, or an encrypted one, and no text that is understood"]
        if reason:
            parts.append(reason)
        if b"\0" in self._content.head:
            parts.append("it holds NUL bytes")
        return CannotRead(f"{self._content.path}: {'; '.join(parts)}. {_UNDERSTOOD}")


def _first_kind(rows: list[bytes] | list[msgspec.Raw]) -> RowKind | None:
    for row in rows:
        try:
            kind = kind_of(row)
        except InvalidRow:
            continue
        if kind not in (None, RowKind.SIGN):
            return kind
    return None


def _is_statistics(raw: bytes | msgspec.Raw) -> bool:
    if not _begins(raw, b"{"):
        return False
    try:
        found = _document.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return _begins(found.apis, b"{") or not _begins(found.total_requests, b"n")


def _begins(raw: bytes | msgspec.Raw, mark: bytes) -> bool:
    return bytes(memoryview(raw)[:100]).lstrip().startswith(mark)
