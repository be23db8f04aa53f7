"""Requests that real clients sent, and the rows that each must become.

A folder for each client in tests/data/captures. Of a request `001_x.body` is the body, unpacked,
and `001_x.head.txt` its head, whose first line has the portal's address. `expected.json` has, by
the body's name, the rows it becomes: `timestamp` in Unix seconds, `status` as a number, `source`,
and `event_id` as the client wrote it.
"""

import datetime as dt
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from usage.identity import event_identity

FOLDER = Path(__file__).parent / "data" / "captures"
CANARY = "SECRET PROMPT TEXT"  # in the prompts of most of them
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Capture:
    """One request, to be sent again as it came."""

    name: str
    path: str
    headers: dict[str, str]
    body: bytes
    expected: list[dict[str, Any]]

    @property
    def is_chunked(self) -> bool:
        return self.headers.get("transfer-encoding") == "chunked"

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The expected rows as the table keeps them."""
        return [
            {
                **row,
                "timestamp": _EPOCH + dt.timedelta(microseconds=round(row["timestamp"] * 1e6)),
                "status": str(row["status"]),
                "event_id": event_identity(row["source"], row["event_id"]),
            }
            for row in self.expected
        ]


def captures() -> Iterator[Capture]:
    """Those that are whole; of the others `incomplete` tells."""
    for folder in sorted(FOLDER.iterdir()):
        expected = _expected(folder)
        for body in sorted(folder.glob("*.body")):
            if body.name not in expected or not _head_file(body).exists():
                continue
            path, headers = _head(_head_file(body).read_text())
            data = body.read_bytes()
            if headers.get("content-encoding") == "gzip":  # they were kept unpacked
                data = gzip.compress(data)
            name = f"{folder.name}/{body.name}"
            yield Capture(name, path, headers, data, expected[body.name])


def incomplete() -> list[str]:
    """What a capture lacks, so that nothing was sent of it."""
    found = []
    for folder in sorted(FOLDER.iterdir()):
        if not (folder / "expected.json").exists():
            found.append(f"{folder.name}: write expected.json")
            continue
        bodies = {body.name: body for body in folder.glob("*.body")}
        for name in sorted(bodies.keys() ^ _expected(folder).keys()):
            what = "say in expected.json what it becomes" if name in bodies else "there is no body"
            found.append(f"{folder.name}/{name}: {what}")
        heads = map(_head_file, bodies.values())
        found += [f"{folder.name}/{head.name}: is missing" for head in heads if not head.exists()]
    return found


def _expected(folder: Path) -> dict[str, list[dict[str, Any]]]:
    file = folder / "expected.json"
    return json.loads(file.read_bytes()) if file.exists() else {}


def _head_file(body: Path) -> Path:
    return body.with_name(body.stem + ".head.txt")


def _head(text: str) -> tuple[str, dict[str, str]]:
    """The address, and those headers that say what the body is."""
    first, *lines = text.splitlines()
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    found = {name.strip().lower(): value.strip() for name, value in pairs}
    wanted = ("content-type", "content-encoding", "transfer-encoding", "user-agent")
    return first.split()[1], {name: found[name] for name in wanted if name in found}
