"""A portal that is killed and a node of Citus that stops, under posts: nothing lost or doubled.

QSMETRICS_STOPPED_SECONDS=60 keeps the node away for a minute; `-s` shows the figures.
"""

import os
import sqlite3
import subprocess
import time
from contextlib import ExitStack, closing

import psycopg
import pytest

from tests import server_engine
from tests.engines.posting import Poster
from tests.serving import PROJECT, launch, manage, serving, stopped_afterwards

pytestmark = [pytest.mark.process, pytest.mark.django_db(transaction=True)]
STOPPED_SECONDS = float(os.environ.get("QSMETRICS_STOPPED_SECONDS", "4"))
ENGINE_NODE = str(PROJECT / ".ci" / "engine_node")
UNDISTURBED_SECONDS = 1.5


def stored_ids(folder, settings):
    rows = "SELECT request_id FROM usage_metrics"
    if "DATABASE_URL" in settings:
        with psycopg.connect(settings["DATABASE_URL"]) as database:
            return sorted(name for (name,) in database.execute(rows))
    with closing(sqlite3.connect(folder / "metrics.db")) as database:
        return sorted(name for (name,) in database.execute(rows))


def assert_as_acknowledged(folder, settings, posters):
    assert [fault for poster in posters for fault in poster.faults] == []
    acknowledged = sorted(name for poster in posters for name in poster.acknowledged)
    assert stored_ids(folder, settings) == acknowledged
    checked = manage(folder, "rebuild_rollups", "--check", **settings)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    answers = sum((poster.answers for poster in posters), start=type(posters[0].answers)())
    print({"engine": server_engine.engine(), "rows": len(acknowledged), "answers": dict(answers)})
    assert len(acknowledged) > 0


def post_on(portals):
    return [Poster(f"c{n}", portals, has_keys=n % 2 == 0) for n in range(4)]


def test_what_a_killed_portal_acknowledged_is_stored_once(tmp_path, portal_settings):
    portals = []
    with stopped_afterwards(launch(tmp_path, **portal_settings)) as first:
        portals.append(first)
        posters = post_on(portals)
        time.sleep(UNDISTURBED_SECONDS)
        first.kill()
    with serving(tmp_path, **portal_settings) as second:
        portals[0] = second
        time.sleep(UNDISTURBED_SECONDS)
        for poster in posters:
            poster.stop()
    assert_as_acknowledged(tmp_path, portal_settings, posters)


@pytest.mark.skipif(
    server_engine.engine() != "citus" or "ENGINE_FOLDER" not in os.environ,
    reason="needs `.ci/with_engine citus`",
)
@pytest.mark.skipif(
    "PYTEST_XDIST_WORKER" in os.environ, reason="stops a server that other processes use: no -n"
)
def test_while_a_node_is_away_clients_are_told_to_come_again(tmp_path, portal_settings):
    with ExitStack() as stack:
        portals = [stack.enter_context(serving(tmp_path, **portal_settings)) for _ in range(2)]
        posters = post_on(portals)
        time.sleep(UNDISTURBED_SECONDS)
        stack.callback(node, "start")  # whatever happens
        node("stop", "-m", "fast")
        time.sleep(STOPPED_SECONDS)
        assert {portal.request("GET", "/_qs/metrics").status for portal in portals} == {503}
        node("start")
        time.sleep(UNDISTURBED_SECONDS)
        for poster in posters:
            poster.stop()
        answers = [portal.request("GET", "/_qs/metrics") for portal in portals for _ in range(8)]
        assert [answer.status for answer in answers] == [200] * 16
    assert any(poster.answers[503] for poster in posters)
    assert_as_acknowledged(tmp_path, portal_settings, posters)


def node(*arguments):
    subprocess.run([ENGINE_NODE, "1", *arguments], check=False, capture_output=True, timeout=60)
