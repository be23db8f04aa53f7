"""The Basic pair: whether one that is presented is right, looked at only while it may be."""

import datetime as dt
import hashlib
import logging
import secrets

from django.conf import settings
from django.utils import timezone
from django.utils.crypto import salted_hmac

from usage.access.attempts import counting, slots
from usage.database.transactions import write_transaction
from usage.database.trouble import DATABASE_TROUBLE, explain
from usage.models import ProvenAddress

logger = logging.getLogger(__name__)

UNGUESSABLE_CHARACTERS = 20
_PROVEN_FOR = dt.timedelta(days=30)
_PROVEN_ANEW_AFTER = dt.timedelta(days=1)
_MOST_ADDRESSES = 1_000
_LONGEST_WAIT_SECONDS = 2.0


def is_right_pair(address: str, user: bytes, password: bytes) -> bool:
    """TooManyFailures when it was not even looked at.

    A password of 20 characters or more cannot be guessed, so it is always looked at and its
    failures are not counted. With a shorter one, whoever was right before from this address
    stays in while others fail.
    """
    if len(settings.METRICS_BASIC_AUTH_PASS) >= UNGUESSABLE_CHARACTERS:
        return _is_right(user, password)
    where = slots.of_pair(address, user)
    proven_at = _proven_at(address)
    if proven_at is not None and _is_right(user, password):
        if timezone.now() - proven_at > _PROVEN_ANEW_AFTER:
            _prove(address)
        return True
    attempt = counting.begin(where)
    if not _is_right(user, password):
        return False
    attempt.take_back()
    _prove(address)
    return True


def _is_right(user: bytes, password: bytes) -> bool:
    """Digests have one length, so the time tells nothing of that either."""
    right_user = _same(user, settings.METRICS_BASIC_AUTH_USER)
    right_password = _same(password, settings.METRICS_BASIC_AUTH_PASS)
    return right_user and right_password


def _same(presented: bytes, expected: str) -> bool:
    return secrets.compare_digest(
        hashlib.sha256(presented).digest(), hashlib.sha256(expected.encode()).digest()
    )


def _digest(address: str) -> str:
    """Of the pair too: another pair has not been right from anywhere yet."""
    pair = f"{settings.METRICS_BASIC_AUTH_USER}:{settings.METRICS_BASIC_AUTH_PASS}"
    value = f"{slots.whose(address)} {pair}"
    return salted_hmac("usage.login_attempts.pair", value, algorithm="sha256").hexdigest()


def _proven_at(address: str) -> dt.datetime | None:
    oldest = timezone.now() - _PROVEN_FOR
    found = ProvenAddress.objects.filter(digest=_digest(address), proven_at__gt=oldest)
    return found.values_list("proven_at", flat=True).first()


def _prove(address: str) -> None:
    """Remember that this address was right. If that cannot be written, the pair is still right."""
    try:
        with write_transaction(_LONGEST_WAIT_SECONDS):
            ProvenAddress.objects.update_or_create(
                digest=_digest(address), defaults={"proven_at": timezone.now()}
            )
            newest = ProvenAddress.objects.order_by("-proven_at").values_list("pk", flat=True)
            if older := list(newest[_MOST_ADDRESSES : 2 * _MOST_ADDRESSES]):
                ProvenAddress.objects.filter(pk__in=older).delete()
    except DATABASE_TROUBLE as error:
        logger.warning("where the Basic pair was right cannot be kept: %s", explain(error))
