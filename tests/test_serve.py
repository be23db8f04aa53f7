"""`manage.py serve`, as a user starts it and as clients of every manner meet it."""

import http.client
import os
import resource
import signal
import socket
import sqlite3
import threading
import time
from contextlib import ExitStack, closing

import pytest

from tests.migrated import migrated
from tests.serving import launch, manage, send, serving, stopped_afterwards

pytestmark = pytest.mark.process

JSON_TYPE = b"Content-Type: application/json\r\n"
HEAD = b"POST /_qs/usage HTTP/1.1\r\nHost: localhost\r\n" + JSON_TYPE
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("portal")) as portal:
        yield portal


def stored(portal, condition="1"):
    with closing(sqlite3.connect(portal.database)) as database:
        query = f"SELECT COUNT(*) FROM usage_metrics WHERE {condition}"
        return database.execute(query).fetchone()[0]


def test_it_says_where_everything_is_and_names_the_first_admin_once(portal):
    lines = portal.output.splitlines()
    assert lines[0].startswith("First admin user: admin, one-time password: ")
    password = lines[0].rpartition(" ")[2]
    assert len(password) >= 16
    address = f"http://127.0.0.1:{portal.port}"
    assert [line.split(maxsplit=1) for line in lines[3:6]] == [
        ["dashboard", f"{address}/"],
        ["API", f"docs   {address}/_qs/docs"],
        ["admin", f"{address}/admin/"],
    ]
    assert f"{portal.database} (SQLite), 0 rows recorded so far" in lines[6]
    for path in ("/", "/_qs/metrics/ui", "/_qs/docs", "/admin/login/"):
        assert portal.request("GET", path).status == 200, path


def test_a_second_start_shows_no_password_and_a_token_opens_it_to_other_machines(portal):
    folder = portal.database.parent
    made = manage(folder, "create_ingest_token", "proxy")
    assert made.returncode == 0, made.stderr
    try:
        with serving(folder, "--bind-address", "0.0.0.0:0") as second:
            assert "password" not in second.output
            assert second.request("POST", "/_qs/usage", {"model": "x"}).status == 401
    finally:
        with closing(sqlite3.connect(portal.database)) as database, database:
            database.execute("DELETE FROM usage_ingesttoken")


def test_it_listens_only_where_it_was_told_to(portal):
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", portal.port), timeout=5)


