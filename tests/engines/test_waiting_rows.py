"""Rows of plain SQL join the sums in the background, once, whoever is killed meanwhile."""

import os
import signal
import sqlite3
import sys
import time
from contextlib import closing, contextmanager

import psycopg
import pytest

from tests.serving import PROJECT, manage, serving, start
from tests.waiting import wait_until
from usage.jobs import LOOKS_EVERY

pytestmark = [pytest.mark.process, pytest.mark.django_db(transaction=True)]
INSERT = "INSERT INTO usage_metrics (timestamp, model, total_tokens, latency_ms) VALUES "


def insert(folder, settings, count, first=0):
    """Rows of 200 days in no order, with times as Go's driver and others write them."""
    rows = [
        (f"2024-{n % 7 + 1:02}-{n % 28 + 1:02}{' T'[n % 2]}{n % 24:02}:07:0{n % 10}", "abc"[n % 3])
        for n in ((first + number) * 7919 % 100_003 for number in range(count))
    ]
    values = ", ".join(f"('{at}{'Z' * (at[10] == 'T')}', '{model}', 5, 7)" for at, model in rows)
    execute(folder, settings, INSERT + values)


def execute(folder, settings, statement):
    if "DATABASE_URL" in settings:
        with psycopg.connect(settings["DATABASE_URL"]) as database:
            database.execute(statement)
    else:
        with closing(sqlite3.connect(folder / "metrics.db", timeout=30)) as database, database:
            database.execute(statement)


def health(portal):
    return portal.request("GET", "/_qs/health").json()


def nothing_waits(portal):
    return health(portal)["waiting_rows"]["rows"] == 0


def assert_summed_once(folder, settings, portal, count):
    totals = portal.request("GET", "/_qs/metrics").json()["totals"]
    assert (totals["total_requests"], totals["total_tokens"]) == (count, 5 * count)
    checked = manage(folder, "rebuild_rollups", "--check", **settings)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_serve_adds_them_in_a_process_of_its_own_and_tells_so(tmp_path, portal_settings):
    with serving(tmp_path, **portal_settings) as portal:
        wait_until(lambda: health(portal)["jobs"]["run_by"])
        insert(tmp_path, portal_settings, 3_000)
        wait_until(lambda: nothing_waits(portal))
        jobs = health(portal)["jobs"]
        assert (jobs["run_by"], jobs["process"]) == ("serve", portal.job_process())
        assert jobs["process"] not in portal.workers()
        assert_summed_once(tmp_path, portal_settings, portal, 3_000)
        assert portal.stop() == 0
    assert "Traceback" not in portal.output


def test_serve_answers_at_once_whatever_waits(tmp_path, portal_settings):
    manage(tmp_path, "migrate", "-v0", **portal_settings)
    insert(tmp_path, portal_settings, 4_000)
    with serving(tmp_path, **portal_settings) as portal:
        totals = portal.request("GET", "/_qs/metrics").json()["totals"]
        assert totals["total_requests"] == 4_000
        wait_until(lambda: nothing_waits(portal))
        assert_summed_once(tmp_path, portal_settings, portal, 4_000)


def test_a_worker_that_is_killed_in_the_middle_loses_nothing(tmp_path, portal_settings):
    with serving(tmp_path, **portal_settings) as portal:
        killed = set()
        for number in range(4):
            insert(tmp_path, portal_settings, 1_500, first=1_500 * number)
            process = wait_until(lambda: {portal.job_process()} - {None, *killed}).pop()
            time.sleep(0.1 * number)
            os.kill(process, signal.SIGKILL)
            killed.add(process)
        wait_until(lambda: nothing_waits(portal))
        assert len(killed) > 1
        assert portal.job_process() not in killed
        assert_summed_once(tmp_path, portal_settings, portal, 6_000)


@contextmanager
def work(folder, settings):
    command = [sys.executable, str(PROJECT / "manage.py"), "work"]
    program = start(folder, command, **settings)
    try:
        yield program
    finally:
        if program.process.poll() is None:
            program.stop()
        program.process.stdout.close()


def status(folder, settings):
    said = manage(folder, "work", "--status", **settings)
    assert said.returncode == 0, said.stderr
    return said.stdout


def holder(folder, settings):
    return status(folder, settings).splitlines()[0]


def test_another_takes_over_when_the_one_who_runs_the_jobs_dies(tmp_path, portal_settings):
    manage(tmp_path, "migrate", "-v0", **portal_settings)
    with work(tmp_path, portal_settings) as one:
        wait_until(lambda: f"process {one.process.pid} " in holder(tmp_path, portal_settings))
        with work(tmp_path, portal_settings) as two:
            wait_until(lambda: "This takes over when that ends" in two.output)
            one.kill()
            began = time.monotonic()
            wait_until(lambda: f"process {two.process.pid} " in holder(tmp_path, portal_settings))
            assert time.monotonic() - began < 10 * LOOKS_EVERY
            insert(tmp_path, portal_settings, 200)
            wait_until(lambda: "for the sums: 0." in status(tmp_path, portal_settings))
            assert two.stop() == 0
    assert holder(tmp_path, portal_settings).startswith("Nobody runs the jobs")
    assert "Traceback" not in one.output + two.output


def test_once_does_what_is_due_and_ends(tmp_path, portal_settings):
    manage(tmp_path, "migrate", "-v0", **portal_settings)
    insert(tmp_path, portal_settings, 1_000)
    done = manage(tmp_path, "work", "--once", **portal_settings)
    assert (done.returncode, done.stdout) == (0, "All that was due is done.\n"), done.stderr
    with serving(tmp_path, **portal_settings) as portal:
        assert_summed_once(tmp_path, portal_settings, portal, 1_000)
        wait_until(lambda: health(portal)["jobs"]["run_by"])
        other = manage(tmp_path, "work", "--once", **portal_settings)
        assert other.returncode == 0
        assert other.stdout.startswith("`serve` (process ")
        assert other.stdout.endswith(" runs the jobs, so nothing was left to do.\n")
