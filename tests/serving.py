"""Starts the real portal in a process of its own, with a folder and a port of its own."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import warm
from usage.management import side_process

PROJECT = Path(__file__).resolve().parent.parent
_OURS = ("METRICS_", "USAGE_", "DATABASE_URL", "SECRET_KEY", "DJANGO_", "GUNICORN_", "PYTEST_")
_ADDRESS = re.compile(r"http://([\d.]+):(\d+)")
_PATIENCE = 30.0


@dataclass(frozen=True)
class Answer:
    """A whole HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Portal:
    """A running server; `output` is everything that it printed."""

    def __init__(self, process: subprocess.Popen[str] | warm.Process, folder: Path) -> None:
        self.process = process
        self.database = folder / "metrics.db"
        self.output = ""
        self.host, self.port = "", 0
        self._is_announced = threading.Event()
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own; a body that is not bytes is sent as JSON."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=_PATIENCE)
        try:
            return send(connection, method, path, body, headers)
        finally:
            connection.close()

    def raw(self, data: bytes, *, then_close: bool = False) -> bytes:
        """Send bytes as they are and return all that comes back until the server hangs up."""
        with socket.create_connection((self.host, self.port), timeout=_PATIENCE) as client:
            client.sendall(data)
            if then_close:
                client.shutdown(socket.SHUT_WR)
            return read_all(client)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send the signal to the server, wait for its end, and return its exit status."""
        self.process.send_signal(number)
        return self._wait()

    def kill(self) -> None:
        """End the server and all its workers at once, as a power cut would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self._wait()

    def workers(self) -> list[int]:
        """The process ids of those that answer requests."""
        return [child for child in self._children() if not _runs_jobs(child)]

    def job_process(self) -> int | None:
        """The one that runs the background jobs."""
        return next(filter(_runs_jobs, self._children()), None)

    def _children(self) -> list[int]:
        pid = self.process.pid
        listing = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        return [int(child) for child in listing.split()]

    def wait_until_announced(self) -> None:
        """Until it has said where it listens; nothing has been asked then."""
        assert self._is_announced.wait(_PATIENCE), self.output
        assert self.port, f"the portal did not start:\n{self.output}"

    def wait_until_healthy(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        self._is_announced.wait(_PATIENCE)
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.port and self.request("GET", "/_qs/health").status == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.02)
        raise AssertionError(f"the portal did not start:\n{self.output}")

    def _read_output(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
            if not self._is_announced.is_set() and (found := _ADDRESS.search(line)):
                self.host, self.port = found[1], int(found[2])
                self._is_announced.set()
        self._is_announced.set()

    def _wait(self) -> int:
        status = self.process.wait(timeout=45)
        self._reader.join(timeout=5)
        return status


def _runs_jobs(pid: int) -> bool:
    try:
        name = Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip()
    except OSError:  # it has ended
        return False
    return name == side_process.NAME[:15]


def read_all(peer: socket.socket) -> bytes:
    """Until it hangs up."""
    pieces = []
    try:
        while piece := peer.recv(65536):
            pieces.append(piece)
    except ConnectionResetError:
        pass
    return b"".join(pieces)


def send(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One request on a connection that may be used again."""
    sent = {"Content-Type": "application/json", **(headers or {})}
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    connection.request(method, path, body=data, headers=sent)
    response = connection.getresponse()
    return Answer(response.status, response.headers, response.read())


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """The environment of a portal that nothing outside `folder` and `settings` configures."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(_OURS)}
    return {
        **inherited,
        "METRICS_CONFIG": str(PROJECT / "tests" / "data" / "config.yaml"),
        "METRICS_STORAGE_PATH": str(folder / "metrics.db"),
        "PYTHONUNBUFFERED": "1",
        **settings,
    }


def manage(
    folder: Path, *arguments: str, patience: float = 60, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run `manage.py` with these arguments to its end, `patience` seconds at most."""
    command = [sys.executable, str(PROJECT / "manage.py"), *arguments]
    return _run(command, environment(folder, **settings), folder, patience)


def run_script(folder: Path, script: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run Python code of its own with a portal's settings, to its end."""
    given = environment(folder, DJANGO_SETTINGS_MODULE="qsmetrics.settings", **settings)
    return _run([sys.executable, "-c", script], given, PROJECT, patience=60)


def _run(
    command: list[str], given: dict[str, str], folder: Path, patience: float
) -> subprocess.CompletedProcess[str]:
    if warm.can_start(command, given):
        return warm.run(command, given, folder, patience)
    return subprocess.run(
        command,
        env=given,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=patience,
        check=False,
    )


def launch(folder: Path, *arguments: str, **settings: str) -> Portal:
    """`manage.py serve` on a free port; it may not answer yet."""
    settings = {"METRICS_BIND_ADDRESS": "127.0.0.1:0", **settings}
    command = [sys.executable, str(PROJECT / "manage.py"), "serve", *arguments]
    return start(folder, command, **settings)


def start(folder: Path, command: list[str], **settings: str) -> Portal:
    """Any server command, in a process group of its own."""
    given = environment(folder, **settings)
    if warm.can_start(command, given):
        return Portal(warm.popen(command, given, PROJECT), folder)
    process = subprocess.Popen(
        command,
        env=given,
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    return Portal(process, folder)


@contextmanager
def serving(folder: Path, *arguments: str, **settings: str) -> Iterator[Portal]:
    """A portal of `manage.py serve` that answers, and is stopped afterwards."""
    with stopped_afterwards(launch(folder, *arguments, **settings)) as portal:
        yield portal


@contextmanager
def stopped_afterwards(portal: Portal) -> Iterator[Portal]:
    try:
        portal.wait_until_healthy()
        yield portal
    finally:
        if portal.process.poll() is None:
            portal.stop()
        assert portal.process.stdout is not None
        portal.process.stdout.close()
