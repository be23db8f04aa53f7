"""API keys in the small tables, and in the files beside the database."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.contrib.admin.models import LogEntry
from django.db import IntegrityError, transaction
from django.db.models import Model

from usage import live_keys
from usage.database.transactions import write_transaction
from usage.models import (
    AuditEntry,
    CollectorState,
    IdempotentPost,
    IngestToken,
    PriceOverride,
    SuppressedPair,
)
from usage.recording.cross_source import count_suppressed
from usage.recording.idempotency import kept_key

_FILES = ("*.rejected.ndjson", "collector/*.broken.ndjson")
_PAGE = 1_000
# Texts that came from outside; other tables hold digests, or what the portal itself wrote.
TEXTS: dict[type[Model], tuple[str, ...]] = {
    IdempotentPost: ("key",),
    SuppressedPair: ("counted_source", "suppressed_source"),
    PriceOverride: ("model_pattern", "provider"),
    CollectorState: ("error", "last_loss"),
    IngestToken: ("name",),
    AuditEntry: ("object_id", "object_name", "detail"),
    LogEntry: ("object_repr", "change_message"),
}


def redact_texts(*, is_dry: bool) -> Iterator[str]:
    """The name of the table of each entry that holds a key, which is taken out."""
    for model in TEXTS:
        for entry in _entries(model):
            changes = _changes(entry)
            if changes:
                if not is_dry:
                    _write(entry, changes)
                yield str(model._meta.verbose_name)


def files_with_keys(folder: Path) -> list[Path]:
    """Files for people, which an older version has written."""
    found = sorted(path for pattern in _FILES for path in folder.glob(pattern))
    return [path for path in found if _holds_key(path)]


def _entries(model: type[Model]) -> Iterator[Any]:
    last = 0
    while page := list(model._default_manager.filter(pk__gt=last).order_by("pk")[:_PAGE]):
        yield from page
        last = page[-1].pk


def _changes(entry: Any) -> dict[str, str]:
    if isinstance(entry, IdempotentPost):
        kept = kept_key(entry.key)
        return {} if kept == entry.key else {"key": kept}
    return live_keys.changes({name: getattr(entry, name) for name in TEXTS[type(entry)]})


def _write(entry: Any, changes: dict[str, str]) -> None:
    """Where what is left is there already, counts are added to it, and the entry goes."""
    with write_transaction():
        if isinstance(entry, SuppressedPair):
            entry.delete()
            pair = (
                live_keys.without_keys(entry.counted_source),
                live_keys.without_keys(entry.suppressed_source),
            )
            count_suppressed({pair: entry.calls}, {pair: entry.last_at})
            return
        try:
            with transaction.atomic():
                type(entry)._default_manager.filter(pk=entry.pk).update(**changes)
        except IntegrityError:
            entry.delete()


def _holds_key(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return any(live_keys.first_key(line) is not None for line in file)
    except OSError:
        return False
