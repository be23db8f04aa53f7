"""Slow and hostile peers over real sockets: none holds a thread, each is ended in time."""

import json
import select
import signal
import socket
import sys
import threading
import time
from contextlib import ExitStack

import pytest

from tests.migrated import migrated
from tests.serving import PROJECT, launch, read_all, serving, start, stopped_afterwards

pytestmark = pytest.mark.process

ROW = b'{"model":"m"}'
HEAD = b"POST /_qs/usage HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
POST = HEAD + b"Content-Length: %d\r\n\r\n" % len(ROW) + ROW
EXPORT = b"GET /_qs/usage?format=csv HTTP/1.1\r\nHost: localhost\r\n\r\n"
LARGE = HEAD + b"Content-Length: 10000000\r\n\r\n" + (ROW + b"\n") * 6000

# What peers of each kind send at once, and then byte for byte.
SLOW = {
    "half a head": (HEAD, b""),
    "a dripping head": (HEAD, b"X: xxxxxxxxxxxxxxxxxxxxxxxxxxx"),
    "a dripping body": (HEAD + b"Content-Length: 999\r\n\r\n", b'{"model":"xxxxxxxxxxxxxxxxxxx'),
    "dripping chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n\n\r\n" * 5),
    "a promised body": (HEAD + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n", b""),
    "half a large body": (LARGE, b""),
    "a large body that drips": (LARGE, b"{}\n" * 10),
}


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """With three threads, of which one may be an export's."""
    with serving(migrated(tmp_path_factory.mktemp("slow")), METRICS_THREADS="1") as portal:
        rows = [{"model": "m", "request_id": f"{n}" * 40, "user": "u" * 200} for n in range(1000)]
        for _ in range(25):
            assert portal.request("POST", "/_qs/usage", rows).status == 201
        yield portal


def connect(portal, window=None):
    peer = socket.socket()
    if window:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    peer.settimeout(40)
    peer.connect((portal.host, portal.port))
    return peer


def is_open(peer):
    """Whether the portal has neither said anything final nor hung up."""
    if not select.select([peer], [], [], 0)[0]:
        return True
    return peer.recv(65536, socket.MSG_PEEK).startswith(b"HTTP/1.1 100 ")


def read_answer(peer):
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = peer.recv(1)
        assert piece, answer
        answer += piece
    return answer


def drip(peer, data):
    try:
        for place in range(len(data)):
            time.sleep(1)
            peer.sendall(data[place : place + 1])
    except OSError:
        pass  # the portal has hung up


def assert_serves(portal):
    assert portal.request("POST", "/_qs/usage", {"model": "m"}).status == 201
    assert portal.request("GET", "/_qs/health").status == 200


@pytest.mark.parametrize("kind", [name for name in SLOW if "large" not in name])
def test_a_request_that_is_not_there_yet_holds_no_thread(portal, kind):
    first, _ = SLOW[kind]
    with ExitStack() as stack:
        peers = [stack.enter_context(connect(portal)) for _ in range(40)]
        for peer in peers:
            peer.sendall(first)
        assert_serves(portal)
        assert portal.request("GET", "/_qs/usage?format=csv&model=x").status == 200
        assert all(map(is_open, peers))


def test_silent_connections_hold_nothing(portal):
    with ExitStack() as stack:
        peers = [stack.enter_context(connect(portal)) for _ in range(300)]
        assert_serves(portal)
        assert all(map(is_open, peers))


def test_half_large_bodies_leave_a_thread(portal):
    with ExitStack() as stack:
        peers = [stack.enter_context(connect(portal)) for _ in range(10)]
        for peer in peers:
            peer.sendall(LARGE)
        assert_serves(portal)


def test_whoever_sends_too_slowly_is_told_so_and_hung_up_on(portal):
    """All kinds at once, since each takes ten seconds."""
    with ExitStack() as stack:
        peers = {kind: stack.enter_context(connect(portal)) for kind in SLOW}
        drips = []
        for kind, (first, rest) in SLOW.items():
            peers[kind].sendall(first)
            drips.append(threading.Thread(target=drip, args=(peers[kind], rest)))
            drips[-1].start()
        said = {kind: read_all(peer) for kind, peer in peers.items()}
    for thread in drips:
        thread.join()
    for kind, answer in said.items():
        head, _, body = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 "), (kind, answer)
        assert b"content-type: application/json" in head.lower()
        assert "came too slowly: send it again" in json.loads(body)["error"]
    assert "Traceback" not in portal.output


