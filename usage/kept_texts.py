"""Texts from outside as this portal keeps them: without API keys, and people as it is set."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from django.conf import settings

from usage import live_keys, pseudonyms
from usage.records import STORED_TEXTS, UsageRecord


def changes(texts: Mapping[str, Any]) -> dict[str, str]:
    """Of texts by column: those that are not kept as they came."""
    found = live_keys.changes(texts)
    if settings.METRICS_HASH_USERS:
        found |= pseudonyms.changes({**texts, **found})
    return found


def kept_records(records: Sequence[UsageRecord]) -> Sequence[UsageRecord]:
    """Records that hold no key, with people as they are kept."""
    if not settings.METRICS_HASH_USERS:
        return records
    return [_without_people(record) for record in records]


def _without_people(record: UsageRecord) -> UsageRecord:
    found = pseudonyms.changes({name: getattr(record, name) for name in STORED_TEXTS})
    return msgspec.structs.replace(record, **found) if found else record
