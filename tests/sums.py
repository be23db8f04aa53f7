"""What every test of changes ends with: the sums are what the raw rows make."""

from usage.models import UsageMetric
from usage.rollups import comparison, rebuild, unsummed


def add_waiting_rows():
    """All that plain SQL has left, as the background job does it; in how many steps."""
    return sum(1 for _ in unsummed.add_waiting_rows())


def assert_sums_equal_rows():
    assert not UsageMetric.objects.filter(is_summed=None).exists()
    days = rebuild.days_with_usage(None)
    differences = [each for day in days for each in comparison.compare_day(day)]
    assert differences == []
    assert comparison.compare_wide_buckets(None) == []
