"""Taking a person's name out of rows and sums: they go on counting, and say no more whose."""

import hashlib
import hmac
from collections.abc import Iterator

from django.conf import settings

from usage.database import extensions
from usage.database.overwriting import overwriting
from usage.database.pace import Pace
from usage.models import UsageMetric, UsageMetricQuerySet
from usage.pseudonyms import ERASED, pseudonym
from usage.retention.rewriting_rows import Changes
from usage.retention.rewriting_sums import count_sums_to_rewrite, rewrite_sums

LONGEST_NAME = 255
_PAGE = 20_000
_FIRST_STEP, _LARGEST_STEP = 200, 2_000


def rows_of_user(user: str) -> UsageMetricQuerySet:
    """Also those that no figure counts, and under the pseudonym. No index knows the name."""
    return UsageMetric.objects.filter(user__in=_names_of(user))


def erase_user(user: str) -> Iterator[int]:
    """Put `(erased)` in the place of the name in its rows, and let their sums follow.

    A little in each transaction; how many were done each time. A row that comes in meanwhile keeps
    the name.
    """
    if extensions.is_hypertable():
        yield from rows_of_user(user).update_in_chunks(user=ERASED)
        return
    pace = Pace(first=_FIRST_STEP, most=_LARGEST_STEP)
    with overwriting():
        for ids in _pages(user):
            start = 0
            while start < len(ids):
                some = ids[start : start + pace.size]
                start += len(some)
                with pace.step():
                    done = rows_of_user(user).filter(pk__in=some).update(user=ERASED)
                yield done


def count_sums_of_user(user: str) -> int:
    return count_sums_to_rewrite(_erasing(user))


def erase_sums_of_user(user: str) -> Iterator[int]:
    """Those that are left when its rows are done, which were purged: moved to `(erased)`."""
    with overwriting():
        yield from rewrite_sums(_erasing(user))


def _erasing(user: str) -> Changes:
    named = _names_of(user)
    return lambda texts: {"user": ERASED} if texts.get("user") in named else {}


def _names_of(user: str) -> list[str]:
    return [user, pseudonym(user)]


def _pages(user: str) -> Iterator[list[int]]:
    """Ids in their order, so that the table is read once: times of plain SQL may have none."""
    last, page = None, [0]
    while page:
        rows = rows_of_user(user).order_by("id")
        rows = rows if last is None else rows.filter(pk__gt=last)
        page = list(rows.values_list("pk", flat=True)[:_PAGE])
        yield page
        last = page[-1] if page else None


def fingerprint_of(user: str) -> str:
    """Tells who knows the name that it was meant, and nobody else whose it was."""
    key = settings.SECRET_KEY.encode()
    return hmac.new(key, user.encode(), hashlib.sha256).hexdigest()[:16]
