"""Clients that post rows: whole requests made beforehand, sent by a process of their own."""

import itertools
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection

from benchmarks import rows
from benchmarks.side_process import SideProcess

PATIENCE = 600.0
_FIRST_LAP = rows.event_id(0).partition("-call")[0].encode()


@dataclass(frozen=True)
class Job:
    """What to post: `bodies` different posts of `rows_a_post`, again and again as new events."""

    host: str
    port: int
    rows_a_post: int
    clients: int
    bodies: int
    posts_a_second: float | None = None  # of all clients together; None is as fast as it goes
    most_posts: int | None = None
    form: str = "json"
    first_row: int = 0


@dataclass
class Posted:
    """For each post when it began, on the machine's monotonic clock, and its wait in seconds."""

    rows_a_post: int
    posts: list[tuple[float, float]] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return self.rows_a_post * len(self.posts)

    @property
    def waits(self) -> list[float]:
        return [wait for _, wait in self.posts]

    @property
    def wall(self) -> float:
        return max(began + wait for began, wait in self.posts) - min(self.posts)[0]

    def begun_within(self, first: float, last: float) -> list[float]:
        """The waits of posts that began between two moments."""
        return [wait for began, wait in self.posts if first <= began < last]


class Clients(SideProcess):
    """The process that posts. `prepare` a job, `start` it, and `stop` it for what was posted."""

    def __init__(self) -> None:
        super().__init__(_work)
        self._next_row = 0

    def take_rows(self, count: int) -> int:
        """The number of the first of `count` live rows that nobody has used."""
        first = self._next_row
        self._next_row += count
        return first

    def prepare(self, job: Job) -> None:
        """Have the requests made, of rows that nobody has used."""
        first_row = self.take_rows(job.rows_a_post * job.bodies)
        self._pipe.send(replace(job, first_row=first_row))
        assert self._receive() == "ready"

    def start(self) -> None:
        self._pipe.send("go")

    def stop(self) -> Posted:
        self._pipe.send("stop")
        return self.result()

    def result(self) -> Posted:
        """Wait for a job that ends by itself."""
        posted = self._receive()
        assert isinstance(posted, Posted), posted
        return posted

    def run_for(self, seconds: float) -> Posted:
        self.start()
        time.sleep(seconds)
        return self.stop()

    def _receive(self) -> object:
        if not self._pipe.poll(PATIENCE):
            raise TimeoutError("the clients do not answer")
        return self._pipe.recv()


def _work(pipe: Connection) -> None:
    """Jobs from the pipe, one after another, until the process is ended."""
    while True:
        job = pipe.recv()
        requests = make_requests(job)
        pipe.send("ready")
        assert pipe.recv() == "go"
        pipe.send(_Posting(job, requests).run(pipe))


def make_requests(job: Job) -> list[bytes]:
    """Whole requests, as they go over the wire."""
    objects = rows.posted(rows.live(job.first_row, job.rows_a_post * job.bodies))
    size = job.rows_a_post
    groups = (objects[start : start + size] for start in range(0, len(objects), size))
    media_type = "application/x-ndjson" if job.form == "ndjson" else "application/json"
    return [_request(_body(group, job.form), job, media_type) for group in groups]


def _body(objects: Sequence[bytes], form: str) -> bytes:
    if form == "ndjson":
        return b"\n".join(objects)
    return objects[0] if len(objects) == 1 else b"[" + b",".join(objects) + b"]"


def _request(body: bytes, job: Job, media_type: str) -> bytes:
    head = (
        f"POST /_qs/usage HTTP/1.1\r\nHost: {job.host}:{job.port}\r\n"
        f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Posting:
    """One job under way: its clients are threads, which wait for the server nearly all the time."""

    def __init__(self, job: Job, requests: list[bytes]) -> None:
        self._job, self._requests = job, requests
        self._posted, self._faults = Posted(job.rows_a_post), list[str]()
        self._is_over = threading.Event()
        self._numbers = iter(range(job.most_posts)) if job.most_posts else itertools.count()
        self._began = time.monotonic()

    def run(self, pipe: Connection) -> Posted | str:
        """All posts of the job, or those until the pipe says stop; a text is what went wrong."""
        threads = [threading.Thread(target=self._client) for _ in range(self._job.clients)]
        for thread in threads:
            thread.start()
        if self._job.most_posts is None:
            assert pipe.recv() == "stop"
            self._is_over.set()
        for thread in threads:
            thread.join()
        return self._faults[0] if self._faults else self._posted

    def _client(self) -> None:
        address = (self._job.host, self._job.port)
        try:
            with socket.create_connection(address, timeout=PATIENCE) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while (request := self._next_request()) is not None:
                    self._post(connection, request)
        except (OSError, AssertionError, ValueError) as error:
            self._faults.append(repr(error))
            self._is_over.set()

    def _next_request(self) -> bytes | None:
        number = next(self._numbers, None)
        if number is None:
            return None
        if self._job.posts_a_second:
            due = self._began + number / self._job.posts_a_second
            self._is_over.wait(due - time.monotonic())
        return None if self._is_over.is_set() else of_lap(self._requests, number)

    def _post(self, connection: socket.socket, request: bytes) -> None:
        began = time.monotonic()
        connection.sendall(request)
        answer = read_answer(connection)
        wait = time.monotonic() - began
        assert answer[9:12] in (b"200", b"201"), answer[:500]
        self._posted.posts.append((began, wait))


def read_answer(connection: socket.socket) -> bytes:
    """One answer with a Content-Length, head and all."""
    answer = b""
    while (end := answer.find(b"\r\n\r\n")) < 0:
        answer += _some(connection)
    length = int(answer[:end].lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    while len(answer) < end + 4 + length:
        answer += _some(connection)
    return answer


def _some(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    assert data, "the server hung up"
    return data


def of_lap(requests: list[bytes], number: int) -> bytes:
    """The request of that number; after the last the first again, as new events."""
    lap, place = divmod(number, len(requests))
    if lap == 0:
        return requests[place]
    return requests[place].replace(_FIRST_LAP, rows.event_id(0, lap).partition("-call")[0].encode())
