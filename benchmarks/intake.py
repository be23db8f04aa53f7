"""What each format costs: records a second through HTTP into durable rows, beside its decoding.

.venv/bin/python -m benchmarks.intake        (ROUNDS=5 and BENCH_SECONDS=1 by default)
"""

import datetime as dt
import os
import platform
import socket
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import processes, report
from benchmarks.figures import NOTHING, Rate, median, percent, ratios
from benchmarks.formats import CALLS, Format, check, formats, made_up
from benchmarks.load import PATIENCE, read_answer
from qsmetrics import __version__
from tests.serving import Portal, serving

_ALONE = 0.3  # of BENCH_SECONDS: the work of one process needs less time to be seen
_WARM_UP = 3  # posts
_HEAD = (
    "format", "bytes a record", "through HTTP into rows, records/s",
    "records per server CPU-s", "our parser alone, records/s",
    "plain decoding alone, records/s", "HTTP ÷ decoding", "parser ÷ decoding",
)  # fmt: skip


@dataclass
class Measured:
    """A rate for each round."""

    posted: list[Rate] = field(default_factory=list)
    parsed: list[Rate] = field(default_factory=list)
    decoded: list[Rate] = field(default_factory=list)


class Client:
    """One connection; every post is of new events."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self.records = 0
        self._connection = socket.create_connection((portal.host, portal.port), timeout=PATIENCE)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        self._connection.close()

    def post(self, format: Format, posts: int) -> Rate:
        """Requests made beforehand, each sent when the one before is answered."""
        first, self.records = self.records, self.records + posts * CALLS
        requests = [format.request(made_up(n)) for n in range(first, self.records, CALLS)]
        pid = self._portal.process.pid
        cpu, began = processes.cpu_seconds(pid), time.perf_counter()
        for request in requests:
            self._connection.sendall(request)
            answer = read_answer(self._connection)
            assert answer[9:12] in (b"200", b"201"), answer[:500]
        wall = time.perf_counter() - began
        return Rate(posts * CALLS, wall, processes.cpu_seconds(pid) - cpu)


def measure(portal: Portal, kinds: Sequence[Format], rounds: int, seconds: float) -> list[Measured]:
    """One kind after the other, and then again: a busy moment of the machine hits all alike."""
    found = [Measured() for _ in kinds]
    with closing(Client(portal)) as client:
        posts = [_posts(client, kind, seconds) for kind in kinds]
        for turn in range(rounds):
            print(f"round {turn + 1} of {rounds}", file=sys.stderr, flush=True)
            for kind, count, measured in zip(kinds, posts, found, strict=True):
                if count:
                    measured.posted.append(client.post(kind, count))
                _measure_alone(kind, measured, _ALONE * seconds)
        assert _rows(portal) == client.records, "rows are not what was posted"
    return found


def _measure_alone(kind: Format, measured: Measured, seconds: float) -> None:
    body, now = kind.encode(made_up(0)), dt.datetime.now(dt.UTC)
    measured.decoded.append(_alone(lambda: kind.decode(body), seconds))
    measured.parsed.append(_alone(lambda: kind.parse(body, now), seconds))


def _posts(client: Client, kind: Format, seconds: float) -> int:
    """How many take that long; none of what is not posted."""
    if kind.path is None:
        return 0
    warm_up = client.post(kind, _WARM_UP)
    return max(1, round(seconds * warm_up.per_second / CALLS))


def _alone(work: Callable[[], object], seconds: float) -> Rate:
    """One CALLS after another in this process."""
    times, began, cpu = 0, time.perf_counter(), time.process_time()
    while (wall := time.perf_counter() - began) < seconds or not times:
        work()
        times += 1
    return Rate(times * CALLS, wall, time.process_time() - cpu)


def _rows(portal: Portal) -> int:
    with closing(sqlite3.connect(portal.database)) as database:
        (count,) = database.execute("SELECT COUNT(*) FROM usage_metrics").fetchone()
    return int(count)


def table(kinds: Sequence[Format], measured: Sequence[Measured]) -> str:
    rows = [_HEAD, ("---", *["---:"] * (len(_HEAD) - 1)), *map(_row, kinds, measured)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(kind: Format, measured: Measured) -> tuple[str, ...]:
    posted, decoded = measured.posted, _walls(measured.decoded)
    return (
        kind.name,
        f"{len(kind.encode(made_up(0))) / CALLS:,.0f}",
        _middle(_walls(posted)),
        _middle([rate.per_cpu_second for rate in posted]),
        _middle(_walls(measured.parsed)),
        _middle(decoded),
        percent(median(ratios(_walls(posted), decoded))) if posted else NOTHING,
        percent(median(ratios(_walls(measured.parsed), decoded))),
    )


def _walls(rates: Sequence[Rate]) -> list[float]:
    return [rate.per_second for rate in rates]


def _middle(numbers: Sequence[float]) -> str:
    return f"{median(numbers):,.0f}" if numbers else NOTHING


def page(text: str, rounds: int, seconds: float, rows: int) -> str:
    return f"""# Intake

qsmetrics {__version__}, {dt.datetime.now(dt.UTC):%Y-%m-%d}, {os.cpu_count()} CPUs, \
Python {platform.python_version()}, SQLite {sqlite3.sqlite_version} with WAL and synchronous=FULL.
One client, posts of {CALLS} records, medians of {rounds} rounds of {seconds:g} s for each format; \
{rows:,} rows were posted, and as many are in the database. The machine is shared and noisy: \
believe ratios rather than rates. What each column means: \
[docs/benchmarks.md](../../docs/benchmarks.md#what-each-format-costs).

{text}
"""


def main() -> None:
    rounds = int(os.environ.get("ROUNDS", "5"))
    seconds = float(os.environ.get("BENCH_SECONDS", "1"))
    kinds = formats()
    for kind in kinds:
        check(kind, kinds[0])
    with (
        tempfile.TemporaryDirectory(prefix="qsmetrics-bench-") as name,
        serving(Path(name)) as portal,
    ):
        measured = measure(portal, kinds, rounds, seconds)
        rows = _rows(portal)
    text = table(kinds, measured)
    report.FOLDER.mkdir(exist_ok=True)
    written = page(text, rounds, seconds, rows)
    (report.FOLDER / "intake.md").write_text(written, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
