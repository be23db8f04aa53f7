"""Collectors beside other work: a thread for each proxy."""

import threading
from collections.abc import Sequence

from qsmetrics.cliproxy_setting import Proxy
from usage.collecting.collector import QueueCollector


class Collectors:
    """Start them with `start`; `stop` waits until what has come is stored."""

    def __init__(self, proxies: Sequence[Proxy]) -> None:
        self._collectors = [QueueCollector(proxy) for proxy in proxies]
        self._threads = [
            threading.Thread(target=each.run, name="collector", daemon=True)
            for each in self._collectors
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def are_running(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def stop(self, seconds: float) -> None:
        for each in self._collectors:
            each.stop()
        for thread in self._threads:
            thread.join(seconds)
