"""`serve --demo`: usage that looks like a team's."""

import datetime as dt

import pytest

from usage import demo
from usage.asking.filters import UsageFilter
from usage.models import UsageMetric
from usage.queries import model_names, usage_totals

pytestmark = pytest.mark.django_db


def test_demo_usage_is_a_months_worth_of_a_teams_requests():
    assert demo.has_usage() is False
    stored = sum(demo.fill(rows=3000))
    assert demo.has_usage() is True
    assert stored == UsageMetric.objects.count() == pytest.approx(3000, rel=0.1)
    assert len(model_names()) == 12
    assert UsageMetric.objects.values("api_key_hash").distinct().count() == 30
    now = dt.datetime.now(dt.UTC)
    oldest, newest = (
        UsageMetric.objects.order_by(order).values_list("timestamp", flat=True)[0]
        for order in ("timestamp", "-timestamp")
    )
    assert now - dt.timedelta(days=30, minutes=1) < oldest < now - dt.timedelta(days=28)
    assert now - dt.timedelta(days=1) < newest <= now
    totals = usage_totals(UsageFilter())
    assert 0 < totals.failed_requests < 0.1 * totals.requests
    assert 0 < totals.unpriced_requests < totals.requests


def test_demo_usage_has_quiet_nights_and_weekends():
    sum(demo.fill(rows=3000))
    moments = list(UsageMetric.objects.values_list("timestamp", flat=True))
    by_day = sum(9 <= moment.hour < 18 for moment in moments)
    assert by_day > 0.55 * len(moments)
    at_weekends = sum(moment.weekday() >= 5 for moment in moments)
    assert at_weekends < 0.2 * len(moments)
