"""The web server of `serve`: gunicorn on a socket that is already ours."""

import errno
import socket
from collections.abc import Callable
from typing import Any, Protocol

from django.conf import settings
from django.utils.module_loading import import_string
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from qsmetrics.setting_types import BindAddress
from usage.management.web.options import BACKLOG, options, prepare_to_fork

_PATIENCE_AT_THE_END = 20.0


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
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotListen(_bind_trouble(address, error)) from None
    return listener


def run(listener: socket.socket, *, beside: Beside | None = None) -> None:
    """Serve until SIGTERM or Ctrl-C, then let running requests finish.

    What is `beside` runs in each worker.
    """
    prepare_to_fork()
    own = {"bind": [f"fd://{listener.detach()}"], "loglevel": "warning"}
    _Application({**options(), **own, **_hooks(beside)}).run()


def _hooks(beside: Beside | None) -> dict[str, Callable[..., None]]:
    if beside is None:
        return {}
    return {
        "post_worker_init": lambda worker: beside.start(),
        "worker_exit": lambda arbiter, worker: beside.stop(_PATIENCE_AT_THE_END),
    }


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
