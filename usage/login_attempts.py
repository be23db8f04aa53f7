"""Slows down guessing: after ten failed passwords from one address, that address waits."""

import time

from django.core.cache import cache
from django.http import HttpRequest

MOST_FAILURES = 10
WINDOW_SECONDS = 60


def seconds_blocked(request: HttpRequest) -> int:
    """How long this address must wait before its credentials are looked at; 0 is not at all."""
    failures, until = cache.get(_key(request), (0, 0.0))
    if failures < MOST_FAILURES:
        return 0
    return max(0, int(until - time.time()) + 1)


def note_failure(request: HttpRequest) -> None:
    failures, until = cache.get(_key(request), (0, time.time() + WINDOW_SECONDS))
    cache.set(_key(request), (failures + 1, until), timeout=max(1.0, until - time.time()))


def _key(request: HttpRequest) -> str:
    return f"failed-logins:{_address(request)}"


def _address(request: HttpRequest) -> str:
    """The peer, or whom a proxy on this machine says it speaks for: the last name is its own."""
    peer = str(request.META.get("REMOTE_ADDR", ""))
    forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return forwarded[:64] if forwarded and peer in ("", "127.0.0.1", "::1") else peer
