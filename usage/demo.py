"""Realistic usage to look at: 30 days of a team's requests, the same shape each time."""

import datetime as dt
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from usage.identity import hash_api_key
from usage.models import UsageMetric
from usage.recording import record_batch
from usage.records import UsageRecord

DAYS = 30
ROWS = 200_000
_KEYS = 30
_BATCH = 5000


@dataclass(frozen=True)
class _DemoModel:
    """A model of the demo: how often it is used, how it behaves, what it costs (USD per M)."""

    provider: str
    name: str
    weight: float
    prompt: float
    completion: float
    tokens_per_second: float
    prices: tuple[float, float] | None


_MODELS = (
    _DemoModel("openai", "gpt-5.4", 22, 2600, 420, 75, (1.25, 10)),
    _DemoModel("openai", "gpt-5.4-mini", 18, 1500, 260, 140, (0.25, 2)),
    _DemoModel("openai", "o4-mini", 5, 1900, 1500, 120, (1.1, 4.4)),
    _DemoModel("openai", "text-embedding-3-small", 9, 700, 0, 1, (0.02, 0)),
    _DemoModel("anthropic", "claude-sonnet-4-5", 17, 5200, 640, 68, (3, 15)),
    _DemoModel("anthropic", "claude-opus-4-5", 5, 7400, 900, 48, (5, 25)),
    _DemoModel("anthropic", "claude-haiku-4-5", 7, 1800, 300, 130, (1, 5)),
    _DemoModel("google", "gemini-2.5-pro", 6, 6100, 780, 85, (1.25, 10)),
    _DemoModel("google", "gemini-2.5-flash", 6, 2200, 340, 190, (0.3, 2.5)),
    _DemoModel("deepseek", "deepseek-v3.2", 3, 1700, 520, 45, (0.28, 0.42)),
    _DemoModel("mistral", "mistral-large-latest", 1.5, 1300, 310, 60, (2, 6)),
    _DemoModel("local", "qwen3-32b", 0.5, 1100, 450, 30, None),
)
_STATUSES = (("429", 0.011), ("500", 0.004), ("529", 0.003), ("400", 0.004), ("408", 0.002))


def has_usage() -> bool:
    return UsageMetric.objects.exists()


def fill(rows: int = ROWS) -> Iterator[int]:
    """Store about `rows` rows that end now; yields how many, a batch at a time."""
    now = dt.datetime.now(dt.UTC)
    records = _records(random.Random(7), now, rows)  # noqa: S311
    while batch := list(islice(records, _BATCH)):
        yield record_batch(batch).accepted


def _records(chance: random.Random, now: dt.datetime, rows: int) -> Iterator[UsageRecord]:
    """Rows in the order of time, spread by a weekly and daily rhythm."""
    hours = [now - dt.timedelta(hours=hour) for hour in range(24 * DAYS, 0, -1)]
    # The team grows by a third while we watch.
    weights = [_busyness(hour) * (1 + n / len(hours) / 3) for n, hour in enumerate(hours)]
    scale = rows / sum(weights)
    keys = [hash_api_key(f"demo-key-{number}") for number in range(_KEYS)]
    key_weights = [1 / (number + 1) ** 0.8 for number in range(_KEYS)]
    for hour, weight in zip(hours, weights, strict=True):
        count = max(0, round(chance.gauss(weight * scale, math.sqrt(weight * scale))))
        moments = sorted(chance.random() for _ in range(count))
        models = chance.choices(_MODELS, [model.weight for model in _MODELS], k=count)
        for moment, model, key in zip(
            moments, models, chance.choices(keys, key_weights, k=count), strict=True
        ):
            yield _record(chance, hour + dt.timedelta(seconds=3600 * moment), model, key)


def _busyness(hour: dt.datetime) -> float:
    """Office hours are busy, nights hum, weekends are quiet."""
    day = 0.18 + math.exp(-(((hour.hour + hour.minute / 60 - 13.5) / 4.2) ** 2))
    return day * (0.3 if hour.weekday() >= 5 else 1.0)


def _record(chance: random.Random, moment: dt.datetime, model: _DemoModel, key: str) -> UsageRecord:
    status = _status(chance)
    failed = status != "200"
    prompt = 0 if failed else int(chance.lognormvariate(math.log(model.prompt), 0.9))
    completion = 0 if failed or not model.completion else _completion(chance, model)
    cached = int(prompt * chance.choice((0, 0, 0.3, 0.8))) if prompt > 1024 else 0
    first_token = chance.lognormvariate(math.log(420), 0.45)
    slow = chance.uniform(4, 15) if chance.random() < 0.01 else 1.0
    latency = slow * (first_token + 1000 * completion / model.tokens_per_second)
    return UsageRecord(
        timestamp=moment,
        model=model.name,
        requested_model=model.name,
        provider=model.provider,
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        cached_tokens=cached,
        reasoning_tokens=completion // 2 if model.name.startswith("o4") else 0,
        request_id=f"req_{chance.getrandbits(64):016x}",
        status=status,
        latency_ms=round(latency if not failed else first_token * 0.6, 1),
        ttft_ms=None if failed or not completion else round(first_token * slow, 1),
        api_key_hash=key,
        cost_usd=_cost(model, prompt, completion),
        source="demo",
    )


def _status(chance: random.Random) -> str:
    roll = chance.random()
    for status, share in _STATUSES:
        roll -= share
        if roll < 0:
            return status
    return "200"


def _completion(chance: random.Random, model: _DemoModel) -> int:
    return 1 + int(chance.lognormvariate(math.log(model.completion), 0.8))


def _cost(model: _DemoModel, prompt: int, completion: int) -> float | None:
    if model.prices is None:
        return None
    return round((prompt * model.prices[0] + completion * model.prices[1]) / 1e6, 8)
