"""The web server of `serve`: gunicorn on a socket that is already ours."""

import errno
import socket
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from qsmetrics.setting_types import BindAddress
from usage.management.side_process import SideProcess
from usage.management.web.options import BACKLOG, options, prepare_to_fork

_PATIENCE_AT_THE_END = 20.0


class CannotListen(Exception):
    """The address cannot be bound; the message says why and what to do."""


def listen(address: BindAddress) -> socket.socket:
    """A socket that listens on `address`, so that a taken port is known before all else is done.

    Clients that come before the portal is ready wait in its queue.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections have it from here, also those that come before gunicorn would set it. Without it
    # each answer to a client that keeps one waits 40 ms for its acknowledgment of the head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind((address.host, address.port))
        # Two sockets can be bound to one port until the first of them listens.
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotListen(_bind_trouble(address, error)) from None
    return listener


def run(listener: socket.socket, *, beside: Callable[[], None]) -> None:
    """Serve until SIGTERM or Ctrl-C, then let running requests finish.

    What is `beside` runs in a process of its own, which is started anew where it dies.
    """
    prepare_to_fork()
    own = {"bind": [f"fd://{listener.detach()}"], "loglevel": "warning"}
    _Application({**options(), **own}, beside).run()


class _Arbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """Ctrl-C is as patient as SIGTERM; a second one is not. One process goes beside the workers."""

    def __init__(self, app: Any, beside: Callable[[], None]) -> None:
        super().__init__(app)
        self._beside = SideProcess(beside)

    def handle_int(self) -> None:
        self.handle_term()

    def manage_workers(self) -> None:
        super().manage_workers()
        self._beside.keep_running(self.LISTENERS)

    def stop(self, graceful: bool = True) -> None:  # noqa: FBT002  # as gunicorn has it
        self._beside.tell_to_end()
        super().stop(graceful)
        self._beside.wait(_PATIENCE_AT_THE_END if graceful else 0)


class _Application(BaseApplication):  # type: ignore[misc]
    def __init__(self, options: dict[str, Any], beside: Callable[[], None]) -> None:
        self._options = options
        self._beside = beside
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Any]:
        return import_string(settings.WSGI_APPLICATION)  # type: ignore[no-any-return]

    def run(self) -> None:
        _Arbiter(self, self._beside).run()


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
