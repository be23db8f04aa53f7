"""What a portal keeps, beside what it should and should not."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

from tests.captures import CANARY
from tests.serving import Portal

Row = dict[str, Any]


def all_rows(portal: Portal) -> list[Row]:
    answer = portal.request("GET", "/_qs/usage?format=ndjson")
    assert answer.status == 200, answer.body
    return [json.loads(line) for line in answer.body.splitlines()]


def leaks(folder: Path, portal: Portal) -> list[str]:
    """Where something of what was said in the calls is kept or told."""
    kept = {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    told = {"its output": portal.output.encode()}
    return [place for place, text in (kept | told).items() if CANARY.encode() in text]


def differences(rows: list[Row], expected: list[Row]) -> list[Any]:
    """Of rows that are not as expected, each such field with both values."""
    found = [row | {"timestamp": dt.datetime.fromisoformat(row["timestamp"])} for row in rows]
    if len(found) != len(expected):
        return [f"{len(found)} rows instead of {len(expected)}"]
    pairs = zip(sorted(found, key=_place), sorted(expected, key=_place), strict=True)
    return [
        {name: (row[name], value) for name, value in wanted.items() if row[name] != value}
        for row, wanted in pairs
        if row | wanted != row
    ]


def _place(row: Row) -> tuple[dt.datetime, str]:
    return row["timestamp"], row["response_id"] or ""
