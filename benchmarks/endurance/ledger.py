"""What the portal has acknowledged, by the clients' own book."""

import threading
from collections import defaultdict


class Ledger:
    """Batches by their names: how many rows each has, and whether its rows will be purged."""

    def __init__(self) -> None:
        self.kept: dict[str, int] = {}
        self.purged: dict[str, int] = {}
        self.surprises: dict[str, int] = defaultdict(int)
        self._mutex = threading.Lock()

    def acknowledge(self, batch: str, rows: int, *, is_old: bool = False) -> None:
        with self._mutex:
            (self.purged if is_old else self.kept)[batch] = rows

    def surprise(self, what: str) -> None:
        """An answer that nobody should get."""
        with self._mutex:
            self.surprises[what] += 1

    @property
    def rows(self) -> int:
        return sum(self.kept.values()) + sum(self.purged.values())


def row_name(batch: str, number: int) -> str:
    return f"{batch}.{number}"


def batch_of(row: str) -> str:
    return row.rpartition(".")[0]
