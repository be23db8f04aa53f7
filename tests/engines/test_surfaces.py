"""Prometheus, health, the dashboard and the schema on each engine: the same figures everywhere."""

import pytest
from django.core.management import call_command
from django.test import Client

from tests.factory import ALICE, NOON, store
from tests.test_exactness import insert_in_plain_sql

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _rows():
    store(
        *({"total_tokens": 10, "latency_ms": 5.0 * n, "ttft_ms": 2, "provider": "openai",
           "api_key_hash": ALICE, "status": "200"} for n in range(1, 16))
    )  # fmt: skip


@pytest.fixture
def _a_row_of_plain_sql():
    insert_in_plain_sql(
        [{"timestamp": NOON, "model": "m", "provider": "openai", "status": "200",
          "total_tokens": 10, "api_key_hash": ALICE}]
    )  # fmt: skip


@pytest.mark.usefixtures("_a_row_of_plain_sql")
def test_prometheus_has_a_row_of_plain_sql_as_soon_as_the_sums_hold_it():
    assert _scraped_requests() == ["15"]
    call_command("work", "--once")
    assert _scraped_requests() == ["16"]


def _scraped_requests() -> list[str]:
    text = Client().get("/_qs/metrics/prometheus").getvalue().decode()
    assert "_bucket{" in text
    requests = [line for line in text.splitlines() if line.startswith("qsmetrics_requests_total{")]
    return [line.rpartition(" ")[2] for line in requests]


@pytest.mark.usefixtures("_a_row_of_plain_sql")
def test_the_dashboard_has_the_same_figures_as_the_api():
    answer = Client().get("/_qs/metrics").json()
    assert answer["totals"]["requests"] == 16
    for query in ("", "?range=30d", "?from=2024-01-15&to=2024-01-16", "?range=7d&model=m"):
        assert Client().get(f"/_qs/metrics/ui{query}").status_code == 200
    page = Client().get("/_qs/metrics/ui?from=2024-01-15&to=2024-01-16").content.decode()
    assert "160" in page


def test_health_tells_the_count():
    answer = Client().get("/_qs/health")
    assert answer.status_code == 200
    assert answer.json()["total_records_persisted"] == 15
