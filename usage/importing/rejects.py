"""The file of rows that could not be imported: NDJSON, private, without keys."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, TextIO

from usage.broken_records import shown
from usage.live_keys import without_keys


class RejectFile:
    """Made when the first bad row comes, over the one of an earlier import."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, row: Mapping[str, Any], reason: str) -> None:
        """Add one row, whose `id` is its place in the file that it comes from.

        OSError where the file cannot be written.
        """
        if self._file is None:
            self._file = os.fdopen(_private(self.path), "w", encoding="utf-8")
        found = shown(row)
        line = {"id": found.pop("id", None), "reason": without_keys(reason), "row": found}
        self._file.write(json.dumps(line, ensure_ascii=True) + "\n")

    def flush(self) -> None:
        if self._file is not None:
            self._file.flush()


def _private(path: Path) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.fchmod(descriptor, 0o600)  # of a file that was there before, too
    return descriptor
