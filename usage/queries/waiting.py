"""Rows that plain SQL wrote wait for the sums to take them: readers see to it when they can."""

import logging

from usage.database.transactions import short_write_transaction
from usage.database.trouble import DATABASE_TROUBLE, trouble_of
from usage.models import UsageMetric
from usage.rollups import keeping

logger = logging.getLogger(__name__)

_MOST = 20_000  # about half a second
_LONGEST_WAIT = 0.2  # seconds, for the lock of another writer


def add_waiting_rows() -> None:
    """Add some to the sums if there are any. Answers are right without it, only slower."""
    if not UsageMetric.objects.filter(is_summed=None).exists():
        return  # a question does not write
    try:
        with short_write_transaction(_LONGEST_WAIT):
            keeping.add_unsummed(_MOST)
    except DATABASE_TROUBLE as error:
        logger.debug("rows of plain SQL go on waiting for the sums: %s", trouble_of(error))
