"""Questions to the portal: the time of each while idle, while ingesting, and beside others'."""

import datetime as dt
import http.client
import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from benchmarks import rows
from benchmarks.duckdb_scan import DuckDb
from benchmarks.load import Clients, Job
from benchmarks.reference import Answers, Reference
from tests.serving import Portal

_LEAST, _MOST = 20, 200
_ENOUGH_SECONDS, _MOST_SECONDS = 1.5, 15.0
_PORTIONS = 4  # in which other engines' repetitions alternate with ours
# A few minutes and seconds beside every bucket's boundary.
_LAST = rows.END - dt.timedelta(minutes=7, seconds=13)


class NotThereYet(Exception):
    """The portal does not know this question."""


@dataclass(frozen=True)
class Query:
    """A question, and the field of its totals that it is asked for."""

    name: str
    parameters: dict[str, str] = field(default_factory=dict)
    field: str = "total_tokens"

    @property
    def path(self) -> str:
        return "/_qs/metrics?" + urlencode(self.parameters)


def _days(count: int, **more: str) -> dict[str, str]:
    start = _LAST - dt.timedelta(days=count)
    return {"from": _rfc3339(start), "to": _rfc3339(_LAST), **more}


def _rfc3339(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


ALL_TIME = Query("all time")
QUERIES = (
    ALL_TIME,
    Query("30 d", _days(30)),
    Query("7 d", _days(7)),
    Query("24 h", _days(1)),
    Query("one key, 30 d", _days(30, api_key_hash=rows.KEYS[3])),
    Query("one model, 30 d", _days(30, model=rows.MODELS[3])),
    Query("Asia/Kathmandu by day, 30 d", _days(30, tz="Asia/Kathmandu", interval="day")),
    Query("Europe/Prague by hour, 30 d", _days(30, tz="Europe/Prague")),
    Query("percentiles, one model, 7 d", _days(7, model=rows.MODELS[3]), "p95_latency_ms"),
    Query("by key, 30 d", _days(30, group_by="api_key")),
)


@dataclass
class Timing:
    """How long each repetition took, in seconds. No `idle` ones: the question is not known yet."""

    query: Query
    idle: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)


@dataclass
class Comparison:
    """All time in one answer beside the three queries of others, and whether they agree."""

    ours: list[float] = field(default_factory=list)
    small: list[float] = field(default_factory=list)
    reference: dict[str, list[float]] = field(default_factory=dict)
    duckdb: dict[str, list[float]] = field(default_factory=dict)
    agree: bool = False
    p95: tuple[float | None, float] = (None, 0.0)


class Asker:
    """A connection to a portal, kept open."""

    def __init__(self, portal: Portal) -> None:
        self._connection = http.client.HTTPConnection(portal.host, portal.port, timeout=600)

    def close(self) -> None:
        self._connection.close()

    def ask(self, query: Query) -> Any:
        self._connection.request("GET", query.path)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status == 400:
            raise NotThereYet
        assert answer.status == 200, (answer.status, body[:300])
        return body

    def parsed(self, query: Query) -> Any:
        answer = json.loads(self.ask(query))
        if query.field not in answer["totals"]:
            raise NotThereYet
        return answer


def repeat(action: Callable[[], object], least: int = _LEAST) -> list[float]:
    """The seconds that each call took: `least` calls, more while there is time, fewer if slow."""
    seconds: list[float] = []
    began = time.perf_counter()
    while len(seconds) < _MOST:
        spent = time.perf_counter() - began
        if spent > (_ENOUGH_SECONDS if len(seconds) >= least else _MOST_SECONDS):
            break
        seconds.append(_seconds(action))
    return seconds


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def compare(big: Portal, small: Portal, reference: Reference, duckdb: DuckDb) -> Comparison:
    """Each engine's turn after the other's, four times."""
    result = Comparison()
    with closing(Asker(big)) as ours, closing(Asker(small)) as theirs:
        theirs.ask(ALL_TIME)
        answer = ours.parsed(ALL_TIME)
        for _ in range(_PORTIONS):
            least = _LEAST // _PORTIONS
            result.ours += repeat(lambda: ours.ask(ALL_TIME), least)
            result.small += repeat(lambda: theirs.ask(ALL_TIME), least)
            for engine, seconds in ((reference, result.reference), (duckdb, result.duckdb)):
                for name in engine.queries:
                    seconds.setdefault(name, []).append(_seconds(lambda: engine.run(name)))  # noqa: B023
    expected = Answers.of(*(reference.run(name) for name in reference.queries))
    scanned = Answers.of(*(duckdb.run(name) for name in duckdb.queries))
    result.agree = _answers(answer) == expected == scanned
    result.p95 = (answer["totals"].get("p95_latency_ms"), duckdb.p95_latency_ms())
    return result


def _answers(answer: Any) -> Answers:
    totals = answer["totals"]
    by_model = [
        (part["model"], part["requests"], part["tokens"], part["avg_latency_ms"])
        for part in answer["by_model"]
    ]
    by_hour = [
        (part["bucket_start"], part["requests"], part["tokens"]) for part in answer["timeseries"]
    ]
    return Answers.of([(totals["total_requests"], totals["total_tokens"])], by_model, by_hour)


def measure(portal: Portal, clients: Clients, rows_a_second: float) -> tuple[list[Timing], float]:
    """Each query idle, then with rows coming in; the rows a second that really came."""
    timings = [Timing(query) for query in QUERIES]
    with closing(Asker(portal)) as asker:
        for timing in timings:
            timing.idle = _repeat(asker, timing.query)
        size = 1_000 if rows_a_second >= 2_000 else 100
        rate = rows_a_second / size
        job = Job(portal.host, portal.port, size, 2, bodies=60, posts_a_second=rate)
        clients.prepare(job)
        clients.start()
        time.sleep(0.5)
        for timing in timings:
            timing.busy = _repeat(asker, timing.query) if timing.idle else []
        posted = clients.stop()
    return timings, posted.rows / posted.wall


def _repeat(asker: Asker, query: Query) -> list[float]:
    try:
        asker.parsed(query)
    except NotThereYet:
        return []
    return repeat(lambda: asker.ask(query))
