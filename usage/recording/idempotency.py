"""Posts with an Idempotency-Key: stored once, answered the same way each time."""

import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils import timezone

from usage.models import IdempotentPost
from usage.recording.transactions import write_transaction
from usage.recording.writer import RecordingResult, record_batch
from usage.records import UsageRecord

KEPT_FOR = dt.timedelta(hours=48)
_FORGOTTEN_AT_ONCE = 100
_CLAIM = (
    "INSERT INTO usage_idempotentpost (writer, key, body_digest) VALUES (%s, %s, %s) "
    "ON CONFLICT (writer, key) DO NOTHING"
)


class KeyReused(Exception):
    """The key came before, with another body."""


@dataclass(frozen=True)
class Post:
    """A post that may come again: who sends it, under which key, with which body."""

    writer: str
    key: str
    body: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


def record_once(
    post: Post,
    records: Sequence[UsageRecord],
    answer: Callable[[RecordingResult], dict[str, Any]],
) -> tuple[dict[str, Any], bool]:
    """Store the records unless the post was stored before; what it was answered, and whether
    this is a repetition. KeyReused when the key belongs to another body.

    Two copies at the same time wait for each other at the claim.
    """
    with write_transaction():
        _forget_some_old_keys()
        with connection.cursor() as cursor:
            cursor.execute(_CLAIM, [post.writer, post.key, post.digest])
            is_first = cursor.rowcount == 1
        claim = IdempotentPost.objects.get(writer=post.writer, key=post.key)
        if not is_first:
            if claim.body_digest != post.digest:
                raise KeyReused
            return claim.answer or {}, True
        claim.answer = first_answer = answer(record_batch(records))
        claim.save(update_fields=["answer"])
        return first_answer, False


def _forget_some_old_keys() -> None:
    """A few at a time: this is the time of a client that waits. `purge` forgets the rest."""
    old = IdempotentPost.objects.filter(created_at__lt=timezone.now() - KEPT_FOR)
    ids = list(old.order_by("created_at").values_list("pk", flat=True)[:_FORGOTTEN_AT_ONCE])
    if ids:
        IdempotentPost.objects.filter(pk__in=ids).delete()
