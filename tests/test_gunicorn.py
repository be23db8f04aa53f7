"""Plain `gunicorn qsmetrics.wsgi`, as in any Django project."""

import json
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from tests.migrated import migrated
from tests.serving import PROJECT, environment, start, stopped_afterwards
from tests.waiting import wait_until

pytestmark = pytest.mark.process

COMMAND = [sys.executable, "-m", "gunicorn", "qsmetrics.wsgi"]
COMMAND += ["--bind", "127.0.0.1:0", "--access-logfile", "-"]
CHUNKED = (
    b"POST /_qs/usage HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
)


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    folder = migrated(tmp_path_factory.mktemp("gunicorn"))
    with stopped_afterwards(start(folder, COMMAND, WEB_CONCURRENCY="3")) as portal:
        yield portal


def stored(portal):
    with closing(sqlite3.connect(portal.database)) as database:
        return database.execute("SELECT model FROM usage_metrics ORDER BY id").fetchall()


def test_a_chunked_body_without_a_length_is_stored(portal):
    answer = portal.raw(CHUNKED + b'5\r\n{"mod\r\nc\r\nel":"chunk"}\r\n0\r\n\r\n')
    assert answer.startswith(b"HTTP/1.1 201 ")
    assert stored(portal)[-1:] == [("chunk",)]


def test_a_body_with_a_length_is_stored(portal):
    answer = portal.request("POST", "/_qs/usage", {"model": "measured"})
    assert (answer.status, answer.json()) == (201, {"accepted": 1, "duplicates": 0})
    assert stored(portal)[-1:] == [("measured",)]


@pytest.mark.parametrize(
    "sent",
    [
        CHUNKED + b"zz\r\n{}\r\n",
        CHUNKED + b"5\r\n{}XXXXX\r\n",
        CHUNKED + b'10\r\n{"model"',
        CHUNKED.replace(b"Transfer-Encoding: chunked", b"Content-Length: 99")
        + b'{"model": "torn"}\n',
    ],
    ids=["no size", "wrong size", "no end", "shorter than its length"],
)
def test_a_torn_body_is_a_400_and_stores_nothing(portal, sent):
    before = stored(portal)
    answer = portal.raw(sent, then_close=True)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'{"error":"the body broke off before its end: send it again"}' in answer
    assert stored(portal) == before


def test_pages_and_their_static_files_are_served(portal):
    assert portal.request("GET", "/").status == 200
    assert portal.request("GET", "/static/admin/css/base.css").status == 200
    assert "Traceback" not in portal.output


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nBad Name: x\r\n\r\n", 400),
        (b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
    ],
    ids=["nonsense", "a header's name", "a long address", "a long head", "TLS"],
)
def test_what_gunicorn_refuses_is_refused_in_json(portal, sent, status):
    head, _, body = portal.raw(sent).partition(b"\r\n\r\n")
    assert int(head.split()[1]) == status
    assert b"content-type: application/json" in head.lower()
    assert json.loads(body)["error"]


def test_sqlite_has_one_worker_however_many_the_machine_usually_has(portal):
    assert len(portal.workers()) == 1


def test_several_workers_on_sqlite_are_refused_in_a_sentence(tmp_path):
    command = [*COMMAND, "--workers", "2"]
    done = subprocess.run(
        command,
        env=environment(tmp_path),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("--workers is 2: on SQLite one worker must do")


def test_no_line_of_the_access_log_holds_a_key(portal):
    key = "sk-proj-" + "Ab1" * 20
    assert portal.request("GET", f"/_qs/metrics?model={key}").status == 200
    assert portal.request("GET", "/_qs/health?seen").status == 200
    wait_until(lambda: "/_qs/health?seen" in portal.output)
    assert "/_qs/metrics?model=sk-…" in portal.output
    assert key not in portal.output


def test_it_listens_where_the_settings_say(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"127.0.0.1:{port}"
    command = [sys.executable, "-m", "gunicorn", "qsmetrics.wsgi"]
    with stopped_afterwards(
        start(migrated(tmp_path), command, METRICS_BIND_ADDRESS=address)
    ) as portal:
        assert portal.port == port
