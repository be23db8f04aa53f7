"""Turns between senders: whoever has many things waiting gets one done, then the next sender."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """A queue for each sender, and one of the senders. Any thread may put and take."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[Item]] = {}  # by sender; the first one's turn is next
        self._mutex = threading.Lock()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, sender: str, item: Item) -> None:
        with self._mutex:
            self._queues.setdefault(sender, deque()).append(item)
            self._count += 1

    def take(self, may_have: Callable[[str], bool] = lambda _: True) -> Item | None:
        """The oldest of the next sender who may have something; None when nobody may."""
        with self._mutex:
            sender = next(filter(may_have, self._queues), None)
            if sender is None:
                return None
            queue = self._queues.pop(sender)
            item = queue.popleft()
            if queue:
                self._queues[sender] = queue
            self._count -= 1
            return item

    def take_from_largest(self) -> Item:
        """The newest of the sender with the most; IndexError when nothing waits."""
        with self._mutex:
            if not self._queues:
                raise IndexError
            sender = max(self._queues, key=lambda each: len(self._queues[each]))
            item = self._queues[sender].pop()
            if not self._queues[sender]:
                del self._queues[sender]
            self._count -= 1
            return item
