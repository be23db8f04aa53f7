"""Runs Python programs in forks of one interpreter that has imported what others wrote.

`tests.warm` starts it and asks it. Each program is a process of its own, which imports our code,
reads its settings and opens its files as if it had been started anew. What Django, gunicorn and
the others define is there already, which is two thirds of what a start costs.
"""

import gc
import importlib
import json
import os
import runpy
import socket
import sys
from contextlib import suppress
from typing import Any

# What a portal imports and what needs no settings to be imported.
_OF_OTHERS = (
    "django.contrib.admin",
    "django.contrib.admindocs.views",
    "django.contrib.auth.checks",
    "django.contrib.auth.hashers",
    "django.contrib.auth.password_validation",
    "django.contrib.postgres.fields",
    "django.core.management.commands.check",
    "django.core.management.commands.migrate",
    "django.core.wsgi",
    "django.db.backends.postgresql.base",
    "django.db.backends.sqlite3.base",
    "django.test",
    "drf_spectacular.utils",
    "environ",
    "genai_prices.data",
    "gunicorn.app.wsgiapp",
    "gunicorn.arbiter",
    "gunicorn.workers.gthread",
    "msgspec",
    "opentelemetry.proto.collector.trace.v1.trace_service_pb2",
    "psycopg",
    "rest_framework.compat",
    "rest_framework.serializers",
    "tqdm",
    "whitenoise.middleware",
    "yaml",
)
_LARGEST_ORDER = 2**18  # bytes


def serve(asked: socket.socket) -> None:
    """Until whoever asks has gone."""
    for name in _OF_OTHERS:
        importlib.import_module(name)
    gc.freeze()  # so that the forks go on sharing it
    while True:
        order, files, _, _ = socket.recv_fds(asked, _LARGEST_ORDER, 4)
        _forget_ended()
        if not order:
            return
        if os.fork() == 0:
            asked.close()
            _watch(json.loads(order), files)
            return
        for each in files:
            os.close(each)


def _forget_ended() -> None:
    """Their time is counted as ours then, and as that of the tests."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _watch(order: dict[str, Any], files: list[int]) -> None:
    """Fork the program; tell its process id and, when it has ended, its exit status."""
    *streams, told = files
    program = os.fork()
    if program == 0:
        os.close(told)
        _become(order, streams)
        return
    for number in (0, 1, 2, *streams):
        os.close(number)
    os.write(told, f"{program}\n".encode())
    _, status = os.waitpid(program, 0)
    os.write(told, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(order: dict[str, Any], streams: list[int]) -> None:
    """The program: it ends this process as it would end its own."""
    if order["has_own_group"]:
        os.setsid()
    for number, each in enumerate(streams):
        os.dup2(each, number)
        os.close(each)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    kind, name, *arguments = order["program"]
    sys.argv = [name, *arguments]
    if kind == "-m":
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    elif kind == "-c":
        sys.argv[0] = kind
        exec(name, {"__name__": "__main__"})
    else:
        runpy.run_path(name, run_name="__main__")


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
