"""Starting Python programs at a third of the cost, from `tests.warm_server`."""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import IO

from tests.thorough import IS_THOROUGH

PROJECT = Path(__file__).resolve().parent.parent
_OF_THE_INTERPRETER = ("PYTHON", "LC_", "LANG")  # what it reads once, when it starts
_starting = threading.Lock()


class Process:
    """What the tests need of a `subprocess.Popen`."""

    def __init__(self, told: IO[str], stdout: IO[str] | None = None) -> None:
        self._told = told
        self.pid = int(told.readline())
        self.stdout = stdout
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self._status_within(0)

    def wait(self, timeout: float | None = None) -> int:
        status = self._status_within(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def _status_within(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._told], [], [], seconds)[0]:
            self.returncode = int(self._told.readline())
            self._told.close()
        return self.returncode


def can_start(command: Sequence[str], environment: Mapping[str, str]) -> bool:
    """CI starts an interpreter for each program; a shell's, or one with options, needs its own."""
    is_ours = command[0] == sys.executable and (
        command[1] in {"-m", "-c"} or command[1].endswith(".py")
    )
    return (
        is_ours
        and sys.platform == "linux"
        and "QSMETRICS_TESTS_FOLDER" in os.environ  # for tests, and never for what is measured
        and not IS_THOROUGH
        and _of_the_interpreter(environment) == _of_the_interpreter(_environment())
    )


def popen(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Process:
    """In a process group of its own; what it says on both outputs is `stdout`."""
    reading, writing = os.pipe()
    with Path(os.devnull).open() as nothing, os.fdopen(writing, "w") as said:
        streams = (nothing, said, said)
        told = _order(command, environment, folder, streams, has_own_group=True)
    return Process(told, os.fdopen(reading))


def run(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, patience: float
) -> subprocess.CompletedProcess[str]:
    """To its end, `patience` seconds at most."""
    pipes = [os.pipe() for _ in range(2)]
    with Path(os.devnull).open() as nothing, ThreadPoolExecutor(2) as readers:
        output, errors = (os.fdopen(writing, "w") for _, writing in pipes)
        with output, errors:
            streams = (nothing, output, errors)
            told = _order(command, environment, folder, streams, has_own_group=False)
        texts = [readers.submit(_all_of, reading) for reading, _ in pipes]
        process = Process(told)
        try:
            status = process.wait(patience)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            raise
        said = [text.result() for text in texts]
    return subprocess.CompletedProcess(list(command), status, *said)


def _all_of(reading: int) -> str:
    with os.fdopen(reading) as file:
        return file.read()


def _order(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    streams: Sequence[IO[str]],
    *,
    has_own_group: bool,
) -> IO[str]:
    """Where the server tells of the process that it starts."""
    program = command[1:] if command[1] in {"-m", "-c"} else ["a file", *command[1:]]
    order = {
        "program": program,
        "environment": dict(environment),
        "folder": str(folder),
        "has_own_group": has_own_group,
    }
    reading, writing = os.pipe()
    files = [*(stream.fileno() for stream in streams), writing]
    socket.send_fds(_server(), [json.dumps(order).encode()], files)
    os.close(writing)
    return os.fdopen(reading)


def _server() -> socket.socket:
    with _starting:
        return _started_server()


@cache
def _started_server() -> socket.socket:
    """It ends when this process has closed its end, whichever way it ended itself."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.warm_server", str(theirs.fileno())],
            cwd=PROJECT,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )

    def end() -> None:
        ours.close()
        server.wait()

    atexit.register(end)
    return ours


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONUNBUFFERED": "1"}


def _of_the_interpreter(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: text for name, text in environment.items() if name.startswith(_OF_THE_INTERPRETER)
    }
