"""`GET /_qs/metrics/prometheus`: valid OpenMetrics whose figures are those of the API."""

import datetime as dt
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from usage.api import prometheus
from usage.models import CollectorState, SuppressedPair
from usage.queries import turns
from usage.recording import record_batch, record_checked
from usage.upstream_accounts import AccountName, AccountsTold, QuotaReading, UpstreamKey

pytestmark = pytest.mark.django_db
PATH = "/_qs/metrics/prometheus"
AT = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
GRAFANA = Path(__file__).parent.parent / "docs" / "grafana-dashboard.json"
ODD = 'a "quoted" \\ model, {of}=all {kinds} \u010d'


def row(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "timestamp": AT, "prompt_tokens": 10, "completion_tokens": 5, **fields}


def families(client, query: str = "") -> dict[str, Any]:
    answer = client.get(PATH + query)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    text = answer.getvalue().decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def values(family: Any, *names: str) -> dict[tuple[str, ...], float]:
    """By the labels' values in the order of their names."""
    found: dict[tuple[str, ...], float] = {}
    for sample in family.samples:
        key = tuple(sample.labels[name] for name in names)
        assert key not in found
        found[key] = sample.value
    return found


def test_without_rows_it_is_valid_and_empty(client):
    found = families(client)
    assert found["qsmetrics_requests"].samples == []
    assert found["qsmetrics_build"].samples[0].value == 1


def test_requests_are_told_apart_by_model_provider_and_status_class(client):
    statuses = ["200", "201", "429", "503", None, "ok", "timeout"]
    record_batch([row(status=status) for status in statuses])
    record_batch([row(model=ODD, provider='p"\\'), row(model=ODD, status="4xx")])
    labels = ("model", "provider", "status_class")
    assert values(families(client)["qsmetrics_requests"], *labels) == {
        ("m", "", "2xx"): 2,
        ("m", "", "4xx"): 1,
        ("m", "", "5xx"): 1,
        ("m", "", "none"): 1,
        ("m", "", "ok"): 1,
        ("m", "", "error"): 1,
        (ODD, 'p"\\', "none"): 1,
        (ODD, "", "error"): 1,
    }


def test_every_counter_adds_up_to_what_the_api_says(client):
    details = {"cached_tokens": 4, "cache_write_tokens": 3, "reasoning_tokens": 2}
    for number in range(40):
        at = AT + dt.timedelta(days=number, minutes=number)
        cost = {"cost_usd": 0.1 * number} if number % 3 else {}
        status = "500" if number % 7 == 0 else "200"
        key = f"key-{number % 4}"
        record_batch([row(timestamp=at, status=status, api_key_hash=key, **details, **cost)])
    found = families(client)
    totals = client.get("/_qs/metrics?group_by=api_key").json()
    for name in (
        *("requests", "tokens", "prompt_tokens", "completion_tokens", "cached_tokens"),
        *("cache_write_tokens", "reasoning_tokens", "cost_usd", "unpriced_requests"),
    ):
        ours = sum(sample.value for sample in found[f"qsmetrics_{name}"].samples)
        assert ours == pytest.approx(totals["totals"][name]), name
    for name in ("requests", "tokens", "failed_requests", "cost_usd"):
        theirs = {(key["api_key_hash"],): key[name] for key in totals["by_api_key"]}
        ours = values(found[f"qsmetrics_key_{name}"], "api_key_hash")
        assert ours == pytest.approx(theirs), name


def test_latencies_are_a_histogram_whose_buckets_count_exactly(client):
    latencies = [0.5, 2.9, 3.1, 10, 100, 100, 999, 5_000, 60_000, 3_600_000]
    record_batch([row(latency_ms=latency) for latency in latencies])
    record_batch([row(), row(ttft_ms=250)])
    found = families(client)
    samples = found["qsmetrics_request_duration_seconds"].samples
    buckets = {
        float(sample.labels["le"]): sample.value
        for sample in samples
        if sample.name.endswith("_bucket")
    }
    assert len(buckets) == 21
    for bound, count in buckets.items():
        assert count == sum(latency / 1000 < bound for latency in latencies)
    rest = {sample.name.rpartition("_")[2]: sample.value for sample in samples[-2:]}
    assert rest == {"count": 10, "sum": pytest.approx(sum(latencies) / 1000)}
    first = found["qsmetrics_time_to_first_token_seconds"].samples
    assert (first[-2].value, first[-1].value) == (1, 0.25)


def test_a_counter_never_falls_while_rows_come_in(client):
    last: Counter[tuple[str, ...]] = Counter()
    for number in range(60):
        at = AT + dt.timedelta(hours=37 * number)
        record_batch([row(timestamp=at, cost_usd=0.1 + number / 7, model=f"m{number % 3}")])
        now = values(families(client)["qsmetrics_cost_usd"], "model")
        assert all(now[model] >= last[model] for model in now)
        last.update(now)
        last = Counter(now)


def test_rows_that_no_figure_counts_are_not_counted(client, settings):
    settings.METRICS_SOURCE_PRIORITY = ["litellm"]
    record_batch([row(source=source, response_id="r") for source in ("litellm", "otel")])
    found = families(client)
    assert values(found["qsmetrics_requests"], "model") == {("m",): 1}
    pairs = values(found["qsmetrics_suppressed_duplicates"], "counted_source", "suppressed_source")
    assert pairs == {("litellm", "otel"): 1}


def test_collectors_are_told_for_alerts(client):
    CollectorState.objects.create(name="east", state="collecting")
    CollectorState.objects.create(name="west", state="waiting", possible_losses=3)
    found = families(client)
    assert values(found["qsmetrics_collector_up"], "collector") == {("east",): 1, ("west",): 0}
    losses = values(found["qsmetrics_collector_possible_losses"], "collector")
    assert losses == {("east",): 0, ("west",): 3}


