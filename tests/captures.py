"""Requests that real clients sent, and the rows that each must become."""

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
    def source(self) -> str:
        return "litellm" if "litellm" in self.path else "otel"

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The expected rows as the table keeps them."""
        return [
            {
                **row,
                "timestamp": _EPOCH + dt.timedelta(microseconds=round(row["timestamp"] * 1e6)),
                "status": str(row["status"]),
                "event_id": event_identity(self.source, row["event_id"]),
            }
            for row in self.expected
        ]


def captures() -> Iterator[Capture]:
    for folder in sorted(FOLDER.iterdir()):
        expected = json.loads((folder / "expected.json").read_bytes())
        for body in sorted(folder.glob("*.body")):
            headers = _headers(body.with_name(body.stem + ".head.txt").read_text())
            data = body.read_bytes()
            if headers.get("content-encoding") == "gzip":  # they were kept unpacked
                data = gzip.compress(data)
            name = f"{folder.name}/{body.name}"
            yield Capture(name, _path(folder.name, body.name), headers, data, expected[body.name])


def _headers(head: str) -> dict[str, str]:
    """Those that say what the body is."""
    pairs = (line.split(":", 1) for line in head.splitlines()[1:] if ":" in line)
    found = {name.strip().lower(): value.strip() for name, value in pairs}
    wanted = ("content-type", "content-encoding", "transfer-encoding", "user-agent")
    return {name: found[name] for name in wanted if name in found}


def _path(folder: str, body: str) -> str:
    if folder.startswith("litellm"):
        return "/_qs/litellm"
    return "/v1/" + body.removesuffix(".body").rpartition("_")[2]
