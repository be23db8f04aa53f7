"""The file of rows that could not be imported: NDJSON, private, without keys."""

import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from usage.live_keys import begins_as_key, without_keys

_LONGEST_TEXT = 1_000
_HIDDEN = "(hidden: it may be a live key)"
_HASH = re.compile(r"[0-9a-fA-F]{16,64}")
_MODELS = ("model", "requested_model")  # of which some begin as keys do
_KEY_COLUMNS = ("api_key", "api_key_hash")


class RejectFile:
    """Made when the first bad row comes, over the one of an earlier import."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, row: Mapping[str, Any], reason: str) -> None:
        """Add one row; OSError where the file cannot be written."""
        if self._file is None:
            self._file = os.fdopen(_private(self.path), "w", encoding="utf-8")
        shown = {name: _shown(name, value) for name, value in row.items()}
        line = {"id": shown.pop("id", None), "reason": without_keys(reason), "row": shown}
        self._file.write(json.dumps(line, ensure_ascii=True) + "\n")

    def flush(self) -> None:
        if self._file is not None:
            self._file.flush()


def _private(path: Path) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.fchmod(descriptor, 0o600)  # of a file that was there before, too
    return descriptor


def _shown(column: str, value: Any) -> Any:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if not isinstance(value, str):
        return value
    if column not in _MODELS and begins_as_key(value):  # however short
        return _HIDDEN
    if column in _KEY_COLUMNS and value and not _HASH.fullmatch(value):
        return _HIDDEN
    value = without_keys(value)
    return value if len(value) <= _LONGEST_TEXT else value[:_LONGEST_TEXT] + "…"
