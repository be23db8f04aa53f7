"""Rows that did not come through `record_batch`: how many wait for the sums, and adding them."""

from usage.database.transactions import in_write_transaction
from usage.models import UsageMetric
from usage.rollups import keeping


def count_unsummed() -> int:
    """How many rows the sums do not hold yet: of plain SQL, or of an older version."""
    return UsageMetric.objects.filter(is_summed=None).count()


def sum_rows_up(most: int) -> int:
    """Add at most that many of them to the sums, in a transaction of its own; how many it were."""
    return in_write_transaction(lambda: keeping.add_unsummed(most))
