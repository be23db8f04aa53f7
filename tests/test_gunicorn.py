"""Plain `gunicorn qsmetrics.wsgi`, as in any Django project."""

import sqlite3
import sys
from contextlib import closing

import pytest

from tests.serving import manage, start, stopped_afterwards

CHUNKED = (
    b"POST /_qs/usage HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
)


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gunicorn")
    assert manage(folder, "migrate", "--verbosity", "0").returncode == 0
    command = [sys.executable, "-m", "gunicorn", "qsmetrics.wsgi", "--bind", "127.0.0.1:0"]
    with stopped_afterwards(start(folder, command)) as portal:
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
