"""Accounts that a command of Django's makes or changes go into the audit trail."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.signals import post_save, pre_save

from usage import audit_trail


@contextmanager
def accounts_in_trail(command: str) -> Iterator[None]:
    """An account and what is said of it are kept together, or neither.

    The transaction is around the saving alone: these commands wait for people who type.
    """
    with ExitStack() as saving:

        def begin(**_: Any) -> None:
            saving.enter_context(transaction.atomic())

        def end(instance: User, created: bool, **_: Any) -> None:
            if created:
                detail = "A superuser." if instance.is_superuser else ""
                audit_trail.note_command(command, audit_trail.ADDED, detail, instance)
            else:
                audit_trail.note_command(command, audit_trail.CHANGED, "Password set", instance)
            saving.close()

        pre_save.connect(begin, sender=User)
        post_save.connect(end, sender=User)
        try:
            yield
        finally:
            pre_save.disconnect(begin, sender=User)
            post_save.disconnect(end, sender=User)
