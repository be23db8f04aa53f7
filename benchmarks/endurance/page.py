"""The minutes as a table, a CSV file and a picture, and the verdict in words."""

import csv
import datetime as dt
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from benchmarks.endurance.minutes import Minute
from benchmarks.endurance.verdict import Verdict
from benchmarks.figures import NOTHING
from qsmetrics import __version__

_COLUMNS = (
    "minute", "posts", "rows", "posts p50 ms", "posts p99 ms", "posts longest ms", "posts 503",
    "posts unanswered", "health p99 ms", "questions", "questions p99 ms", "exports",
    "exports 503", "purges", "kills", "memory MiB",
)  # fmt: skip
_INK, _BLUE, _RED = "#1d2433", "#2f5fd0", "#d0503c"


def write(folder: Path, name: str, minutes: Sequence[Minute], verdict: Verdict, peers: int) -> str:
    """`name`.md, .csv and .png; the words of the first."""
    folder.mkdir(exist_ok=True)
    rows = [_row(number, minute) for number, minute in enumerate(minutes, 1)]
    with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([_COLUMNS, *rows])
    _draw(folder / f"{name}.png", name, minutes)
    text = _page(name, rows, verdict, peers)
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return text


def _row(number: int, minute: Minute) -> tuple[str, ...]:
    counts = minute.counts
    return (
        str(number),
        str(len(minute.waits["posts"])),
        str(counts["rows"]),
        _ms(minute.percentile_ms("posts", 0.5)),
        _ms(minute.percentile_ms("posts", 0.99)),
        _ms(minute.percentile_ms("posts", 1.0)),
        str(counts["posts 503"]),
        str(counts["posts unanswered"]),
        _ms(minute.percentile_ms("health", 0.99)),
        str(len(minute.waits["questions"])),
        _ms(minute.percentile_ms("questions", 0.99)),
        str(len(minute.waits["exports"])),
        str(counts["exports 503"]),
        str(counts["purges"]),
        str(counts["kills"]),
        f"{minute.memory_bytes / 2**20:.0f}",
    )


def _ms(number: float | None) -> str:
    return NOTHING if number is None else f"{number:.0f}"


def _page(name: str, rows: Sequence[tuple[str, ...]], verdict: Verdict, peers: int) -> str:
    lines = [_COLUMNS, ("---:",) * len(_COLUMNS), *rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"""# Endurance: {name}

qsmetrics {__version__}, {dt.datetime.now(dt.UTC):%Y-%m-%d}, {os.cpu_count()} CPUs, \
Python {platform.python_version()}. Senders of each kind, questions, exports, purges, {peers} \
hostile peers of all kinds and a `kill -9` every minute, at once and on the same processors. p99 \
is of posts that were answered; what was not is sent again.

{_words(verdict)}

![by minute]({name}.png)

{table}
"""


def _words(verdict: Verdict) -> str:
    lines = [
        f"- {verdict.acknowledged:,} rows acknowledged",
        f"- lost: {verdict.lost}, stored twice: {verdict.doubled}, never sent: {verdict.unknown}",
        f"- counted too many: {verdict.counted_too_many}",
        f"- sums and rows: {verdict.sums_differ or 'equal'}",
        *(f"- surprise: {what} ({count} times)" for what, count in verdict.surprises.items()),
        f"- **{'good' if verdict.is_good else 'NOT GOOD'}**",
    ]
    return "\n".join(lines)


def _draw(path: Path, name: str, minutes: Sequence[Minute]) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    places = range(1, len(minutes) + 1)
    plt.rcParams.update({"font.size": 9, "text.color": _INK, "axes.labelcolor": _INK})
    figure, (above, below) = plt.subplots(2, 1, figsize=(10, 6), sharex=True, layout="constrained")
    figure.suptitle(f"{name}: by minute", fontsize=12, fontweight="bold", x=0.01, ha="left")
    for share, colour, label in ((0.5, _BLUE, "p50"), (0.99, _RED, "p99")):
        waits = [minute.percentile_ms("posts", share) or float("nan") for minute in minutes]
        above.plot(places, waits, color=colour, marker=".", label=label)
    above.set_ylabel("posts, ms")
    above.set_yscale("log")
    above.legend(frameon=False)
    below.plot(places, [m.memory_bytes / 2**20 for m in minutes], color=_BLUE, marker=".")
    below.set_ylabel("worker's memory, MiB")
    below.set_xlabel("minute")
    below.set_ylim(bottom=0)
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
