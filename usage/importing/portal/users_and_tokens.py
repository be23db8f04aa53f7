"""Who may use a portal: users, groups, ingest tokens; and the ledger of posts that may come again.

What is here already stays as it is, except that a token revoked there is revoked here.
"""

import datetime as dt
import json
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.utils import timezone

from usage.importing.portal.file import PortalFile, moment_from_sqlite
from usage.models import IdempotentPost, IngestToken, OneTimePassword
from usage.recording.idempotency import KEPT_FOR, kept_key

_AT_ONCE = 500
_USER_TEXTS = ("username", "password", "first_name", "last_name", "email")
_USER_FLAGS = ("is_superuser", "is_staff", "is_active")
_USER_TIMES = ("date_joined", "last_login")

_Ids = dict[int, int]  # by the file's id


@dataclass(frozen=True)
class Accounts:
    """How many of the file's are here now, and which users were here before."""

    tokens: int
    users: int
    new_tokens: int
    new_users: int
    users_before: list[str]


def take_over(source: PortalFile) -> Accounts:
    with transaction.atomic():
        groups = _groups(source)
        users_before = _users(source, groups)
        tokens, new_tokens = _tokens(source)
        _ledger(source, tokens)
    names = [row["username"] for row in source.dicts("auth_user")]
    return Accounts(
        tokens=len(tokens),
        users=User.objects.filter(username__in=names).count(),
        new_tokens=new_tokens,
        new_users=len(names) - len(users_before),
        users_before=users_before,
    )


def _groups(source: PortalFile) -> _Ids:
    """Found or made by name; a new one gets its permissions."""
    ids: _Ids = {}
    for row in source.dicts("auth_group"):
        group, is_new = Group.objects.get_or_create(name=row["name"])
        ids[row["id"]] = group.pk
        if is_new:
            found = _permissions(source, "auth_group_permissions", "group_id", row["id"])
            group.permissions.set(found)
    return ids


def _permissions(source: PortalFile, table: str, column: str, owner: int) -> list[Permission]:
    """Those that exist here: the ids differ, the names do not."""
    cursor = source.file.execute(
        "SELECT app_label, model, codename FROM auth_permission "
        "JOIN django_content_type ON django_content_type.id = content_type_id "
        f"WHERE auth_permission.id IN (SELECT permission_id FROM {table} WHERE {column} = ?)",
        (owner,),
    )
    found: list[Permission] = []
    for app_label, model, codename in cursor.fetchall():
        found += Permission.objects.filter(
            content_type__app_label=app_label, content_type__model=model, codename=codename
        )
    return found


def _users(source: PortalFile, groups: _Ids) -> list[str]:
    """Make those whose name is free, with their passwords' hashes; the names that were taken."""
    taken = []
    one_time = {row["user_id"] for row in source.dicts("usage_onetimepassword")}
    for row in source.dicts("auth_user"):
        if User.objects.filter(username=row["username"]).exists():
            taken.append(row["username"])
            continue
        user = User.objects.create(
            **{name: row[name] for name in _USER_TEXTS},
            **{name: bool(row[name]) for name in _USER_FLAGS},
            **{name: _moment(row[name]) for name in _USER_TIMES},
        )
        user.user_permissions.set(
            _permissions(source, "auth_user_user_permissions", "user_id", row["id"])
        )
        member_of = source.file.execute(
            "SELECT group_id FROM auth_user_groups WHERE user_id = ?", (row["id"],)
        )
        user.groups.set([groups[number] for (number,) in member_of.fetchall()])
        if row["id"] in one_time:
            OneTimePassword.objects.create(user=user)
    return taken


def _tokens(source: PortalFile) -> tuple[_Ids, int]:
    """By their digests, so that proxies go on writing with the tokens they have."""
    ids: _Ids = {}
    made = 0
    for row in source.dicts("usage_ingesttoken"):
        token, is_new = IngestToken.objects.get_or_create(
            digest=row["digest"],
            defaults={
                "name": row["name"],
                "hint": row["hint"],
                "created_at": moment_from_sqlite(row["created_at"]),
                "revoked_at": _moment(row["revoked_at"]),
            },
        )
        if row["revoked_at"]:
            token.revoke()
        ids[row["id"]] = token.pk
        made += is_new
    return ids, made


def _ledger(source: PortalFile, tokens: _Ids) -> None:
    """So that a post whose answer was lost before the move is not stored again after it."""
    youngest = timezone.now() - KEPT_FOR
    posts = (
        IdempotentPost(
            writer=_writer(row["writer"], tokens),
            key=kept_key(row["key"]),
            body_digest=row["body_digest"],
            answer=json.loads(row["answer"]) if row["answer"] else None,
            created_at=moment_from_sqlite(row["created_at"]),
        )
        for row in source.dicts("usage_idempotentpost")
        if moment_from_sqlite(row["created_at"]) >= youngest
    )
    while some := list(islice(posts, _AT_ONCE)):
        IdempotentPost.objects.bulk_create(some, ignore_conflicts=True)


def _writer(writer: str, tokens: _Ids) -> str:
    """Writers are named after their token's id, which is another one here."""
    kind, _, number = writer.partition(":")
    if kind == "token" and number.isdecimal() and int(number) in tokens:
        return f"token:{tokens[int(number)]}"
    return writer


def _moment(value: Any) -> dt.datetime | None:
    return moment_from_sqlite(value) if value else None
