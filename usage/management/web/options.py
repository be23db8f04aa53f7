"""What gunicorn is told, by `serve` and by plain `gunicorn qsmetrics.wsgi` alike."""

import ctypes
import sys
from typing import Any

from django.conf import settings

from usage.database import in_use, pool, storage
from usage.management.web.log import Log
from usage.management.web.worker import Worker

BACKLOG = 1024
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def options() -> dict[str, Any]:
    return {
        "backlog": BACKLOG,
        "workers": 1 if storage.has_one_writer() else settings.METRICS_WORKERS,
        "threads": settings.METRICS_THREADS,
        "worker_class": Worker,
        "sendfile": False,  # which would wait for its peer as long as it takes
        "keepalive": 75,
        "graceful_timeout": 30,
        "timeout": 120,
        "limit_request_line": 8190,
        "logger_class": Log,
        "control_socket_disable": True,
        # Nobody's headers change where a request comes from or goes to: FrontDoor judges.
        "forwarded_allow_ips": "",
        "forwarder_headers": "",
        "secure_scheme_headers": {},
        "proc_name": "qsmetrics",
    }


def prepare_to_fork() -> None:
    """What the workers find: no connection of this process, and an allocator that gives back.

    They share its lock on the database's folder from now on, which tells a `restore` of a portal
    that nobody has asked anything yet. While one is under way there is none: they ask again.
    """
    if (file := storage.file()) is not None:
        in_use.share(file.parent)
    pool.hand_over_to_workers(settings.METRICS_THREADS)
    _give_memory_back()


def refuse_workers_beside_each_other(arbiter: Any) -> None:
    """gunicorn's hook, called with what its command line made of the options."""
    if storage.has_one_writer() and arbiter.cfg.workers > 1:
        sys.exit(
            f"--workers is {arbiter.cfg.workers}: on SQLite one worker must do, whose threads "
            "share their commits; for several use PostgreSQL (DATABASE_URL)"
        )


def _give_memory_back() -> None:
    """glibc would keep, for each thread, as much as the largest body that it ever held."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 1 << 20)
        mallopt(_M_TRIM_THRESHOLD, 4 << 20)
