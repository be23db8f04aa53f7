"""The rows that everything is measured with: made-up usage, the same for the same numbers.

Loaded rows lie in the order of time over the 90 days before `END`; live ones follow, 10 ms apart.
"""

import datetime as dt
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from usage.identity import event_identity

DAYS = 90
# Today's midnight, handed down to every process so that a run past the next one keeps it.
END = dt.datetime.fromisoformat(
    os.environ.setdefault("BENCH_END", f"{dt.datetime.now(dt.UTC):%Y-%m-%dT00:00:00+00:00}")
)
START = END - dt.timedelta(days=DAYS)
CHUNK = 50_000
MODELS = tuple(
    f"{family}-{size}"
    for size in ("large", "medium", "small", "mini-2026-03-01")
    for family in ("gpt", "claude", "gemini", "mistral", "deepseek")
)
PROVIDERS = ("openai", "anthropic", "google", "mistral", "deepseek")  # of the models, in turn
KEYS = tuple(hashlib.sha256(f"benchmark key {n}".encode()).hexdigest() for n in range(100))
STATUSES = ("200", "429", "500", "503", "400")
_STATUS_SHARES = (0.975, 0.013, 0.006, 0.004, 0.002)
_UNPRICED = len(MODELS) - 1
_SOURCE = "proxy"
_SEED = 20_260
_STEP_US = 10_000

COLUMNS = (
    "timestamp model prompt_tokens completion_tokens total_tokens request_id status latency_ms"
    " api_key_hash provider requested_model cached_tokens cache_write_tokens reasoning_tokens"
    " ttft_ms cost_usd event_id source"
).split()
CLASSIC = COLUMNS[: COLUMNS.index("provider")]


@dataclass(frozen=True)
class Rows:
    """Rows `first` to `first + len` as columns."""

    first: int
    timestamp_us: NDArray[np.int64]
    values: dict[str, list[Any]]

    def __len__(self) -> int:
        return len(self.timestamp_us)


def loaded(total: int) -> Iterator[Rows]:
    """All `total` rows of the 90 days, a chunk at a time."""
    for first in range(0, total, CHUNK):
        chance = np.random.default_rng((_SEED, total, first))
        numbers = np.arange(first, min(first + CHUNK, total))
        place = (numbers + chance.random(len(numbers))) / total
        yield _rows(first, chance, _unix_us(START) + (place * DAYS * 86_400e6).astype(np.int64))


def in_order(total: int, days: float) -> Iterator[Rows]:
    """The same of so many days after START."""
    for chunk in loaded(total):
        after_us = (chunk.timestamp_us - _unix_us(START)) * (days / DAYS)
        yield Rows(chunk.first, _unix_us(START) + after_us.astype(np.int64), chunk.values)


def in_no_order(total: int, days: float) -> Iterator[Rows]:
    """The same of so many days before END, each at any moment of them."""
    for chunk in loaded(total):
        chance = np.random.default_rng((_SEED, 1, total, chunk.first))
        before_us = (chance.random(len(chunk)) * days * 86_400e6).astype(np.int64)
        yield Rows(chunk.first, _unix_us(END) - 1 - before_us, chunk.values)


def live(first: int, count: int) -> Rows:
    """Rows of a busy proxy after END; every `first` up has one moment and identity for good."""
    chance = np.random.default_rng((_SEED, 0, first))
    numbers = np.arange(first, first + count)
    jitter = (chance.random(count) * _STEP_US).astype(np.int64)
    return _rows(first, chance, _unix_us(END) + numbers * _STEP_US + jitter)


def stored(rows: Rows) -> list[tuple[Any, ...]]:
    """In the order of COLUMNS, as our table on SQLite holds them."""
    ids = [event_identity(_SOURCE, event_id(n)) for n in range(rows.first, rows.first + len(rows))]
    return list(zip(*_columns(rows, timestamps(rows), ids), strict=True))


def classic(rows: Rows) -> list[tuple[Any, ...]]:
    """In the order of CLASSIC, as the reference's Go driver writes them."""
    times = [f"{text}+00:00" for text in timestamps(rows)]
    return list(zip(*_columns(rows, times, [])[: len(CLASSIC)], strict=True))


