"""One process beside the web server's workers, forked from their parent and kept running."""

import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

logger = logging.getLogger(__name__)

NAME = "qsmetrics jobs"  # what `ps` and `top` show; the kernel keeps 15 bytes
_LOOKS_EVERY = 0.05
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
_NOT_OURS = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH)


class SideProcess:
    """Runs `work`, which sets its own handlers of signals and returns when it was told to end."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._pid: int | None = None

    def keep_running(self, listeners: Sequence[socket.socket]) -> None:
        """Start it, also where it has died; without the web server's sockets, which would go on
        taking clients when that is gone."""
        if self._pid is not None and self._has_ended():
            logger.error("the process of the background jobs (%s) died: a new one", self._pid)
            self._pid = None
        if self._pid is None:
            self._pid = os.fork() or self._run(listeners)

    def tell_to_end(self) -> None:
        self._send(signal.SIGTERM)

    def wait(self, seconds: float) -> None:
        """Until it has ended, for so long; then it is killed."""
        until = time.monotonic() + seconds
        while self._pid is not None and not self._has_ended():
            if time.monotonic() > until:
                self._send(signal.SIGKILL)
            time.sleep(_LOOKS_EVERY)
        self._pid = None

    def _has_ended(self) -> bool:
        assert self._pid is not None
        try:
            return os.waitpid(self._pid, os.WNOHANG)[0] != 0
        except ChildProcessError:  # gunicorn waits for all children
            return True

    def _send(self, number: int) -> None:
        if self._pid is not None and not self._has_ended():
            with suppress(ProcessLookupError):
                os.kill(self._pid, number)

    def _run(self, listeners: Sequence[socket.socket]) -> int:
        status = 1
        try:
            for number in (*_ENDING, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            for number in _NOT_OURS:
                signal.signal(number, signal.SIG_IGN)
            for listener in listeners:
                listener.close()
            with suppress(OSError):  # there are other kernels
                Path("/proc/self/comm").write_text(NAME, encoding="ascii")
            self._work()
            status = 0
        except Exception:  # nobody else tells it
            logger.exception("the process of the background jobs failed")
        finally:
            os._exit(status)
