"""Running the background jobs until SIGTERM or Ctrl-C: what `serve` and `work` have in common."""

import os
import signal
import threading

from usage.jobs import JOBS, Runner, streams
from usage.recording import unwritten

_STREAMS_END_WITHIN = 20.0  # seconds


def run_jobs(program: str, *, with_parent: bool = False) -> None:
    """Also the streams, whoever has the lock of the jobs.

    Ends `with_parent` too, when that dies and can tell nobody.
    """
    ends = threading.Event()
    parent = os.getppid()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ends.set())

    def rest(seconds: float) -> bool:
        return ends.wait(seconds) or (with_parent and os.getppid() != parent)

    unwritten.write_in_background()
    beside = streams()  # these have threads, so nothing is forked from here on
    if beside is not None:
        beside.start()
    try:
        Runner(JOBS, program).run(rest)
    finally:
        if beside is not None:
            beside.stop(_STREAMS_END_WITHIN)
        unwritten.write_last()
