"""How much SQLite's write-ahead log holds, whose file keeps the largest size it ever had.

SQLite tells it only to who copies the log. Its format is at https://www.sqlite.org/walformat.html.
"""

import os
from pathlib import Path
from typing import BinaryIO

_HEAD, _FRAME_HEAD = 32, 24  # bytes
_SALT = slice(16, 24)  # in the head; each frame of the same round repeats it
_SALT_OF_FRAME = 8


def bytes_in_log(path: Path) -> int:
    """Those of its present round; 0 where there is no log."""
    try:
        with path.open("rb") as file:
            return _bytes_in(file)
    except FileNotFoundError:
        return 0


def _bytes_in(file: BinaryIO) -> int:
    head = file.read(_HEAD)
    if len(head) < _HEAD:
        return 0
    frame = _FRAME_HEAD + int.from_bytes(head[8:12], "big")  # and a page
    # Frames of earlier rounds follow those of the present one: found by halves.
    least, most = 0, (os.fstat(file.fileno()).st_size - _HEAD) // frame
    while least < most:
        middle = (least + most + 1) // 2
        file.seek(_HEAD + (middle - 1) * frame + _SALT_OF_FRAME)
        if file.read(8) == head[_SALT]:
            least = middle
        else:
            most = middle - 1
    return least * frame
