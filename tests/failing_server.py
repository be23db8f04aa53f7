"""What the tests of `clients/` share: the client, and portals that fail as told."""

import collections
import gzip
import http.server
import importlib
import json
import sqlite3
import sys
import threading
import time
from contextlib import closing, contextmanager

from tests.migrated import migrated
from tests.serving import PROJECT, launch, serving, stopped_afterwards

FOLDER = PROJECT / "clients" / "python"
sys.path.insert(0, str(FOLDER))
qsmetrics_client = importlib.import_module("qsmetrics_client")
Client = qsmetrics_client.Client

TOKEN = "qs-A-TOKEN-THAT-NO-TEXT-MAY-SHOW"
STORED = {"accepted": 1, "duplicates": 0, "rejected": 0, "errors": []}


def url_of(portal):
    return f"http://{portal.host}:{portal.port}"


def rows_in(database, *columns):
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(
            f"SELECT {', '.join(columns)} FROM usage_metrics ORDER BY id"
        ).fetchall()


@contextmanager
def client_of(url, told=None, **options):
    """A client that keeps what it reports, and that ends with the test."""
    told = [] if told is None else told
    client = Client(url, **{"retry_pause": 0.001, "on_error": told.append, **options})
    try:
        yield client
    finally:
        client.close(timeout=0)
    assert not any(client.token in text for text in told if client.token)


def outlive_a_kill(folder, begin):
    """How often each request was stored that `begin(url)` sends while the portal is killed.

    What `begin` returns is called when the portal runs again, and waits until all are sent.
    """
    with stopped_afterwards(launch(migrated(folder))) as portal:
        finish = begin(url_of(portal))
        deadline = time.monotonic() + 20
        while len(rows_in(portal.database, "id")) < 200:
            assert time.monotonic() < deadline, "no rows arrive"
            time.sleep(0.005)
        portal.kill()
    address = f"{portal.host}:{portal.port}"
    with serving(folder, METRICS_BIND_ADDRESS=address) as portal:
        finish()
        totals = portal.request("GET", "/_qs/metrics").json()["totals"]
    stored = collections.Counter(name for (name,) in rows_in(portal.database, "request_id"))
    assert totals["requests"] == stored.total()
    return stored


class Misbehaving(http.server.ThreadingHTTPServer):
    """Answers one post after the other as told, and 201 from then on."""

    def __init__(self, answers) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers, self.posts = list(answers), []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def sizes(self):
        return [len(post["rows"]) for post in self.posts]


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
        rows = [json.loads(line) for line in body.splitlines()]
        self.server.posts.append(
            {"at": time.monotonic(), "body": body, "rows": rows, "path": self.path}
            | {"headers": dict(self.headers), "key": self.headers["Idempotency-Key"]}
        )
        answer = self.server.answers.pop(0) if self.server.answers else 201
        if callable(answer):
            answer()
            return
        status, headers, body = answer if isinstance(answer, tuple) else (answer, {}, None)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode() if body is not None else json.dumps(STORED).encode())

    def do_GET(self):  # of a redirect that was followed
        self.server.posts.append({"rows": []})
        self.send_error(404)

    def log_message(self, *_):
        pass


@contextmanager
def misbehaving(*answers):
    with Misbehaving(answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def record_some(client, count):
    for number in range(count):
        client.record({"model": "gpt-5", "request_id": str(number)})


def counts(client):
    return len(client._rows), client.dropped, client.rejected
