"""Rows in the contract's fields, from a portal's export or another program's JSON or CSV."""

import datetime as dt
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

import msgspec

from usage.identity import event_identity, joined_parts
from usage.importing.proxy_row import strict_values
from usage.importing.source import SOURCE, Context, Skip
from usage.importing.usage_files.json_values import Raw, object_of
from usage.importing.usage_files.occurrences import Occurrences
from usage.incoming_row import IncomingRow
from usage.live_keys import begins_as_key
from usage.pricing.sources import RECKONED
from usage.records import TEXT_FIELDS, FieldError, InvalidRow, UsageRecord, make_record, record_from

# By which two rows without an event id are told apart. Never change it: a file that was imported
# before would be imported again. A cost is not there, since prices may be corrected.
_CONTENT = (
    *("timestamp", "model", "prompt_tokens", "completion_tokens", "total_tokens", "request_id"),
    *("status", "latency_ms", "api_key_hash", "provider", "requested_model", "cached_tokens"),
    *("cache_write_tokens", "reasoning_tokens", "ttft_ms", "source", "response_id", "app", "user"),
)
_FIELDS = {name.replace("_", ""): name for name in (*IncomingRow.__struct_fields__, "id")}
_FIELDS |= {name.replace("_", ""): name for name in ("cost_source", "excluded_as")}
# Without one of these, a model and a time make no row: they may be anything's.
_TELLING = frozenset(
    "prompt_tokens completion_tokens total_tokens status latency_ms request_id api_key_hash".split()
)


class _Row(IncomingRow, kw_only=True, gc=False):
    id: Any = None
    cost_source: Any = None
    excluded_as: Any = None


_row = msgspec.json.Decoder(_Row)


@lru_cache(maxsize=1024)
def our_name(name: str) -> str | None:
    """The field of that name, which a Go struct spells PromptTokens; None if there is none."""
    return _FIELDS.get(name.strip().replace("_", "").lower())


def is_native(names: set[str]) -> bool:
    """Whether an object or a table with these names, which are ours, holds such rows."""
    return {"model", "timestamp"} <= names and not _TELLING.isdisjoint(names)


class NativeRows:
    """Makes records of rows, each with an identity that a second import finds again."""

    def __init__(self, context: Context, occurrences: Occurrences) -> None:
        self._context = context
        self._occurrences = occurrences

    def of_json(self, raw: Raw) -> UsageRecord | Skip:
        """For objects without a Go struct's names. Loose types are left to `of_mapping`."""
        try:
            row = _row.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self.of_mapping(object_of(raw))
        if row.excluded_as:
            return Skip.EXCLUDED
        if row.timestamp is None:
            raise _without_time()
        if isinstance(row.timestamp, dt.datetime) and row.timestamp.tzinfo is None:
            row.timestamp = row.timestamp.replace(tzinfo=self._context.zone)
        record = make_record(row, self._context.now)
        return self._finished(record, partial(getattr, row), row.cost_source)

    def of_mapping(self, row: Mapping[str, Any]) -> UsageRecord | Skip:
        """Loose types and a Go struct's names; where both spellings are given, ours wins."""
        named = {our_name(name): value for name, value in row.items()}
        named |= {name: value for name, value in row.items() if name in _FIELDS.values()}
        values: dict[str, Any] = {name: value for name, value in named.items() if name}
        if values.get("excluded_as"):
            return Skip.EXCLUDED
        strict = strict_values(values, self._context.zone)
        strict |= {name: values.get(name) or None for name in ("event_id", "source")}
        record = record_from(strict, self._context.now)
        given = {**strict, "id": values.get("id")}
        return self._finished(record, given.get, values.get("cost_source"))

    def _finished(
        self, record: UsageRecord, given: Callable[[str], Any], cost_source: Any
    ) -> UsageRecord:
        changes: dict[str, Any] = {}
        if record.event_id is None:
            changes["event_id"] = self._identity(record, given)
        if not record.source or "@" in record.source or begins_as_key(record.source):
            changes["source"] = SOURCE
        if record.cost_usd is not None and cost_source in RECKONED:
            changes["cost_source"] = cost_source
        return msgspec.structs.replace(record, **changes) if changes else record

    def _identity(self, record: UsageRecord, given: Callable[[str], Any]) -> int:
        """Texts count as they stand in the file, whatever the guard makes of them."""
        parts = [given(name) if name in TEXT_FIELDS else getattr(record, name) for name in _CONTENT]
        content = joined_parts(parts)
        row_id = given("id")
        if isinstance(row_id, int | str) and row_id != "":
            return event_identity(SOURCE, f"row|{row_id}|{content}")
        times = self._occurrences.before(event_identity(SOURCE, content))
        return event_identity(SOURCE, f"row|{content}|{times}")


def _without_time() -> InvalidRow:
    return InvalidRow([FieldError("timestamp", "is missing")])
