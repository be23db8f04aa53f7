"""One row of a portal's file: checked for what PostgreSQL would refuse, and otherwise as it is."""

import datetime as dt
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from usage import kept_texts
from usage.database import times
from usage.database.numbers import if_finite
from usage.identity import event_identity
from usage.importing.portal.file import Row, moment_from_sqlite
from usage.models import UsageMetric
from usage.records import STORED_TEXTS
from usage.rollups.aggregation import COLUMNS as SUMMED_COLUMNS
from usage.rollups.aggregation import TimedRow
from usage.rollups.measures import NUMBER_COLUMNS, TOKEN_COLUMNS

COLUMNS = tuple(
    field.column
    for field in UsageMetric._meta.concrete_fields
    if field.name not in ("id", "is_summed")
)
_Short = Annotated[str, Meta(max_length=16)] | None
_Name = Annotated[str, Meta(max_length=64)] | None
_Text = Annotated[str, Meta(max_length=255)] | None


class PortalRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """In the order of COLUMNS, which a test makes sure of."""

    timestamp: str
    model: Annotated[str, Meta(max_length=255)]
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    request_id: _Text
    status: Annotated[str, Meta(max_length=32)] | None
    latency_ms: float | None
    api_key_hash: _Name
    created_at: str
    provider: _Name
    requested_model: _Text
    cached_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    ttft_ms: float | None
    cost_usd: float | None
    cost_source: _Short
    event_id: int | None
    source: _Name
    response_id: _Text
    app: _Text
    user: _Text
    team: _Text
    project: _Text
    session: _Text
    account: _Text
    cache_write_1h_tokens: int | None
    audio_input_tokens: int | None
    audio_output_tokens: int | None
    image_input_tokens: int | None
    image_output_tokens: int | None
    service_tier: _Name
    excluded_as: _Short


class BadRow(ValueError):
    """It cannot be moved; the message names the column."""


Event = tuple[dt.datetime, int]


def event(time: dt.datetime, event_id: int) -> Event:
    """What a row is known by. Django reads UTC times with their zone, or on SQLite without."""
    return time.replace(tzinfo=None), event_id


class Moved(msgspec.Struct, frozen=True, gc=False):
    """A row as the target stores it, in the order of COLUMNS, and as `aggregate` takes it."""

    completed_at: dt.datetime
    stored: tuple[Any, ...]
    to_sum: TimedRow | None  # none for a row that no figure counts

    @property
    def event(self) -> Event:
        return event(self.completed_at, self.stored[_EVENT_ID])


_EVENT_ID = COLUMNS.index("event_id")


def moved(row: Row, fingerprint: str) -> Moved:
    """The row (its id, then COLUMNS) for the target; BadRow when there is no room for it there.

    One without an identity gets one from its file and id, so that it is known the next time.
    """
    try:
        checked = msgspec.convert(row[1:], PortalRow)
    except msgspec.ValidationError as error:
        raise BadRow(_explained(error)) from None
    completed_at = _moment("timestamp", checked.timestamp)
    _require_storable_text(checked)
    texts = {name: getattr(checked, name) for name in STORED_TEXTS}
    checked = msgspec.structs.replace(checked, **kept_texts.changes(texts))
    event_id = checked.event_id
    if event_id is None:
        event_id = event_identity("portal", f"{fingerprint}|{row[0]}")
    created_at = _moment("created_at", checked.created_at)
    middle = msgspec.structs.astuple(checked)[1:]
    time, made = times.stored([completed_at, created_at])
    stored = [time, *middle]
    stored[COLUMNS.index("created_at")] = made
    stored[_EVENT_ID] = event_id
    return Moved(completed_at, tuple(stored), _to_sum(checked, completed_at))


def _to_sum(row: PortalRow, completed_at: dt.datetime) -> TimedRow | None:
    """The columns in the order of `aggregation.COLUMNS`."""
    if row.excluded_as is not None:
        return None
    values = {name: getattr(row, name) for name in SUMMED_COLUMNS}
    values |= {name: values[name] or 0 for name in TOKEN_COLUMNS}
    values |= {name: if_finite(values[name]) for name in NUMBER_COLUMNS}
    return int(completed_at.timestamp() // 1), tuple(values.values())


@lru_cache(maxsize=64)  # rows of a batch were created at the same time
def _moment(column: str, text: str) -> dt.datetime:
    try:
        return moment_from_sqlite(text)
    except (ValueError, OverflowError):
        raise BadRow(f"{column}: the calendar has no such time") from None


def _require_storable_text(row: PortalRow) -> None:
    texts = (getattr(row, name) for name in (*STORED_TEXTS, "cost_source", "excluded_as"))
    try:
        text = "".join(filter(None, texts)).encode()
    except UnicodeEncodeError:
        raise BadRow("a text is no UTF-8") from None
    if b"\0" in text:
        raise BadRow("a text holds a NUL character")


def _explained(error: msgspec.ValidationError) -> str:
    """Without the value, which may be a key: `latency_ms: Expected float | null, got str`."""
    fault, _, path = str(error).partition(" - at `$[")
    index = path.rstrip("`]")
    column = COLUMNS[int(index)] if index.isdecimal() else "the row"
    return f"{column}: {fault}"
