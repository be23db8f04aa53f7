"""Collecting from CLIProxyAPI over real sockets, through whatever happens to either side."""

import os
import random
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from qsmetrics.cliproxy_setting import Proxy
from tests.cliproxy import (
    KEY,
    FakeProxy,
    collecting,
    fake_proxy,
    free_port,
    has_rows,
    state,
)
from tests.migrated import migrated
from tests.serving import manage, serving
from tests.sums import assert_sums_equal_rows
from tests.waiting import wait_until
from usage.collecting import Collectors
from usage.models import CollectorState, UsageMetric

pytestmark = [pytest.mark.process, pytest.mark.django_db(transaction=True)]

_RESTARTS = int(os.environ.get("QSMETRICS_QUEUE_RESTARTS", "3"))


def proxy_at(fake: FakeProxy, name: str = "east", key: str = KEY) -> Proxy:
    return Proxy(name, fake.url, key)


def test_all_that_waits_and_all_that_comes_is_stored(collector_folder):
    with fake_proxy(preload=1200) as fake, collecting(proxy_at(fake)):
        wait_until(has_rows(1200))
        fake.enqueue(300)
        wait_until(has_rows(1500))
    found = state()
    assert (found.state, found.way, found.records, found.broken) == (
        *("stopped", "subscribe", 1500, 0),
    )
    assert (found.possible_losses, found.spooled, found.error) == (0, 0, "")
    assert found.last_record_at is not None
    assert (collector_folder / "east.spool").stat().st_size == 0
    assert_sums_equal_rows()


def test_a_record_that_comes_twice_is_stored_once_and_a_retry_is_another(collector_folder):
    with fake_proxy() as fake, collecting(proxy_at(fake)):
        fake.enqueue_odd()
        wait_until(has_rows(2))
    assert UsageMetric.objects.count() == 2
    assert len(set(UsageMetric.objects.values_list("request_id", flat=True))) == 1
    assert (state().records, state().duplicates) == (2, 1)


def test_several_proxies_have_names_of_their_own(collector_folder):
    with fake_proxy(20) as one, fake_proxy(30) as other:
        other_proxy = proxy_at(other, "west")
        with collecting(proxy_at(one), other_proxy):
            wait_until(has_rows(50))
    assert (state("east").records, state("west").records) == (20, 30)
    # Both made the same records: where they come from is no part of an attempt's identity.
    assert UsageMetric.objects.filter(source="west").count() <= 30


def test_a_wrong_key_is_tried_once_and_told(collector_folder):
    with fake_proxy(5) as fake:
        collectors = Collectors([proxy_at(fake, key="wrong")])
        collectors.start()
        wait_until(lambda: not collectors.are_running())
        assert fake.stats()["popped"] == 0
    found = state()
    assert (found.state, found.error) == (
        "stopped",
        "the proxy refuses METRICS_CLIPROXY_KEY: ERR invalid management key",
    )
    assert "wrong" not in found.error


def test_a_proxy_that_is_not_there_yet_is_waited_for(collector_folder):
    fake = FakeProxy()
    try:
        with collecting(proxy_at(fake)):
            wait_until(lambda: CollectorState.objects.filter(state="waiting").exists())
            assert "cannot be reached: Connection refused" in state().error
            fake.start(preload=10)
            wait_until(has_rows(10))
    finally:
        fake.kill()


def test_while_the_database_is_locked_records_are_kept_on_disk(collector_folder):
    with fake_proxy() as fake, collecting(proxy_at(fake)):
        wait_until(lambda: CollectorState.objects.filter(state="collecting").exists())
        with locked_database():
            fake.enqueue(500)
            wait_until(lambda: fake.stats()["queued"] == 0)
            wait_until(
                lambda: len((collector_folder / "east.spool").read_bytes().splitlines()) == 500
            )
        wait_until(has_rows(500))
    assert state().records == 500
    text = "".join(path.read_text() for path in collector_folder.iterdir())
    assert "sk-test" not in text


@contextmanager
def locked_database() -> Iterator[None]:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("LOCK TABLE usage_metrics IN EXCLUSIVE MODE")
            try:
                yield
            finally:
                cursor.execute("COMMIT")
        return
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("COMMIT")
        other.close()


