"""What posts are answered, and every refusal."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from usage.intake.parsed import ParsedRows, RowFault
from usage.recording import RecordingResult

_Faults = Annotated[
    list[RowFault] | UnsetType, Meta(description="What is wrong with which row, up to 1000.")
]


class Stored(msgspec.Struct, frozen=True, gc=False):
    """How many rows were new; `rejected` and `errors` where some were not stored."""

    accepted: int
    duplicates: Annotated[int, Meta(description="Events that were stored before.")]
    rejected: int | UnsetType = UNSET
    errors: _Faults = UNSET


def stored_of(rows: ParsedRows, result: RecordingResult, *, with_faults: bool) -> Stored:
    if with_faults:
        return Stored(result.accepted, result.duplicates, rows.bad_rows, rows.errors)
    return Stored(result.accepted, result.duplicates)


class Error(msgspec.Struct, frozen=True, gc=False):
    """A refusal, with whatever more is known of it."""

    error: Annotated[str, Meta(description="A sentence that says what to do.")]
    parameter: Annotated[
        str | UnsetType, Meta(description="The query parameter that is at fault.")
    ] = UNSET
    database_error: Annotated[
        str | UnsetType, Meta(description="Class and code, such as QueryCanceled 57014.")
    ] = UNSET
    errors: _Faults = UNSET
    bad_rows: Annotated[int | UnsetType, Meta(description="How many rows cannot be stored.")] = (
        UNSET
    )


class TelemetryError(Error, frozen=True, gc=False):
    """The same, as google.rpc.Status has it."""

    message: str | UnsetType = UNSET
