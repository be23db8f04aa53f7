"""The web server of `serve`: gunicorn on a socket that is already ours."""

import ctypes
import errno
import gc
import json
import select
import selectors
import signal
import socket
import struct
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from django.conf import settings
from django.utils.module_loading import import_string
from gunicorn import util
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.http import errors
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker

from qsmetrics.setting_types import BindAddress
from usage import pricing

_REFUSALS = {
    errors.LimitRequestLine: (414, "the URL is too long"),
    errors.LimitRequestHeaders: (431, "the headers are too long"),
    errors.UnsupportedTransferCoding: (501, "use Transfer-Encoding: chunked or none"),
    errors.ExpectationFailed: (417, "leave the Expect header out"),
    errors.ForbiddenProxyRequest: (403, "proxy requests are not served"),
}


_BACKLOG = 1024
_LONGEST_SILENCE = struct.pack("ll", 10, 0)  # seconds and microseconds
_PAUSE_MS = 5
_PATIENCE_AT_THE_END = 20.0
_BYTES_AT_ONCE = 131_072  # of a body, held for each client: gunicorn's own megabyte adds up
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_OBJECTS_BETWEEN_COLLECTIONS = 20_000


class Beside(Protocol):
    """Work that goes on in a worker while it serves."""

    def start(self) -> None: ...

    def stop(self, seconds: float) -> None: ...


class CannotListen(Exception):
    """The address cannot be bound; the message says why and what to do."""


def listen(address: BindAddress) -> socket.socket:
    """A socket that listens on `address`, so that a taken port is known before all else is done.

    Clients that come before the portal is ready wait in its queue.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address.host, address.port))
        # Two sockets can be bound to one port until the first of them listens.
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotListen(_bind_trouble(address, error)) from None
    return listener


def run(
    listener: socket.socket, *, workers: int, threads: int, beside: Beside | None = None
) -> None:
    """Serve until SIGTERM or Ctrl-C, then let running requests finish.

    What is `beside` runs in each worker.
    """
    SocketUnreader.max_body_chunk = _BYTES_AT_ONCE
    _give_memory_back()
    _Application(
        {
            "bind": [f"fd://{listener.detach()}"],
            "backlog": _BACKLOG,
            "workers": workers,
            "threads": threads,
            "worker_class": _Worker,
            "worker_connections": 1000,
            "keepalive": 75,
            "graceful_timeout": 30,
            "timeout": 120,
            "limit_request_line": 8190,
            "loglevel": "warning",
            "control_socket_disable": True,
            # Nobody's headers change where a request comes from or goes to: FrontDoor judges.
            "forwarded_allow_ips": "",
            "forwarder_headers": "",
            "secure_scheme_headers": {},
            "proc_name": "qsmetrics",
            **_hooks(beside),
        }
    ).run()


def _hooks(beside: Beside | None) -> dict[str, Callable[..., None]]:
    if beside is None:
        return {}
    return {
        "post_worker_init": lambda worker: beside.start(),
        "worker_exit": lambda arbiter, worker: beside.stop(_PATIENCE_AT_THE_END),
    }


def _give_memory_back() -> None:
    """glibc would keep, for each thread, as much as the largest body that it ever held."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 1 << 20)
        mallopt(_M_TRIM_THRESHOLD, 4 << 20)


class _Arbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """Ctrl-C is as patient as SIGTERM; a second one is not."""

    def handle_int(self) -> None:
        self.handle_term()


class _Worker(ThreadWorker):  # type: ignore[misc]
    """Answers JSON to what is not HTTP, waits for slow clients, and hangs up on nobody."""

    def enqueue_req(self, conn: TConn) -> None:
        """Threads are for who has said something; the silent wait where they cost nothing."""
        if conn.initialized or conn.data_ready:
            super().enqueue_req(conn)
            return
        # Of the rest of a request, each part must come in time: a read fails after this wait.
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _LONGEST_SILENCE)
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + (self.cfg.keepalive if self.alive else 1)
        self.pending_conns.append(conn)
        readable = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, readable)

    def handle(self, conn: TConn) -> object:
        """A client that asks again at once keeps its thread, unless others wait for one.

        The way through the main thread and back costs as much as a small request.
        """
        kept = super().handle(conn)
        while kept is True and self._asks_again(conn):
            kept = super().handle(conn)
        return kept

    def _asks_again(self, conn: TConn) -> bool:
        has_more_already = bool(conn.parser.unreader.buf.getvalue())
        if has_more_already or not self.alive or not self.tpool._work_queue.empty():
            return False
        pause = select.poll()
        pause.register(conn.sock, select.POLLIN)
        return bool(pause.poll(_PAUSE_MS))

    def load_wsgi(self) -> None:
        """What is loaded stays, so the garbage collector need not look at it with every post."""
        super().load_wsgi()
        pricing.load()
        gc.collect()
        gc.freeze()
        gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)

    def init_signals(self) -> None:
        """A terminal sends Ctrl-C to the worker too, which the arbiter stops in its own time."""
        super().init_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def set_accept_enabled(self, enabled: bool) -> None:
        """At the end, take in who has connected already, then refuse: a reset tells too little."""
        super().set_accept_enabled(enabled)
        if enabled or self.alive:
            return
        for listener in self.sockets:
            before = None
            while before != self.nr_conns:
                before = self.nr_conns
                self.accept(listener)
            listener.close()
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, time.monotonic() + 1)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        if not isinstance(exc, errors.ParseException):
            super().handle_error(req, client, addr, exc)
            return
        status, message = _REFUSALS.get(type(exc), (400, "this is not a well-formed request"))
        body = json.dumps({"error": message})
        head = (
            f"HTTP/1.1 {status} Refused\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            util.write_nonblock(client, (head + body).encode())
        except OSError:
            self.log.debug("the client left before its error could be sent")


class _Application(BaseApplication):  # type: ignore[misc]
    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Any]:
        return import_string(settings.WSGI_APPLICATION)  # type: ignore[no-any-return]

    def run(self) -> None:
        _Arbiter(self).run()


def _bind_trouble(address: BindAddress, error: OSError) -> str:
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"{address} is no address of this machine: use 127.0.0.1 or 0.0.0.0"
    if error.errno == errno.EADDRINUSE:
        return (
            f"{address} is already in use: stop the other program, or choose another port "
            "with --bind-address or METRICS_BIND_ADDRESS"
        )
    if error.errno == errno.EACCES:
        return f"{address} may not be used by this user: choose a port above 1023"
    return f"{address} cannot be listened on: {error.strerror}"
