"""Posts with an Idempotency-Key: stored once, answered the same way each time."""

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils import timezone

from usage.identity import hash_api_key
from usage.live_keys import first_key
from usage.models import IdempotentPost

KEPT_FOR = dt.timedelta(hours=48)
_FORGOTTEN_AT_ONCE = 100
_CLAIM = (
    "INSERT INTO usage_idempotentpost (writer, key, body_digest, answer) VALUES (%s, %s, %s, %s) "
    "ON CONFLICT (writer, key) DO NOTHING"
)


class KeyReused(Exception):
    """The key came before, with another body."""


@dataclass(frozen=True)
class Post:
    """A post that may come again: who sends it, under which key, with which body."""

    writer: str
    key: str
    body_digest: str  # hex SHA-256

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", kept_key(self.key))


def kept_key(key: str) -> str:
    """An Idempotency-Key as the ledger keeps it: one that holds an API key as its SHA-256."""
    return key if first_key(key) is None else f"sha256:{hash_api_key(key)}"


def claim(post: Post, answer: dict[str, Any] | None) -> bool:
    """Take the key for this post, after whoever is taking it now; False if it was taken."""
    with connection.cursor() as cursor:
        text = None if answer is None else json.dumps(answer)
        cursor.execute(_CLAIM, [post.writer, post.key, post.body_digest, text])
        return bool(cursor.rowcount == 1)


def keep_answer(post: Post, answer: dict[str, Any]) -> None:
    """What a claimed post is answered, now and again."""
    IdempotentPost.objects.filter(writer=post.writer, key=post.key).update(answer=answer)


def first_answer(post: Post) -> dict[str, Any]:
    """What the post was answered when its key was claimed; KeyReused if that was another."""
    first = IdempotentPost.objects.get(writer=post.writer, key=post.key)
    if first.body_digest != post.body_digest:
        raise KeyReused
    return first.answer or {}


def forget_some_old_keys() -> None:
    """A few at a time: this is the time of a client that waits. `purge` forgets the rest."""
    old = IdempotentPost.objects.filter(created_at__lt=timezone.now() - KEPT_FOR)
    ids = list(old.order_by("created_at").values_list("pk", flat=True)[:_FORGOTTEN_AT_ONCE])
    if ids:
        IdempotentPost.objects.filter(pk__in=ids).delete()