def test_a_reader_that_stops_holds_its_place_for_a_while_and_no_others(portal):
    with connect(portal, window=4096) as reader, connect(portal, window=4096) as second:
        reader.sendall(EXPORT)
        assert read_answer(reader).startswith(b"HTTP/1.1 200 ")
        second.sendall(EXPORT)
        refused = read_answer(second)
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 5" in refused.lower()
        assert_serves(portal)
        while portal.request("GET", "/_qs/usage?format=csv").status == 503:
            time.sleep(0.5)
        with pytest.raises((ConnectionResetError, AssertionError)):
            read_until_end(reader)
    assert "Traceback" not in portal.output


def read_until_end(reader):
    """The whole export, which ends with an empty chunk."""
    data = b""
    while not data.endswith(b"0\r\n\r\n"):
        piece = reader.recv(65536)
        assert piece
        data = data[-8:] + piece


def test_a_reader_that_pauses_gets_it_all(portal):
    with connect(portal, window=4096) as reader:
        reader.sendall(EXPORT)
        for _ in range(4):
            assert reader.recv(4096)
            time.sleep(0.5)
        read_until_end(reader)


def test_readers_of_pages_that_stop_do_not_keep_others_from_them(portal):
    bundle = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"
    asked = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % bundle.encode()
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(connect(portal, window=4096)).sendall(asked)
        assert_serves(portal)
        assert portal.request("GET", "/").status == 200


def test_questions_of_peers_that_have_left_are_not_worked_off(portal):
    """With one place for exports, hundreds of them would take minutes."""
    with ExitStack() as stack:
        reader = stack.enter_context(connect(portal, window=4096))
        reader.sendall(EXPORT)
        assert read_answer(reader).startswith(b"HTTP/1.1 200 ")
        busy = [stack.enter_context(connect(portal)) for _ in range(3)]
        for peer in busy:
            peer.sendall(LARGE)  # and the other threads wait for these
        gone = [connect(portal) for _ in range(300)]
        for peer in gone:
            peer.sendall(EXPORT.replace(b"?format", b"?model=m&format"))
        time.sleep(1.2)
        for peer in gone:
            peer.close()
    assert portal.request("GET", "/_qs/usage?limit=1").status == 200
    assert_serves(portal)
    assert "Traceback" not in portal.output


def test_a_peer_that_asks_and_never_reads_is_not_answered_for_ever(portal):
    with connect(portal, window=4096) as peer:
        peer.setblocking(False)
        sent = 0
        asked = b"GET /_qs/usage?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000
        while True:
            try:
                sent += peer.send(asked[sent % len(asked) :])
            except BlockingIOError:
                if sent > 20_000:
                    break
            except OSError:
                break
        assert_serves(portal)


def test_the_go_ahead_is_said_once_and_before_the_body(portal):
    with connect(portal) as peer:
        peer.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(ROW))
        assert read_answer(peer) == b"HTTP/1.1 100 Continue\r\n\r\n"
        peer.sendall(ROW)
        assert read_answer(peer).startswith(b"HTTP/1.1 201 ")


PIECES = {
    "one by one": [POST[n : n + 1] for n in range(len(POST))],
    "two requests cut anywhere": [POST + POST[:50], POST[50:-3], POST[-3:]],
    "chunks": [
        HEAD + b"Transfer-Enc", b"oding: chunked\r\n\r\n5\r\n" + ROW[:5],
        b"\r\n%x\r\n" % len(ROW[5:]) + ROW[5:], b"\r\n0\r\n", b"\r\n" + POST[:9], POST[9:],
    ],
}  # fmt: skip


@pytest.mark.parametrize("pieces", PIECES.values(), ids=PIECES)
def test_requests_may_come_in_pieces(portal, pieces):
    expected = b"".join(pieces).count(b"POST ")
    with connect(portal) as peer:
        for piece in pieces:
            peer.sendall(piece)
            time.sleep(0.002)
        answers = b""
        while answers.count(b'"accepted":1') < expected:
            piece = peer.recv(65536)
            assert piece, answers
            answers += piece
    assert answers.count(b"HTTP/1.1 201 ") == expected


