"""Connections that stay: a client keeps its thread while it asks, and takes none from others."""

import http.client
import socket
import threading
import time
from contextlib import closing

import pytest

from tests.migrated import migrated
from tests.serving import send, serving

pytestmark = pytest.mark.process

THREADS = 2
ROW = b'{"model":"m"}'
POST = (
    b"POST /_qs/usage HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(ROW), ROW)
)


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    with serving(migrated(tmp_path_factory.mktemp("kept")), METRICS_THREADS=str(THREADS)) as portal:
        yield portal


def ask(portal, times, pause, statuses):
    with closing(http.client.HTTPConnection(portal.host, portal.port, timeout=20)) as connection:
        for _ in range(times):
            statuses.append(send(connection, "POST", "/_qs/usage", ROW).status)
            time.sleep(pause)


@pytest.mark.parametrize("pause", [0, 0.002, 0.02])
def test_few_threads_serve_many_clients_that_stay(portal, pause):
    statuses = []
    clients = [
        threading.Thread(target=ask, args=(portal, 10, pause, statuses)) for _ in range(5 * THREADS)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join(timeout=20)
    assert statuses == [201] * 10 * 5 * THREADS


def test_clients_that_ask_without_pause_do_not_shut_out_another(portal):
    is_over = threading.Event()

    def keep_asking():
        with closing(http.client.HTTPConnection(portal.host, portal.port, timeout=20)) as busy:
            while not is_over.is_set():
                send(busy, "GET", "/_qs/health")

    clients = [threading.Thread(target=keep_asking) for _ in range(THREADS)]
    for client in clients:
        client.start()
    try:
        time.sleep(0.2)
        assert portal.request("GET", "/_qs/health").status == 200  # while all of them ask
    finally:
        is_over.set()
        for client in clients:
            client.join(timeout=20)


def test_requests_sent_at_once_are_answered_in_turn(portal):
    with socket.create_connection((portal.host, portal.port), timeout=20) as client:
        client.sendall(POST * 5)
        answers = b""
        while answers.count(b'"accepted":1') < 5:
            piece = client.recv(65536)
            assert piece
            answers += piece
    assert answers.count(b"HTTP/1.1 201 ") == 5


def test_a_client_that_leaves_gives_its_thread_back(portal):
    for _ in range(4 * THREADS):
        with socket.create_connection((portal.host, portal.port), timeout=20) as client:
            client.sendall(POST)
            assert client.recv(65536).startswith(b"HTTP/1.1 201 ")
    assert portal.request("GET", "/_qs/health").status == 200
    assert "Traceback" not in portal.output
