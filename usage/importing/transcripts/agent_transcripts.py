"""Transcripts as sources of an import: a file, or a folder with all that is below it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from usage.identity import event_identity, hash_api_key
from usage.importing.source import PAGE, SOURCE, CannotRead, Context, RowPage, Source
from usage.importing.transcripts import claude_transcript, codex_rollout
from usage.importing.transcripts.call import BrokenLine, Call, Transcript
from usage.importing.transcripts.claude_transcript import ClaudeCodeTranscript
from usage.importing.transcripts.codex_rollout import CodexRollout
from usage.importing.transcripts.told_live import told_by_counts, told_by_id
from usage.importing.usage_files import lines
from usage.importing.usage_files.content import Content, opened_content
from usage.importing.usage_files.json_values import fields_of
from usage.importing.usage_files.lines import first_lines
from usage.intake import lenient
from usage.records import InvalidRow, UsageRecord

_LOOKED_AT = 200  # lines
_FILES = "*.jsonl"
Row = tuple[Path, Call | BrokenLine]


def transcript_of(first: Sequence[bytes]) -> Transcript | None:
    """The reader of a file that begins with these lines; None where it is no transcript."""
    for line in first[:_LOOKED_AT]:
        try:
            names = set(fields_of(line))
        except InvalidRow:
            continue
        if names >= claude_transcript.SIGNS:
            return ClaudeCodeTranscript()
        if names == codex_rollout.NAMES:
            return CodexRollout()
    return None


class Transcripts(Source):
    """Calls of one or more files, each file's read to its end before they are told."""

    unit = "B"

    def __init__(self, paths: Sequence[Path], context: Context, folder: Path | None = None) -> None:
        self._paths = paths
        self._folder = folder
        self._context = context
        self._others = 0
        self.what = "calls of coding agents' transcripts"
        self._ids: dict[int, tuple[str, ...]] = {}

    def total(self) -> int:
        return sum(path.stat().st_size for path in self._paths)

    def pages(self) -> Iterator[RowPage]:
        for path in self._paths:
            with _opened(path) as content:
                found = transcript_of(_head_of(content)) if content else None
                if content is None or found is None:
                    self._others += 1
                    yield RowPage([], path.stat().st_size)
                else:
                    yield from _pages(path, content, found)

    def record_of(self, row: Row) -> UsageRecord:
        call = row[1]
        if isinstance(call, BrokenLine):
            raise call.error
        record = lenient.record_of({**call.values, "source": SOURCE}, self._context.now)
        identity = event_identity("transcript", call.identity)
        if call.response_ids:
            self._ids[identity] = call.response_ids
        return msgspec.structs.replace(record, event_id=identity)

    def described(self, row: Row) -> Mapping[str, Any]:
        path, call = row
        values = call.values if isinstance(call, Call) else {}
        return {**values, "id": f"{path.name} line {call.line}"}

    def without_told_live(self, records: list[UsageRecord]) -> list[UsageRecord]:
        with_ids = [each for each in records if each.event_id in self._ids]
        others = [each for each in records if each.event_id not in self._ids]
        told = told_by_id(with_ids, [self._ids[each.event_id or 0] for each in with_ids])
        told += told_by_counts(others)
        self._ids.clear()  # of this page alone, or a long history would fill the memory
        pairs = zip((*with_ids, *others), told, strict=True)
        return [record for record, is_told in pairs if not is_told]

    def fingerprint(self) -> str | None:
        """A folder is known by its place: its files come and go."""
        return None if self._folder is None else hash_api_key(f"folder {self._folder.resolve()}")

    def remarks(self) -> list[str]:
        if not self._others:
            return []
        return [f"{self._others:,} files of the folder are no transcripts, and were passed over."]


def transcripts_below(folder: Path, context: Context) -> Transcripts:
    """Of a folder; CannotRead where there is none in it."""
    paths = sorted(path for path in folder.rglob(_FILES) if path.is_file())
    if not any(_is_transcript(path) for path in paths):
        raise CannotRead(
            f"{folder} is a folder without transcripts of Claude Code (~/.claude/projects) or "
            "Codex (~/.codex/sessions). Give the path of a file, or of such a folder"
        )
    return Transcripts(paths, context, folder)


def _is_transcript(path: Path) -> bool:
    with _opened(path) as content:
        return content is not None and transcript_of(_head_of(content)) is not None


@contextmanager
def _opened(path: Path) -> Iterator[Content | None]:
    """None of a file that is empty or cannot be read: the others of a folder can."""
    try:
        with opened_content(path) as content:
            yield content
    except (CannotRead, OSError):
        yield None


def _head_of(content: Content) -> list[bytes]:
    return first_lines(content.head, is_whole=content.is_whole)


def _pages(path: Path, content: Content, transcript: Transcript) -> Iterator[RowPage]:
    for page in lines.pages(content):
        rows: list[Row] = []
        for line in page.rows:
            try:
                call = transcript.take(line)
            except InvalidRow as error:
                rows.append((path, BrokenLine(line.number, error)))
            else:
                rows += [(path, call)] if call else []
        yield RowPage(rows, page.advanced)
    rest = transcript.rest()
    while some := [(path, call) for call in islice(rest, PAGE)]:
        yield RowPage(some, 0)
