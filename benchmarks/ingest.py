"""Posts of 1 to 10,000 rows from 1 and 8 clients, beside the database's own limit."""

import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import processes
from benchmarks.figures import (
    NOTHING,
    TIMES,
    Line,
    Rate,
    Target,
    median,
    milliseconds,
    percent,
    percentile,
    ratios,
)
from benchmarks.limits import limits_of
from benchmarks.load import Clients, Job
from benchmarks.stores import Store, served
from tests.serving import Portal, start, stopped_afterwards

ROUNDS = 3
_LIMIT_ROWS = 30_000
_BODIES_FOR = 40_000  # rows a second; past them the same bodies go again, as new events
_MOST_POSTS_A_SECOND = 4_000
# The first stands beside the limit in every round, the last beside the empty view.
_CELLS = [(1000, 1), (1000, 8), (10_000, 1), (10_000, 8), (100, 1), (100, 8), (1, 1), (1, 8)]
_SLOWEST = (10_000, 8)  # 80,000 rows wait at any moment, so once must do


@dataclass
class Cell:
    """One kind of post: a rate for each round, and all waits."""

    rates: list[Rate] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    @property
    def rows_a_second(self) -> float:
        return median([rate.per_second for rate in self.rates])

    @property
    def rows_a_cpu_second(self) -> float:
        return median([rate.per_cpu_second for rate in self.rates])


@dataclass
class Ingest:
    """All that was measured."""

    engine: str
    cells: dict[tuple[int, int], Cell]
    empty_view: Cell
    limits: dict[str, list[Rate]]

    @property
    def fastest(self) -> float:
        return max(cell.rows_a_second for cell in self.cells.values())


def measure(
    engine: str, ours: Store, limit: Store, scratch: Path, clients: Clients, seconds: float
) -> Ingest:
    """`ours` and `limit` are two copies of one database."""
    cells: defaultdict[tuple[int, int], Cell] = defaultdict(Cell)
    result = Ingest(engine, cells, Cell(), defaultdict(list))
    with limits_of(limit) as limits, served(ours) as portal, empty_view(scratch, ours) as empty:
        for size in (1, 1000):
            _post(clients, portal, size, 8, seconds / 4)  # warm-up
        for turn in range(ROUNDS):
            for name, store_rows in limits.items():
                first = clients.take_rows(_LIMIT_ROWS)
                result.limits[name].append(store_rows(first, _LIMIT_ROWS))
            for size, count in _CELLS:
                if turn and (size, count) == _SLOWEST:
                    continue
                _add(cells[size, count], _post(clients, portal, size, count, seconds))
            _add(result.empty_view, _post(clients, empty, 1, 8, seconds))
    return result


def _add(cell: Cell, measured: tuple[Rate, list[float]]) -> None:
    cell.rates.append(measured[0])
    cell.waits += measured[1]


def _post(
    clients: Clients, portal: Portal, size: int, count: int, seconds: float
) -> tuple[Rate, list[float]]:
    posts = int(seconds * min(_MOST_POSTS_A_SECOND, _BODIES_FOR / size))
    clients.prepare(Job(portal.host, portal.port, size, count, max(posts, count)))
    before = processes.cpu_seconds(portal.process.pid)
    posted = clients.run_for(seconds)
    cpu = processes.cpu_seconds(portal.process.pid) - before
    return Rate(posted.rows, posted.wall, cpu), posted.waits


@contextmanager
def empty_view(folder: Path, store: Store) -> Iterator[Portal]:
    """By plain gunicorn, which reads the options of `serve` and as many workers and threads."""
    command = [sys.executable, "-m", "gunicorn", "benchmarks.empty_view", "--bind", "127.0.0.1:0"]
    settings = {"DJANGO_SETTINGS_MODULE": "benchmarks.empty_settings", **store.settings}
    with stopped_afterwards(start(folder, command, **settings)) as portal:
        yield portal


def lines(result: Ingest) -> list[Line]:
    name, limit = next(iter(result.limits.items()))
    thousand = result.cells[1000, 1]
    is_sqlite = result.engine == "sqlite"
    found = [_limit_line(*item, is_sqlite=is_sqlite) for item in result.limits.items()]
    wall = median(ratios(*_each("per_second", thousand.rates, limit)))
    found.append(
        Line(
            "1,000-row posts, 1 client: rows/s",
            f"{thousand.rows_a_second:,.0f}",
            f"{name} {median([rate.per_second for rate in limit]):,.0f}",
            percent(wall),
            _at_least("≥ 50 %", wall, 0.5, f"1,000-row posts beside {name}: {percent(wall)}"),
        )
    )
    if is_sqlite:
        found += _cpu_lines(name, thousand, limit)
    found.append(_single_row_line(result))
    return found + [_cell_line(*item) for item in sorted(result.cells.items())]


def _limit_line(name: str, rates: list[Rate], *, is_sqlite: bool) -> Line:
    wall = median([rate.per_second for rate in rates])
    cpu = f"; {median([r.per_cpu_second for r in rates]):,.0f} per CPU-s" if is_sqlite else ""
    return Line(f"limit: {name}, 1,000 rows a commit", NOTHING, f"{wall:,.0f} rows/s{cpu}")


def _cpu_lines(name: str, thousand: Cell, limit: list[Rate]) -> list[Line]:
    share = median(ratios(*_each("per_cpu_second", thousand.rates, limit)))
    rate = thousand.rows_a_cpu_second
    theirs = median([one.per_cpu_second for one in limit])
    return [
        Line(
            "1,000-row posts, 1 client: rows per server CPU-second",
            f"{rate:,.0f}",
            f"{name} {theirs:,.0f}",
            percent(share),
            _at_least("≥ 30,000", rate, 30_000, f"1,000-row posts: {rate:,.0f} a CPU-second"),
        )
    ]


def _single_row_line(result: Ingest) -> Line:
    ours, theirs = result.cells[1, 8], result.empty_view
    share = median(ratios(*_each("per_cpu_second", ours.rates, theirs.rates)))
    return Line(
        "single-row posts, 8 clients: posts per server CPU-second",
        f"{ours.rows_a_cpu_second:,.0f}",
        f"empty Django view {theirs.rows_a_cpu_second:,.0f}",
        percent(share),
        _at_least("≥ 45 %", share, 0.45, f"1-row posts beside an empty view: {percent(share)}"),
    )


def _at_least(text: str, measured: float, limit: float, short: str) -> Target:
    return Target(text, measured, limit, at_least=True, short=short)


def _each(figure: str, ours: list[Rate], theirs: list[Rate]) -> tuple[list[float], list[float]]:
    return [getattr(rate, figure) for rate in ours], [getattr(rate, figure) for rate in theirs]


def _cell_line(kind: tuple[int, int], cell: Cell) -> Line:
    size, count = kind
    rates = f"{cell.rows_a_second:,.0f} rows/s; {cell.rows_a_cpu_second:,.0f} per CPU-s"
    waits = f"{milliseconds(median(cell.waits))}, p99 {milliseconds(percentile(cell.waits, 0.99))}"
    return Line(
        f"posts of {size:,} {TIMES} {count} client{'s' * (count > 1)}",
        f"{rates}; {waits} a post",
    )
