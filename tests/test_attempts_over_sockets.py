"""Guesses on real portals: at once, by several processes, through a restart, behind a proxy."""

import base64
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from tests.migrated import migrated
from tests.serving import serving

pytestmark = pytest.mark.process

PAIR = {"METRICS_BASIC_AUTH_USER": "alice", "METRICS_BASIC_AUTH_PASS": "open sesame"}
KEY = {"SECRET_KEY": "only-for-tests-0123456789abcdef-0123456789abcdef"}


def read(portal, password="guess", **headers):
    pair = base64.b64encode(f"alice:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {pair}", **headers}
    return portal.request("GET", "/_qs/metrics", headers=headers).status


def test_guesses_that_come_at_once_are_ten_as_well(tmp_path):
    with serving(migrated(tmp_path), **PAIR) as portal, ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda n: read(portal, f"guess {n}"), range(64)))
        assert sorted(statuses) == [401] * 10 + [429] * 54


def test_portals_on_one_database_count_together_and_remember_through_a_restart(tmp_path):
    with serving(migrated(tmp_path), **PAIR) as first, serving(tmp_path, **PAIR) as second:
        statuses = [read(portal) for portal in (first, second) * 6]
        assert statuses == [401] * 10 + [429] * 2
        first.kill()
    with serving(tmp_path, **PAIR) as third:
        assert read(third, "open sesame") == 429


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL has workers")
@pytest.mark.django_db(transaction=True)
def test_workers_count_together(tmp_path):
    named = connection.settings_dict
    where = f"{named['HOST'] or 'localhost'}:{named['PORT'] or 5432}"
    url = f"postgres://{named['USER']}:{named['PASSWORD']}@{where}/{named['NAME']}"
    with (
        serving(tmp_path, DATABASE_URL=url, METRICS_WORKERS="3", **PAIR, **KEY) as portal,
        ThreadPoolExecutor(16) as pool,
    ):
        statuses = list(pool.map(lambda n: read(portal, f"guess {n}"), range(64)))
    assert sorted(statuses) == [401] * 10 + [429] * 54


def forwarded(text):
    return {"X-Forwarded-For": text}


def test_a_forged_header_from_this_machine_opens_no_way_to_guess_on(tmp_path):
    with serving(migrated(tmp_path), **PAIR) as portal:
        statuses = [read(portal, **forwarded(f"198.51.100.{n}")) for n in range(12)]
    assert statuses == [401] * 10 + [429] * 2


def test_behind_a_trusted_proxy_each_visitor_waits_alone(tmp_path):
    trusted = {"METRICS_TRUSTED_PROXIES": "127.0.0.1,10.0.0.0/8"}
    with serving(migrated(tmp_path), **PAIR, **trusted) as portal:
        assert read(portal, "open sesame", **forwarded("198.51.100.2")) == 200
        spoofed = [f"203.0.113.{n}, 198.51.100.1, 10.1.2.3" for n in range(12)]
        statuses = [read(portal, **forwarded(text)) for text in spoofed]
        assert statuses == [401] * 10 + [429] * 2
        assert read(portal, "open sesame", **forwarded("198.51.100.1")) == 429
        assert read(portal, "open sesame", **forwarded("198.51.100.2")) == 200
