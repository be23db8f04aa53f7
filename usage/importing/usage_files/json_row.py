"""One JSON object of a file: which kind of row it is, and the record of it."""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

import msgspec

from usage.importing.source import SOURCE, Context, Skip
from usage.importing.transcripts.told_live import told_by_id
from usage.importing.usage_files import gateway_log, spend_log, tool_event
from usage.importing.usage_files.json_values import Raw, fields_of, object_of
from usage.importing.usage_files.native_row import NativeRows, is_native, our_name
from usage.intake import cliproxy, litellm
from usage.records import FieldError, InvalidRow, UsageRecord
from usage.upstream_accounts import AccountsTold


class RowKind(Enum):
    """The value tells a person what such rows are."""

    QUEUE = "records of CLIProxyAPI's usage queue"
    LITELLM = "LiteLLM's payloads"
    EVENT = "events of a tool that collected CLIProxyAPI's usage"
    GATEWAY = "logs of new-api or one-api"
    SPEND = "LiteLLM's spend logs"
    NATIVE = "usage rows"
    SIGN = "signs between programs"


def kind_of(raw: Raw) -> RowKind | None:
    """None for what is no row of any kind that is known; InvalidRow for what is no JSON object."""
    return _kind(fields_of(raw))


class JsonRows:
    """Makes records of objects of whatever kind, as they come."""

    def __init__(self, context: Context, native: NativeRows) -> None:
        self._context = context
        self._native = native
        self._told = AccountsTold()
        self._of_answers: set[int | None] = set()

    def take_told(self) -> AccountsTold:
        """What came with the rows of upstream accounts since the last time."""
        told, self._told = self._told, AccountsTold()
        return told

    def record_of(self, raw: Raw) -> UsageRecord | Skip:
        fields = fields_of(raw)
        match _kind(fields):
            case RowKind.NATIVE:
                if all(our_name(name) in (None, name) for name in fields):
                    return self._native.of_json(raw)
                return self._native.of_mapping(object_of(raw))
            case RowKind.QUEUE:
                _require_time(fields.get("timestamp"))
                record = cliproxy.record_of(bytes(raw), SOURCE, self._context.now)
                cliproxy.tell_of_account(bytes(raw), record, self._told)
                return record
            case RowKind.LITELLM:
                return self._of_litellm(raw)
            case RowKind.EVENT | RowKind.GATEWAY | RowKind.SPEND as kind:
                return self.of_tool(kind, object_of(raw))
            case RowKind.SIGN:
                return Skip.NO_USAGE
        raise InvalidRow.whole(_unknown(fields))

    def of_tool(self, kind: RowKind, row: Mapping[str, Any]) -> UsageRecord | Skip:
        """A row of another tool's own records, in whatever file."""
        if kind is RowKind.EVENT:
            return tool_event.record_of(row, self._context)
        if kind is RowKind.GATEWAY:
            return gateway_log.record_of(row, self._context)
        record = spend_log.record_of(row, self._context)
        if isinstance(record, UsageRecord) and record.response_id:
            self._of_answers.add(record.event_id)
        return record

    def without_told_live(self, records: list[UsageRecord]) -> list[UsageRecord]:
        """Spend logs name the answer's id alone; the callback's payloads have the call's."""
        of_answers = [each for each in records if each.event_id in self._of_answers]
        self._of_answers.clear()  # of this page alone, or a long history would fill the memory
        told = told_by_id(of_answers, [(each.response_id or "",) for each in of_answers])
        there = {id(each) for each, is_told in zip(of_answers, told, strict=True) if is_told}
        return [each for each in records if id(each) not in there]

    def _of_litellm(self, raw: Raw) -> UsageRecord | Skip:
        parsed = litellm.parse(bytes(raw), self._context.now)
        if parsed.errors:
            raise InvalidRow([FieldError(each.field, each.error) for each in parsed.errors])
        if not parsed.records:
            return Skip.NO_USAGE
        self._told.add_all(parsed.told)
        return msgspec.structs.replace(parsed.records[0], source=SOURCE)


def kind_of_tool(names: set[str]) -> RowKind | None:
    """By the names of a flat row, in JSON or CSV."""
    if spend_log.is_spend_log(names):
        return RowKind.SPEND
    if gateway_log.is_log(names):
        return RowKind.GATEWAY
    return RowKind.EVENT if tool_event.is_event(names) else None


def _kind(found: Iterable[str]) -> RowKind | None:
    names = set(found)
    if kind := kind_of_tool(names):
        return kind
    if "litellm_call_id" in names or {"startTime", "endTime"} <= names:
        return RowKind.LITELLM
    if {"tokens", "token_breakdown"} & names:
        return RowKind.EVENT if tool_event.SIGNS & names else RowKind.QUEUE
    if is_native(names) or is_native({our_name(name) or "" for name in names}):
        return RowKind.NATIVE
    return RowKind.SIGN if names in ({"support_refresh"}, {"refresh"}) else None


def _require_time(raw: msgspec.Raw | None) -> None:
    """The collector takes its own time where there is none; an import must not."""
    text = b"null" if raw is None else bytes(raw)
    if text in (b"null", b'""'):
        raise InvalidRow([FieldError("timestamp", "is missing")])
    if text.startswith(b'"0001-01-01'):
        fault = "is Go's zero time, which stands for none"
        raise InvalidRow([FieldError("timestamp", fault)])


def _unknown(found: Iterable[str]) -> str:
    if {"apis", "usage", "metrics", "events"} & set(found):
        return "is a whole export in a line: save it as a file of its own"
    return "is no row of a kind that is understood"
