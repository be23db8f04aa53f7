"""Writes the audit trail. No secret may be given to it: what it is told can be read."""

import getpass
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.db import Error
from django.db.models import Model, QuerySet

from usage.live_keys import without_keys
from usage.models import AuditEntry

ADMIN = "admin"
ADDED, CHANGED, DELETED = "added", "changed", "deleted"
REMOVED, ERASED, IMPORTED, REPRICED = "removed", "erased", "imported", "repriced"
REBUILT, CONVERTED, FOLDED, RELEASED = "rebuilt", "converted", "folded", "released"
BACKED_UP, RESTORED = "backed up", "restored"
ACTIONS = (
    *(ADDED, CHANGED, DELETED, REMOVED, ERASED, IMPORTED, REPRICED, REBUILT, CONVERTED),
    *(FOLDED, RELEASED, BACKED_UP, RESTORED),
)


def note_in_admin(user: Any, action: str, objects: Iterable[Model], detail: str = "") -> None:
    """What somebody did to these objects; call it before a deletion, while they have ids."""
    AuditEntry.objects.bulk_create(
        _entry(user.get_username(), ADMIN, action, each, detail) for each in objects
    )


def note_command(command: str, action: str, detail: str = "", of: Model | None = None) -> None:
    """What `manage.py COMMAND` did; the actor is the user of this machine."""
    _entry(_machine_user(), f"manage.py {command}", action, of, detail).save()


@contextmanager
def note_work(command: str, action: str, plan: str, done: Callable[[], str]) -> Iterator[None]:
    """Long work of `manage.py COMMAND`: in the trail before it begins, so that a kill leaves it.

    `done` tells at the end what was changed; where it is nothing, nothing was, and nothing stays.
    """
    entry = _entry(_machine_user(), f"manage.py {command}", action, None, f"Begun: {plan}")
    entry.save()
    try:
        yield
    except BaseException:
        with suppress(Error):  # what stands there then is true as well
            _end(entry, f"{plan} Broken off; until then: {done() or 'nothing.'}")
        raise
    if said := done():
        _end(entry, said)
    else:
        entry.delete()


def _end(entry: AuditEntry, detail: str) -> None:
    entry.detail = _fitting("detail", detail)
    entry.save(update_fields=["detail"])


def entries_of(model: type[Model], object_id: str) -> QuerySet[AuditEntry]:
    """What is said of one object, oldest first."""
    entries = AuditEntry.objects.filter(kind=model._meta.label_lower, object_id=object_id)
    return entries.order_by("at", "id")


def _entry(actor: str, via: str, action: str, of: Model | None, detail: str) -> AuditEntry:
    entry = AuditEntry(actor=_fitting("actor", actor), via=via, action=action)
    entry.detail = _fitting("detail", detail)
    if of is not None:
        entry.kind = of._meta.label_lower
        entry.object_id = _fitting("object_id", str(of.pk))
        entry.object_name = _fitting("object_name", str(of))
    return entry


def _fitting(field: str, text: str) -> str:
    text = without_keys(text)  # before it is cut
    longest: int = getattr(AuditEntry, field).field.max_length
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _machine_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        return f"uid {os.getuid()}"
