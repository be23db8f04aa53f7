"""What the rest of the portal calls: records in, durable when it returns."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from usage.heard import Heard, Origin
from usage.kept_texts import kept_records
from usage.pricing import priced
from usage.recording import unwritten
from usage.recording.group_commit import Submission, commit
from usage.recording.idempotency import Post
from usage.recording.writer import RecordingResult, as_records
from usage.records import UsageRecord, record_from
from usage.traced import Traces
from usage.upstream_accounts import AccountsTold


def record_batch(
    rows: Iterable[UsageRecord | Mapping[str, Any]], *, sender: str = ""
) -> RecordingResult:
    """Store all rows in one transaction, or none; they are durable when this returns.

    Where many batches wait, senders take turns.

    Rows are records, or mappings of the contract's row fields. InvalidRow names every fault,
    the row's place in front; a DatabaseError means that nothing was stored.
    """
    return record_checked(as_records(rows), sender=sender)


def record_checked(
    records: Sequence[UsageRecord],
    *,
    sender: str = "",
    traces: Traces | None = None,
    told: AccountsTold | None = None,
    origin: Origin | None = None,
    heard: Heard | None = None,
) -> RecordingResult:
    """The same for records that intake has made, which hold no key.

    `traces` are of records that are spans, and of what lies between them; `told` is what came with
    the records of upstream accounts. Of an `origin` the ledger tells what came: these records, and
    whatever else was `heard`.
    """
    if not (records or traces or told):
        if origin is not None and heard:
            unwritten.note(heard.entries(origin))
        return RecordingResult(0, 0)
    if origin is not None:
        for part in (traces or {}).values():
            source, _ = part.heard_from
            part.heard_from = source or origin.unnamed, origin.writer
    submission = Submission(
        priced(kept_records(records)),
        sender=sender,
        traces=traces or {},
        told=told or AccountsTold(),
        origin=origin,
        heard=heard,
    )
    result = commit(submission).result
    assert result is not None
    return result


def record_usage(model: str, **fields: Any) -> bool:
    """Store one row of the contract's fields (`timestamp` defaults to now).

    False when its event was stored before; InvalidRow when a field cannot be stored.
    """
    record = record_from({"model": model, **fields}, dt.datetime.now(dt.UTC))
    return record_batch([record]).accepted == 1


def record_once(
    post: Post,
    records: Sequence[UsageRecord],
    answer: Callable[[RecordingResult], dict[str, Any]],
    *,
    sender: str = "",
    origin: Origin | None = None,
    heard: Heard | None = None,
) -> tuple[dict[str, Any], bool]:
    """Store the records unless the post was stored before; what it was answered, and whether
    this is a repetition. KeyReused when the key belongs to another body.

    Two copies at the same time wait for each other at the claim.
    """
    done = commit(
        Submission(priced(kept_records(records)), post, answer, sender, origin=origin, heard=heard)
    )
    return done.first_answer or {}, done.is_repetition
