"""The first admin user, made when there is none, with a password to change at once."""

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.crypto import get_random_string

from usage import audit_trail
from usage.models import OneTimePassword

# Without letters and digits that look alike: people type it from a terminal.
_ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_PASSWORD_LENGTH = 16


def make_first_admin() -> tuple[str, str] | None:
    """Name and one-time password of a new superuser; None when there is one already.

    Of two processes that start together one makes it, and the other gets None.
    """
    password = get_random_string(_PASSWORD_LENGTH, _ALPHABET)
    try:
        with transaction.atomic():
            if User.objects.filter(is_superuser=True).exists():
                return None
            user = User.objects.create_superuser(_free_name(), "", password)
            OneTimePassword.objects.create(user=user)
            audit_trail.note_command("serve", audit_trail.ADDED, "The first superuser.", user)
    except IntegrityError:
        return None
    return user.get_username(), password


def _free_name() -> str:
    """`admin`, unless somebody without superuser rights has that name."""
    taken = User.objects.filter(username="admin").exists()
    return f"admin-{get_random_string(4, 'abcdefghijkmnpqrstuvwxyz')}" if taken else "admin"