def posted(rows: Rows) -> list[bytes]:
    """Each row as a JSON object of the contract."""
    times = [f"{text}Z" for text in timestamps(rows, "T")]
    ids = [event_id(number) for number in range(rows.first, rows.first + len(rows))]
    encode = msgspec.json.Encoder().encode
    return [
        encode(dict(zip(COLUMNS, values, strict=True)))
        for values in zip(*_columns(rows, times, ids), strict=True)
    ]


def event_id(number: int, lap: int = 0) -> str:
    """A client's own id. Bodies that are sent again take the next `lap`, of the same length."""
    return f"lap-{lap:06d}-call-{number:012d}"


def timestamps(rows: Rows, between: str = " ") -> list[str]:
    text = np.datetime_as_string(rows.timestamp_us.astype("datetime64[us]"))
    characters = text.view(np.uint32).reshape(len(text), -1)
    characters[:, 10] = ord(between)
    return text.tolist()  # type: ignore[no-any-return]


def _columns(rows: Rows, times: list[str], ids: list[Any]) -> list[list[Any]]:
    return [times if c == "timestamp" else rows.values.get(c, ids) for c in COLUMNS]


def _rows(first: int, chance: np.random.Generator, timestamp_us: NDArray[np.int64]) -> Rows:
    count = len(timestamp_us)
    model = chance.choice(len(MODELS), count, p=_zipf(len(MODELS)))
    key = chance.choice(len(KEYS), count, p=_zipf(len(KEYS)))
    status = chance.choice(len(STATUSES), count, p=_STATUS_SHARES)
    failed = status > 0
    prompt = np.where(failed, 0, chance.lognormal(7.4, 1.0, count).astype(np.int64))
    completion = np.where(failed, 0, 1 + chance.lognormal(5.7, 0.9, count).astype(np.int64))
    ttft = chance.lognormal(6.0, 0.5, count).round(1)
    # Bigger names come first, and are slower and dearer.
    latency = (ttft + completion * (12.0 - model / 2)).round(1)
    cost = ((prompt + 5 * completion) * (3.0 - model / 7) / 1e6).round(8)
    names = _texts(MODELS)[model].tolist()
    values: dict[str, list[Any]] = {
        "model": names,
        "prompt_tokens": prompt.tolist(),
        "completion_tokens": completion.tolist(),
        "total_tokens": (prompt + completion).tolist(),
        "request_id": [f"req_{n:016x}" for n in chance.integers(0, 2**63, count).tolist()],
        "status": _texts(STATUSES)[status].tolist(),
        "latency_ms": latency.tolist(),
        "api_key_hash": _texts(KEYS)[key].tolist(),
        "provider": _texts(PROVIDERS)[model % len(PROVIDERS)].tolist(),
        "requested_model": names,
        "cached_tokens": (prompt * chance.choice((0, 0, 3, 8), count) // 10).tolist(),
        "cache_write_tokens": (prompt * chance.choice((0, 0, 0, 1), count) // 10).tolist(),
        "reasoning_tokens": (completion * chance.choice((0, 0, 1), count) // 2).tolist(),
        "ttft_ms": _with_gaps(ttft, failed),
        "cost_usd": _with_gaps(cost, model == _UNPRICED),
        "source": [_SOURCE] * count,
    }
    return Rows(first, timestamp_us, values)


def _with_gaps(numbers: NDArray[np.float64], missing: NDArray[np.bool_]) -> list[float | None]:
    values: list[float | None] = numbers.tolist()
    for index in np.flatnonzero(missing):
        values[index] = None
    return values


def _zipf(count: int) -> NDArray[np.float64]:
    weights = 1 / np.arange(1, count + 1)
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares


def _texts(names: tuple[str, ...]) -> NDArray[np.object_]:
    return np.array(names, dtype=object)


def _unix_us(moment: dt.datetime) -> int:
    return int(moment.timestamp()) * 1_000_000