def post_until_refused(portal, name, acknowledged, surprises):
    with closing(http.client.HTTPConnection(portal.host, portal.port, timeout=20)) as connection:
        while not surprises:
            body = {"model": "x", "request_id": f"{name}-{time.monotonic_ns()}"}
            try:
                answer = send(connection, "POST", "/_qs/usage", body)
            except ConnectionRefusedError:
                return
            except (OSError, http.client.HTTPException) as error:
                surprises.append(repr(error))
                return
            if answer.status != 201:
                surprises.append(answer)
            acknowledged.append(body["request_id"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopping_under_load_loses_no_row_and_resets_no_client(tmp_path, number):
    acknowledged, surprises = [], []
    with stopped_afterwards(launch(migrated(tmp_path))) as portal:
        threads = [
            threading.Thread(
                target=post_until_refused, args=(portal, name, acknowledged, surprises)
            )
            for name in "abcd"
        ]
        for thread in threads:
            thread.start()
        while len(acknowledged) < 40 and not surprises:
            time.sleep(0.01)
        if number == signal.SIGINT:  # as a terminal does: to all at once
            for worker in portal.workers():
                os.kill(worker, number)
        status = portal.stop(number)
        for thread in threads:
            thread.join(timeout=30)
        assert (status, surprises) == (0, [])
        with closing(sqlite3.connect(portal.database)) as database:
            kept = [row[0] for row in database.execute("SELECT request_id FROM usage_metrics")]
        assert sorted(kept) == sorted(acknowledged)
        assert "Traceback" not in portal.output


def test_a_chunked_body_without_a_length_is_stored(portal):
    before = stored(portal)
    answer = portal.raw(
        CHUNKED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        + b'5\r\n{"mod\r\nc\r\nel":"chunk"}\r\n0\r\n\r\n'
    )
    assert answer.startswith(b"HTTP/1.1 201 ")
    assert stored(portal) == before + 1


TORN = "the body broke off before its end: send it again"
MALFORMED = "this is not a well-formed request"
# What is sent, the status, and the error's words.
BAD_REQUESTS = [
    (CHUNKED + b"zz\r\n{}\r\n", 400, TORN),
    (CHUNKED + b"5\r\n{}XXXXX\r\n", 400, TORN),
    (CHUNKED + b"-5\r\n{}\r\n", 400, TORN),
    (CHUNKED + b"ffffffffffffffffffff\r\n{}", 400, TORN),
    (CHUNKED + b'10\r\n{"model"', 400, TORN),
    (CHUNKED + b'd\r\n{"model":"x"}\r\n', 400, TORN),
    (HEAD + b'Content-Length: 50\r\n\r\n{"model":"x"}', 400, TORN),
    (
        HEAD.replace(b"json", b"x-ndjson") + b'Content-Length: 50\r\n\r\n{"model":"x"}\n',
        400,
        TORN,
    ),
    (HEAD + b"Content-Length: -1\r\n\r\n", 400, MALFORMED),
    (HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}", 400, MALFORMED),
    (HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, MALFORMED),
    (HEAD + b"Transfer-Encoding: rot13\r\n\r\n", 501, "use Transfer-Encoding: chunked or none"),
    (HEAD + b"\r\n", 411, "send Content-Length, or Transfer-Encoding: chunked"),
    (b"GARBAGE\r\n\r\n", 400, MALFORMED),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, MALFORMED),
    (b"GET / HTTP/9.9\r\n\r\n", 400, MALFORMED),
    (b"GET /_qs/health HTTP/1.1\r\nBad Header: x\r\n\r\n", 400, MALFORMED),
    (b"GET /_qs/health HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400, MALFORMED),
    (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "the URL is too long"),
    (
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        431,
        "the headers are too long",
    ),
    (
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 9000 + b"\r\n\r\n",
        431,
        "the headers are too long",
    ),
    (
        b"GET /_qs/metrics HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        400,
        "this host name is not served: add it to METRICS_ALLOWED_HOSTS",
    ),
]


@pytest.mark.parametrize(
    ("sent", "status", "error"), BAD_REQUESTS, ids=[str(n) for n in range(len(BAD_REQUESTS))]
)
def test_what_is_not_http_gets_one_json_answer_and_stores_nothing(portal, sent, status, error):
    before = stored(portal)
    head, _, body = portal.raw(sent, then_close=True).partition(b"\r\n\r\n")
    assert int(head.split()[1]) == status
    assert b"content-type: application/json" in head.lower()
    assert f'"{error}' in body.decode()
    assert body.rstrip(b"\r\n0").endswith(b"}")
    assert body.count(b'"error"') == 1
    assert stored(portal) == before


def test_a_client_that_hangs_up_harms_nobody(portal):
    before, printed = stored(portal), portal.output
    unfinished = [b"", b"P", HEAD, CHUNKED + b"5", HEAD + b"Content-Length: 999\r\n\r\n{"]
    for sent in unfinished:
        client = socket.create_connection((portal.host, portal.port))
        client.sendall(sent)
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # close with a reset
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        client.close()
    assert portal.request("GET", "/_qs/health").status == 200
    assert stored(portal) == before
    assert "Traceback" not in portal.output.removeprefix(printed)


def test_slow_clients_do_not_keep_others_waiting(portal):
    slow = [socket.create_connection((portal.host, portal.port)) for _ in range(20)]
    try:
        began = time.monotonic()
        for client in slow[:5]:
            client.sendall(HEAD + b"Content-Length: 999\r\n\r\n{")
        assert portal.request("GET", "/_qs/health").status == 200
        assert time.monotonic() - began < 8
    finally:
        for client in slow:
            client.close()


PATHS = [
    "/",
    "/_qs/health",
    "/_qs/metrics",
    "/_qs/metrics/ui",
    "/_qs/usage",
    "/_qs/usage?format=csv",
    "/_qs/schema",
    "/_qs/docs",
    "/_qs/nothing",
    "/v1/traces",
    "/admin/",
    "/admin/login/",
    "/nothing",
    "/%00%ff/",
]


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PATCH", "ŽLUŤ"])
def test_no_method_breaks_any_path(portal, method):
    method = method.encode("ascii", "replace").decode().replace("?", "X")
    answers = {path: portal.request(method, path).status for path in PATHS}
    assert not [(path, status) for path, status in answers.items() if status >= 500]
    if method == "HEAD":
        assert answers["/_qs/metrics"] == answers["/_qs/usage?format=csv"] == 200


def test_a_proxys_own_file_is_left_alone(tmp_path):
    path = tmp_path / "metrics.db"
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE usage_metrics (id INTEGER PRIMARY KEY, timestamp DATETIME)")
    before = path.read_bytes()
    done = manage(tmp_path, "serve")
    assert (done.returncode, path.read_bytes()) == (1, before)
    assert "another program made" in done.stderr
    assert "import_metrics" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_portals_that_start_together_on_a_new_database_all_serve(tmp_path):
    portals = [launch(tmp_path) for _ in range(3)]
    with ExitStack() as stack:
        for each in portals:
            stack.enter_context(stopped_afterwards(each))
    assert sum("one-time password" in each.output for each in portals) == 1


def test_a_full_disk_is_a_503_and_stores_nothing_until_there_is_space(portal):
    rows = [{"model": "x" * 200, "source": "full"} for _ in range(500)]
    pid = portal.workers()[0]
    unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    wal = portal.database.with_name("metrics.db-wal")
    try:
        limit = wal.stat().st_size + 8192
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, unlimited[1]))
        answers = [
            portal.request("POST", "/_qs/usage", rows, {"Idempotency-Key": "full"})
            for _ in range(2)
        ]
        unwell = portal.request("GET", "/_qs/health").status
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
    assert [(a.status, a.headers["Retry-After"]) for a in answers] == [(503, "30")] * 2
    assert answers[0].json()["error"].startswith("the disk that holds the database is full")
    assert unwell in {200, 503}
    assert stored(portal, "source = 'full'") == 0
    again = portal.request("POST", "/_qs/usage", rows, {"Idempotency-Key": "full"})
    assert (again.status, again.json()) == (201, {"accepted": 500, "duplicates": 0})
    assert stored(portal, "source = 'full'") == 500
    assert portal.request("GET", "/_qs/health").status == 200


def test_nothing_here_made_a_traceback(portal):
    assert "Traceback" not in portal.output
    assert "Internal Server Error" not in portal.output