def test_large_bodies_beyond_what_is_held_are_refused_and_others_served(portal):
    """Those who go and those who come in one round of the main loop do not trip it."""
    worker = portal.workers()
    with ExitStack() as stack:
        peers = [stack.enter_context(connect(portal)) for _ in range(400)]
        for peer in peers:
            peer.sendall(LARGE)
        refused = 0
        while refused < 100:
            ready, _, _ = select.select(peers, [], [], 20)
            assert ready
            for peer in ready:
                assert read_all(peer).startswith((b"HTTP/1.1 503 ", b"HTTP/1.1 408 "))
                refused += 1
            peers = [peer for peer in peers if peer not in ready]
        assert_serves(portal)
    assert portal.workers() == worker
    assert "Traceback" not in portal.output


def test_a_large_body_that_flows_is_stored(portal):
    body = b"\n".join([ROW] * 20_000)
    with connect(portal) as peer:
        peer.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body))
        for start in range(0, len(body), 30_000):
            peer.sendall(body[start : start + 30_000])
            time.sleep(0.02)
        assert read_answer(peer).startswith(b"HTTP/1.1 201 ")


NO_REQUESTS = [
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    (b"GET / HTTP/1.1\nHost: localhost\n\n", 400),
    (b"hello\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000, 431),
    (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
]


@pytest.mark.parametrize(("data", "status"), NO_REQUESTS)
def test_what_is_no_request_is_told_so_at_once(portal, data, status):
    head, _, body = portal.raw(data).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert json.loads(body)["error"]


def test_a_body_that_nobody_wants_is_not_waited_for(portal):
    with connect(portal) as peer:
        peer.sendall(LARGE.replace(b"/_qs/usage", b"/_qs/nothing"))
        assert read_answer(peer).startswith(b"HTTP/1.1 404 ")
        peer.shutdown(socket.SHUT_WR)
        read_all(peer)
    assert_serves(portal)


def test_the_longest_silent_goes_when_there_are_too_many(tmp_path):
    program = [sys.executable, str(PROJECT / "manage.py"), "serve"]
    with few_files(tmp_path, program) as portal, ExitStack() as stack:
        talking = stack.enter_context(connect(portal))
        peers = []
        for number in range(200):
            peers.append(stack.enter_context(connect(portal)))
            if number % 20 == 0:
                talking.sendall(POST)
                assert read_answer(talking).startswith(b"HTTP/1.1 201 ")
                talking.recv(65536)
        assert_serves(portal)
        peers[0].settimeout(20)
        assert peers[0].recv(1) == b""
        assert is_open(peers[-1])
        talking.sendall(POST)
        assert read_answer(talking).startswith(b"HTTP/1.1 201 ")


def few_files(folder, command):
    limited = ["bash", "-c", 'ulimit -n 300; exec "$@"', "bash", *command]
    return stopped_afterwards(start(migrated(folder), limited, METRICS_BIND_ADDRESS="127.0.0.1:0"))


def test_a_stop_waits_for_requests_under_way_and_not_for_the_silent(tmp_path):
    portal = launch(migrated(tmp_path))
    with stopped_afterwards(portal), connect(portal) as silent, connect(portal) as slow:
        slow.sendall(POST[:-3])
        assert_serves(portal)
        portal.process.send_signal(signal.SIGTERM)
        assert silent.recv(1) == b""
        slow.sendall(POST[-3:])
        answer = read_all(slow)
        assert answer.startswith(b"HTTP/1.1 201 ")
        assert b"connection: close" in answer.lower()
        assert portal.process.wait(timeout=30) == 0


def test_it_works_over_a_unix_socket_too(tmp_path):
    path = tmp_path / "portal.socket"
    command = [sys.executable, "-m", "gunicorn", "qsmetrics.wsgi", "--bind", f"unix:{path}"]
    portal = start(migrated(tmp_path), command)
    try:
        while not path.exists():
            assert portal.process.poll() is None, portal.output
            time.sleep(0.05)
        with ExitStack() as stack:
            for _ in range(40):
                stack.enter_context(over(path)).sendall(HEAD)
            asking = stack.enter_context(over(path))
            asking.sendall(POST)
            assert read_answer(asking).startswith(b"HTTP/1.1 201 ")
    finally:
        portal.stop()
        portal.process.stdout.close()


def over(path):
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(20)
    peer.connect(str(path))
    return peer