def test_keys_can_be_left_out(client):
    record_batch([row(api_key_hash="k")])
    assert families(client, "?keys=false")["qsmetrics_key_requests"].samples == []
    assert client.get(PATH + "?keys=perhaps").status_code == 400
    assert client.get(PATH + "?key=1").status_code == 400


def test_it_is_read_with_the_same_rights_as_the_rest(client, settings):
    settings.METRICS_BASIC_AUTH_USER, settings.METRICS_BASIC_AUTH_PASS = "u", "p"
    assert client.get(PATH).status_code == 401
    basic = {"Authorization": "Basic dTpw"}
    assert client.get(PATH, headers=basic).status_code == 200
    assert client.post(PATH, headers=basic).status_code == 405


def test_the_grafana_dashboard_asks_for_what_there_is(client):
    SuppressedPair.objects.create(counted_source="a", suppressed_source="b", calls=1, last_at=AT)
    CollectorState.objects.create(name="east")
    record_batch([row(latency_ms=5, ttft_ms=5, api_key_hash="k", cost_usd=1)])
    names = {sample.name for each in families(client).values() for sample in each.samples}
    dashboard = json.loads(GRAFANA.read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    asked += [
        each["query"]["query"]
        for each in dashboard["templating"]["list"]
        if "query" in each and isinstance(each["query"], dict)
    ]
    used = {name for query in asked for name in re.findall(r"qsmetrics_\w+", query)}
    assert len(asked) > 8
    assert used <= names


def test_a_scrape_takes_its_turn_among_dear_questions(client, monkeypatch):
    record_batch([row()])
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(turns, "DEAR_FROM", 1)
    with turns.Turn() as one, turns.Turn() as other:
        one.take_for(1)
        other.take_for(1)
        refused = client.get(PATH)
        assert (refused.status_code, refused["Retry-After"]) == (503, "5")
    assert client.get(PATH).getvalue().endswith(b"\n# EOF\n")


# --- Many names -------------------------------------------------------------------------------


def test_so_many_label_sets_as_came_first_are_told_apart_and_the_rest_is_added_up(
    client, monkeypatch
):
    monkeypatch.setattr(prometheus, "MOST_LABEL_SETS", 3)
    record_batch([row(model=f"m{n}", latency_ms=100 * n, api_key=f"k{n}",
                      timestamp=AT + n * dt.timedelta(seconds=1)) for n in range(6)])  # fmt: skip
    labels = ("model", "provider", "status_class")
    found = families(client)
    assert values(found["qsmetrics_requests"], *labels) == {
        ("m0", "", "none"): 1,
        ("m1", "", "none"): 1,
        ("m2", "", "none"): 1,
        ("(other)", "(other)", "(other)"): 3,
    }
    assert sorted(values(found["qsmetrics_key_requests"], "api_key_hash").values()) == [1, 1, 1, 3]
    sums = {
        sample.labels["model"]: sample.value
        for sample in found["qsmetrics_request_duration_seconds"].samples
        if sample.name.endswith("_sum")
    }
    assert sums == {"m0": 0, "m1": 0.1, "m2": 0.2, "(other)": 1.2}
    record_batch([row(model="m5", total_tokens=10**9)] * 50)  # the largest by far
    assert (
        values(families(client)["qsmetrics_requests"], *labels)["(other)", "(other)", "(other)"]
        == 53
    )


def test_the_others_of_the_sums_keep_their_labels(client, settings):
    settings.METRICS_MAX_NAMES = 1
    record_batch([row(status="500"), row(status="200"), row(model="n", status="500")])
    labels = ("model", "provider", "status_class")
    assert sum(values(families(client)["qsmetrics_requests"], *labels).values()) == 3
    found = values(families(client)["qsmetrics_requests"], *labels)
    assert found["m", "", "(other)"] == 1


def test_what_is_used_of_accounts_quotas_and_nothing_of_windows_that_were_reset(client):
    now = dt.datetime.now(dt.UTC)
    told, account = AccountsTold(), ("east", 'a"1')
    resets_at = now + dt.timedelta(minutes=5)
    told.add(QuotaReading(*account, "5h", now, 0.25, resets_at, "allowed", "claude"))
    told.add(QuotaReading(*account, "7d", now, 1.0, now - dt.timedelta(seconds=1)))
    told.name(UpstreamKey(*account), AccountName("ann@example.com"))
    record_checked([], told=told)
    found, labels = families(client), ("source", "account", "provider", "window")
    name = "qsmetrics_account_quota_"
    place = (*account, "claude", "5h")
    assert values(found[f"{name}used_ratio"], *labels) == {place: 0.25}
    assert values(found[f"{name}reset_timestamp_seconds"], *labels) == {
        place: pytest.approx(resets_at.timestamp(), abs=0.001)
    }
    assert values(found[f"{name}seen_timestamp_seconds"], *labels) == {
        place: pytest.approx(now.timestamp(), abs=0.001)
    }
    assert b"ann@" not in client.get(PATH).getvalue()


def test_accounts_quotas_are_bounded(client, monkeypatch):
    monkeypatch.setattr(prometheus, "MOST_LABEL_SETS", 3)
    told = AccountsTold()
    for n in range(5):
        told.add(QuotaReading("east", f"a{n}", "5h", dt.datetime.now(dt.UTC), 0.5))
    record_checked([], told=told)
    assert len(families(client)["qsmetrics_account_quota_used_ratio"].samples) == 3
