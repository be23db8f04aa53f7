"""Senders of each kind: they send each batch until it is acknowledged, always the same bytes."""

import datetime as dt
import gzip
import http.client
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.endurance.ledger import row_name
from benchmarks.endurance.stage import LOST, Stage
from benchmarks.formats import Format, Row, formats
from benchmarks.rows import KEYS, MODELS, PROVIDERS
from tests.serving import send

ROWS_A_BATCH = 20
BATCHES_A_SECOND = 4.0
_AGE_OF_OLD_ROWS = dt.timedelta(days=100)
_OURS = "/_qs/usage"


@dataclass(frozen=True)
class Batch:
    """A post, ready to be sent as often as it takes."""

    name: str
    path: str
    headers: dict[str, str]
    body: bytes


def _made_up(stage: Stage, batch: str, *, age: dt.timedelta = dt.timedelta()) -> list[Row]:
    moment = dt.datetime.now(dt.UTC) - age
    return [_row(stage, row_name(batch, n), moment) for n in range(ROWS_A_BATCH)]


def _row(stage: Stage, name: str, moment: dt.datetime) -> Row:
    chance = stage.chance
    model = chance.randrange(len(MODELS))
    prompt, completion = chance.randrange(1, 5000), chance.randrange(1, 1000)
    return {
        "timestamp": moment.isoformat(),
        "event_id": name,
        "request_id": name,
        "response_id": name,
        "model": MODELS[model],
        "requested_model": MODELS[model],
        "provider": PROVIDERS[model % len(PROVIDERS)],
        "api_key_hash": chance.choice(KEYS),
        "status": chance.choices(("200", "429", "500"), (95, 3, 2))[0],
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "cached_tokens": prompt // 2,
        "cache_write_tokens": 0,
        "reasoning_tokens": completion // 3,
        "latency_ms": float(chance.randrange(100, 20_000)),
        "ttft_ms": float(chance.randrange(10, 100)),
        "cost_usd": prompt / 1e6,
    }


def _array(rows: list[Row]) -> bytes:
    return json.dumps(rows).encode()


def _lines(rows: list[Row]) -> bytes:
    return b"\n".join(json.dumps(row).encode() for row in rows)


def _ours(content_type: str, encode: Callable[[list[Row]], bytes], **more: str) -> Any:
    def make(stage: Stage, name: str) -> Batch:
        headers = {"Content-Type": content_type} | {k.replace("_", "-"): v for k, v in more.items()}
        return Batch(name, _OURS, headers, encode(_made_up(stage, name)))

    return make


def _idempotent(stage: Stage, name: str, *, age: dt.timedelta = dt.timedelta()) -> Batch:
    """Rows without an identity; the post has one."""
    rows = [{k: v for k, v in row.items() if k != "event_id"}
            for row in _made_up(stage, name, age=age)]  # fmt: skip
    headers = {"Content-Type": "application/json", "Idempotency-Key": name}
    return Batch(name, _OURS, headers, _array(rows))


def _old(stage: Stage, name: str) -> Batch:
    """A purge takes these rows away, so their event ids could not keep them from coming twice."""
    return _idempotent(stage, name, age=_AGE_OF_OLD_ROWS)


def _foreign(format: Format) -> Any:
    def make(stage: Stage, name: str) -> Batch:
        body = format.encode(_made_up(stage, name))
        headers = {"Content-Type": format.media_type}
        if format.name.endswith("gzip"):
            headers["Content-Encoding"] = "gzip"
        assert format.path is not None
        return Batch(name, format.path, headers, body)

    return make


def _of_new_models(stage: Stage, name: str) -> Batch:
    """As the end users of a proxy can make them up."""
    rows = [row | {"model": row["event_id"]} for row in _made_up(stage, name)]
    return Batch(name, _OURS, {"Content-Type": "application/json"}, _array(rows))


_MAKERS: dict[str, Callable[[Stage, str], Batch]] = {
    "array": _ours("application/json", _array),
    "ndjson": _ours("application/x-ndjson", _lines),
    "gzip": _ours(
        "application/x-ndjson", lambda rows: gzip.compress(_lines(rows)), Content_Encoding="gzip"
    ),
    "idempotent": _idempotent,
    "old": _old,
    "new names": _of_new_models,
    **{
        format.name: _foreign(format)
        for format in formats()
        if format.path is not None and not format.name.startswith("our rows")
    },
}


def _sender(kind: str, make: Callable[[Stage, str], Batch]) -> Callable[[Stage], None]:
    def send_batches(stage: Stage) -> None:
        number = 0
        while not stage.is_over.is_set():
            began = time.monotonic()
            batch = make(stage, f"{kind}-{number:06d}")
            _send_until_acknowledged(stage, batch, is_old=kind == "old")
            number += 1
            stage.rest(began + 1 / BATCHES_A_SECOND - time.monotonic())

    send_batches.__name__ = f"sender of {kind}"
    return send_batches


def _send_until_acknowledged(stage: Stage, batch: Batch, *, is_old: bool) -> None:
    """To its end even when all is over, so that nothing stays unsure."""
    while True:
        try:
            with stage.connected() as connection:
                if _is_acknowledged(stage, batch, connection):
                    stage.ledger.acknowledge(batch.name, ROWS_A_BATCH, is_old=is_old)
                    stage.minutes.count("rows", ROWS_A_BATCH)
                    return
        except LOST:
            stage.minutes.count("posts unanswered")
        time.sleep(stage.rest_after_loss)


def _is_acknowledged(stage: Stage, batch: Batch, connection: http.client.HTTPConnection) -> bool:
    began = time.monotonic()
    answer = send(connection, "POST", batch.path, batch.body, batch.headers)
    return stage.judge("posts", answer.status, time.monotonic() - began)


SENDERS = [_sender(kind, make) for kind, make in _MAKERS.items()]
