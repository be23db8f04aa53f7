"""The web server of `serve`: gunicorn on a socket that is already ours."""

import ctypes
import errno
import socket
from collections.abc import Callable
from typing import Any, Protocol

from django.conf import settings
from django.utils.module_loading import import_string
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from qsmetrics.setting_types import BindAddress
from usage.log_lines import LineFormatter
from usage.management.web.worker import Worker

_BACKLOG = 1024
_PATIENCE_AT_THE_END = 20.0
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


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
    _give_memory_back()
    _Application(
        {
            "bind": [f"fd://{listener.detach()}"],
            "backlog": _BACKLOG,
            "workers": workers,
            "threads": threads,
            "worker_class": Worker,
            "sendfile": False,  # which would wait for its peer as long as it takes
            "keepalive": 75,
            "graceful_timeout": 30,
            "timeout": 120,
            "limit_request_line": 8190,
            "loglevel": "warning",
            "logger_class": _Log,
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


class _Log(Logger):  # type: ignore[misc]
    """gunicorn's own lines name addresses, which may hold a key."""

    def _set_handler(self, log: Any, output: Any, fmt: Any, stream: Any = None) -> None:
        super()._set_handler(log, output, LineFormatter(fmt._fmt, fmt.datefmt), stream)


class _Arbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """Ctrl-C is as patient as SIGTERM; a second one is not."""

    def handle_int(self) -> None:
        self.handle_term()


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
