"""The results as one Markdown table, on the terminal and in a file."""

import datetime as dt
import os
import platform
import sqlite3
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.figures import NOTHING, Line
from qsmetrics import __version__

FOLDER = Path(__file__).parent / "results"
_LEGEND = "What each line means: [docs/benchmarks.md](../../docs/benchmarks.md)."
_HEAD = ("figure", "ours", "yardstick", "ratio", "target", "met")


def table(lines: Sequence[Line]) -> str:
    rows = [
        (
            line.figure,
            line.ours,
            line.yardstick,
            line.ratio,
            line.target.text if line.target else NOTHING,
            line.met,
        )
        for line in lines
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in (_HEAD, ["---"] * len(_HEAD), *rows))


def page(title: str, engine: str, lines: Sequence[Line], notes: Sequence[str], chart: str) -> str:
    """The whole Markdown file. It names no machine."""
    targets = [line.target for line in lines if line.target and line.target.applies]
    met = sum(target.is_met for target in targets)
    return "\n".join(
        [
            f"# {title}",
            "",
            f"{machine(engine)}. {met} of {len(targets)} targets met. {_LEGEND}",
            "",
            f"![{title}]({chart})",
            "",
            table(lines),
            "",
            *(f"- {note}" for note in notes),
            "",
        ]
    )


def machine(engine: str) -> str:
    return (
        f"qsmetrics {__version__}, {dt.datetime.now(dt.UTC):%Y-%m-%d}, {os.cpu_count()} CPUs, "
        f"Python {platform.python_version()}, {engine}, SQLite {sqlite3.sqlite_version}, "
        f"DuckDB {version('duckdb')}"
    )
