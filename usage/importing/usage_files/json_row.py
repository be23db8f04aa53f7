"""One JSON object of a file: which kind of row it is, and the record of it."""

from collections.abc import Iterable
from enum import Enum

import msgspec

from usage.importing.source import SOURCE, Context, Skip
from usage.importing.usage_files import tool_event
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
            case RowKind.EVENT:
                return tool_event.record_of(object_of(raw), self._context)
            case RowKind.LITELLM:
                return self._of_litellm(raw)
            case RowKind.SIGN:
                return Skip.NO_USAGE
        raise InvalidRow.whole(_unknown(fields))

    def _of_litellm(self, raw: Raw) -> UsageRecord | Skip:
        parsed = litellm.parse(bytes(raw), self._context.now)
        if parsed.errors:
            raise InvalidRow([FieldError(each.field, each.error) for each in parsed.errors])
        if not parsed.records:
            return Skip.NO_USAGE
        self._told.add_all(parsed.told)
        return msgspec.structs.replace(parsed.records[0], source=SOURCE)


def _kind(found: Iterable[str]) -> RowKind | None:
    names = set(found)
    if "litellm_call_id" in names or {"startTime", "endTime"} <= names:
        return RowKind.LITELLM
    if {"tokens", "token_breakdown"} & names:
        return RowKind.EVENT if tool_event.SIGNS & names else RowKind.QUEUE
    if tool_event.is_event(names):
        return RowKind.EVENT
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
