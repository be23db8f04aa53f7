"""Waiting for what another thread or program does: no test says how long that takes."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE_SECONDS = 60.0


def wait_until(is_so: Callable[[], Any]) -> Any:
    """What it is when it is true of it; an AssertionError where it never comes true."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not (found := is_so()):
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.02)
    return found
