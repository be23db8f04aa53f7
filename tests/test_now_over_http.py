"""What posts tell of their sources is one for all workers, and outlives the portal's end."""

import random
import signal
import threading
import time
from collections import Counter
from typing import Any

import pytest
from django.db import connection

from tests.serving import Portal, serving

pytestmark = [pytest.mark.process, pytest.mark.django_db]  # for the address of the server
SQLITE = connection.vendor == "sqlite"
ROW = {"model": "m", "total_tokens": 1, "source": "proxy"}
DROPPED = {"resourceMetrics": [{"resource": {"attributes": [
    {"key": "service.name", "value": {"stringValue": "shop"}}]}}]}  # fmt: skip
WITHIN = 10.0  # seconds, on a busy machine; it takes one


@pytest.fixture
def settings_of_portal(request: Any) -> dict[str, str]:
    if SQLITE:
        return {}
    return {"DATABASE_URL": request.getfixturevalue("database_url"), "METRICS_WORKERS": "2"}


def send(portal: Portal, times: int) -> None:
    for _ in range(times):
        assert portal.request("POST", "/_qs/usage", ROW).status == 201
        assert portal.request("POST", "/v1/metrics", DROPPED).status == 200
        assert portal.request("POST", "/_qs/usage", b"{", {"User-Agent": "curl/8"}).status == 400


def heard(portal: Portal) -> dict[str, tuple[int, dict[str, int], dict[str, int]]]:
    sources = portal.request("GET", "/_qs/metrics/now").json()["sources"]
    return {
        each["source"]: (each["rows"], each["passed_over"], each["refused"]) for each in sources
    }


def expected(times: int) -> dict[str, tuple[int, dict[str, int], dict[str, int]]]:
    why = "400: not valid JSON: input data was truncated"
    return {
        "proxy": (times, {}, {}),
        "shop": (0, {"post of metrics": times}, {}),
        "curl": (0, {}, {why: times}),
    }


def test_what_was_heard_outlives_a_clean_stop_at_once(tmp_path, settings_of_portal):
    with serving(tmp_path, **settings_of_portal) as portal:
        send(portal, 20)
        assert portal.stop(signal.SIGTERM) == 0
    with serving(tmp_path, **settings_of_portal) as portal:
        assert heard(portal) == expected(20)
        send(portal, 1)
        until = time.monotonic() + WITHIN
        while heard(portal) != expected(21) and time.monotonic() < until:
            time.sleep(0.1)
        assert heard(portal) == expected(21)


def test_rows_are_told_with_the_answer_and_survive_a_kill(tmp_path, settings_of_portal):
    with serving(tmp_path, **settings_of_portal) as portal:
        for _ in range(10):
            assert portal.request("POST", "/_qs/usage", ROW).status == 201
        assert heard(portal) == {"proxy": (10, {}, {})}
        portal.kill()
    with serving(tmp_path, **settings_of_portal) as portal:
        assert heard(portal) == {"proxy": (10, {}, {})}


def test_posts_at_the_same_time_add_up_exactly(tmp_path, settings_of_portal):
    """Of several sources each, in any order, beside posts that store nothing."""
    names = [f"s{n}" for n in range(5)]

    def run(seed: int, portal: Portal, statuses: list[int]) -> None:
        chance = random.Random(seed)
        for _ in range(20):
            rows = [{**ROW, "source": name} for name in chance.sample(names, len(names))]
            statuses.append(portal.request("POST", "/_qs/usage", rows).status)
            statuses.append(portal.request("POST", "/v1/metrics", DROPPED).status)

    statuses: list[int] = []
    with serving(tmp_path, **settings_of_portal) as portal:
        threads = [threading.Thread(target=run, args=(n, portal, statuses)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert portal.stop(signal.SIGTERM) == 0
    assert Counter(statuses) == {201: 160, 200: 160}
    with serving(tmp_path, **settings_of_portal) as portal:
        found = heard(portal)
    assert found.pop("shop") == (0, {"post of metrics": 160}, {})
    assert found == {name: (160, {}, {}) for name in names}
