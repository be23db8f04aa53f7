"""What happened in each minute: waits, refusals, memory."""

import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from benchmarks.figures import percentile


@dataclass
class Minute:
    """`waits` in seconds, of what was answered with success, by its kind; `counts` of the rest."""

    waits: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    counts: Counter[str] = field(default_factory=Counter)
    memory_bytes: int = 0

    def percentile_ms(self, kind: str, share: float) -> float | None:
        waits = self.waits.get(kind)
        return 1000 * percentile(waits, share) if waits else None


class Minutes:
    """Written by all activities."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._minutes: dict[int, Minute] = defaultdict(Minute)
        self._mutex = threading.Lock()

    def wait(self, kind: str, seconds: float) -> None:
        with self._mutex:
            self._now().waits[kind].append(seconds)

    def count(self, what: str, number: int = 1) -> None:
        with self._mutex:
            self._now().counts[what] += number

    def memory(self, size: int) -> None:
        with self._mutex:
            now = self._now()
            now.memory_bytes = max(now.memory_bytes, size)

    def all(self) -> list[Minute]:
        """The first minute first; none is left out."""
        with self._mutex:
            return [self._minutes[number] for number in range(max(self._minutes, default=-1) + 1)]

    def _now(self) -> Minute:
        return self._minutes[int((time.monotonic() - self._began) / 60)]
