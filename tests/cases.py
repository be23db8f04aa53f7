"""Small inputs in the way of many senders, made from their sources, and the rows they must become.

A folder for each in tests/data/cases: `head.txt` (how it comes), its content, `why.md`,
`expected.json` (what must be so) and `rows.json`: the whole rows.
"""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "data" / "cases"
_ABOUT = ("expected.json", "head.txt", "rows.json", "why.md")
# Of a row; they are made anew with each.
_OURS = ("id", "created_at", "is_summed")


@dataclass(frozen=True)
class Case:
    """One input, and what it says how it is delivered."""

    name: str
    path: str  # of the URL; empty where it is a file to import
    headers: dict[str, str]
    file: Path
    expected: dict[str, Any]

    @property
    def number(self) -> int:
        return int(self.name[:2])

    @property
    def body(self) -> bytes:
        return self.file.read_bytes()

    @property
    def rows_file(self) -> Path:
        return self.file.with_name("rows.json")

    def one_by_one(self) -> list[bytes]:
        """The same spans, log records or payloads, each in a post of its own."""
        if not self.path.startswith(("/v1/", "/api/")):
            content = json.loads(self.body)
            return [json.dumps(each).encode() for each in content]
        return [json.dumps(each).encode() for each in each_alone(json.loads(self.body))]


def cases() -> Iterator[Case]:
    for folder in sorted(FOLDER.iterdir()):
        first, *lines = (folder / "head.txt").read_text().splitlines()
        headers = dict(line.split(": ", 1) for line in lines if line)
        method, path = first.split()[:2]
        (file,) = (each for each in folder.iterdir() if each.name not in _ABOUT)
        yield Case(
            folder.name,
            path if method == "POST" else "",
            headers,
            file,
            json.loads((folder / "expected.json").read_bytes()),
        )


def whole(row: dict[str, Any]) -> dict[str, Any]:
    """A row as `rows.json` has it."""
    kept = {name: value for name, value in row.items() if name not in _OURS}
    return {**kept, "timestamp": row["timestamp"].isoformat()}


def each_alone(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Requests of one span or log record each."""
    groups, scopes, records = (
        ("resourceSpans", "scopeSpans", "spans")
        if "resourceSpans" in request
        else ("resourceLogs", "scopeLogs", "logRecords")
    )
    for group in request[groups]:
        for scope in group[scopes]:
            for record in scope[records]:
                alone = copy.deepcopy({**group, scopes: [{**scope, records: [record]}]})
                yield {groups: [alone]}