def test_what_a_killed_collector_left_on_disk_is_stored_by_the_next(tmp_path):
    with fake_proxy(preload=2000) as fake:
        own = {"METRICS_CLIPROXY_URL": f"east={fake.url}", "METRICS_CLIPROXY_KEY": KEY}
        with serving(migrated(tmp_path), **own) as portal:
            wait_until(lambda: fake.stats()["popped"] > 0)
            os.killpg(portal.process.pid, signal.SIGKILL)
            portal.process.wait()
        spooled = (tmp_path / "collector" / "east.spool").read_bytes().splitlines()
        with serving(tmp_path, **own) as portal:
            wait_until(lambda: fake.stats()["queued"] == 0)
            wait_until(lambda: "collecting" in states(portal))
            wait_until(lambda: (tmp_path / "collector" / "east.spool").stat().st_size == 0)
            stored = portal.request("GET", "/_qs/metrics").json()["totals"]["total_requests"]
    # A pop cannot be taken back: what was on the wire at that moment is with nobody.
    assert len(spooled) <= stored <= 2000


def states(portal: Any) -> list[str]:
    return [each["state"] for each in portal.request("GET", "/_qs/health").json()["collectors"]]


def test_serve_collects_and_says_so(tmp_path):
    with fake_proxy(preload=700) as fake:
        own = {"METRICS_CLIPROXY_URL": fake.url, "METRICS_CLIPROXY_KEY": KEY}
        with serving(migrated(tmp_path), **own) as portal:
            wait_until(lambda: portal.request("GET", "/_qs/health").json()["collectors"] != [])
            wait_until(lambda: stored_by(portal) == 700)
            wait_until(lambda: health_of(portal)["records"] == 700)
            assert health_of(portal)["state"] == "collecting"
            second = manage(tmp_path, "collect", "--status")
        assert KEY not in portal.output + second.stdout + second.stderr
    assert f"127.0.0.1:{fake.port}  collecting  subscribe  700" in second.stdout


def health_of(portal: Any) -> dict[str, Any]:
    found: dict[str, Any] = portal.request("GET", "/_qs/health").json()["collectors"][0]
    return found


def stored_by(portal: Any) -> int:
    return int(portal.request("GET", "/_qs/metrics").json()["totals"]["total_requests"])


def test_collect_without_a_proxy_says_what_to_set(tmp_path):
    migrated(tmp_path)
    done = manage(tmp_path, "collect")
    assert done.returncode == 1
    assert "METRICS_CLIPROXY_URL" in done.stderr
    assert "Nothing has been collected" in manage(tmp_path, "collect", "--status").stdout


def test_collect_ends_when_the_key_is_refused(tmp_path):
    migrated(tmp_path)
    with fake_proxy() as fake:
        own = {"METRICS_CLIPROXY_URL": f"east={fake.url}", "METRICS_CLIPROXY_KEY": "wrong"}
        done = manage(tmp_path, "collect", **own)
    assert done.returncode == 1
    assert "refuses METRICS_CLIPROXY_KEY" in done.stdout


def test_one_collector_at_a_time(collector_folder):
    with fake_proxy(preload=100) as fake, collecting(proxy_at(fake)):
        wait_until(has_rows(100))
        with collecting(proxy_at(fake)):
            time.sleep(1)
            fake.enqueue(50)
            wait_until(has_rows(150))
    assert state().records == 150


def test_through_restarts_of_the_queue_nothing_stored_is_lost_or_doubled(collector_folder):
    """A killed proxy takes with it what nobody fetched; all it gave away while it lived counts."""
    chance = random.Random(5)
    fake = FakeProxy(free_port())
    given = 0
    per_round = 20_000 // 50
    try:
        with collecting(proxy_at(fake)):
            for turn in range(_RESTARTS):
                fake.start(seed=turn)
                fake.enqueue(per_round)
                wait_until(lambda: fake.stats()["queued"] == 0)
                given += per_round
                wait_until(has_rows(given))
                time.sleep(chance.uniform(0, 0.3))
                fake.kill()
    finally:
        fake.kill()
    assert UsageMetric.objects.count() == given
    assert state().records == given
    assert_sums_equal_rows()
