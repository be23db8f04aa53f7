"""CLIProxyAPI's statistics as its versions before 6.10 exported them, in all their wrappings.

They hold a detail for each request, sorted by client key and model, and sums over them.
https://github.com/router-for-me/CLIProxyAPI (internal/usage/logger_plugin.go)
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from usage.identity import bare_key, event_identity, hash_api_key, joined_parts
from usage.importing.source import PAGE, SOURCE, CannotRead, Context, RowPage, Source
from usage.importing.usage_files import moments
from usage.importing.usage_files.json_values import readable_object
from usage.importing.usage_files.tool_event import CACHE_IS_BESIDE, is_endpoint
from usage.intake import lenient
from usage.intake.cliproxy import Tokens
from usage.intake.cliproxy_tokens import provider_convention
from usage.intake.error_types import failure_status
from usage.intake.token_arithmetic import row_tokens
from usage.records import InvalidRow, UsageRecord

_DETAIL = "cliproxy-export"  # keeps its identities apart from the collector's


class _Model(msgspec.Struct, gc=False):
    total_requests: int = 0
    total_tokens: int = 0
    details: list[msgspec.Raw] | None = None


class _Api(msgspec.Struct, gc=False):
    models: dict[str, _Model] | None = None


class _Statistics(msgspec.Struct, gc=False):
    total_requests: int = 0
    total_tokens: int = 0
    apis: dict[str, _Api] | None = None


class _Detail(msgspec.Struct, gc=False):
    """As CLIProxyAPI wrote it, and with what CPA-Manager adds where it answers in its place."""

    timestamp: str | None = None
    latency_ms: float | None = None
    ttft_ms: float | None = None
    source: str | None = None
    auth_index: str | int | None = None
    tokens: Tokens | None = None
    failed: bool = False
    fail_status_code: int = 0
    api_key_hash: str | None = None
    provider: str | None = None
    executor_type: str | None = None
    requested_model: str | None = None
    resolved_model: str | None = None
    cache_input_mode: str | None = None


class Row(NamedTuple):
    place: int  # among the details of its key and model, from 1
    key_hash: str | None
    model: str
    raw: msgspec.Raw


_statistics = msgspec.json.Decoder(_Statistics)
_detail = msgspec.json.Decoder(_Detail)
_brief_hash = lru_cache(4096)(hash_api_key)


class Snapshot(Source):
    """The file is in memory; its details are decoded a page at a time."""

    what = "requests of CLIProxyAPI's statistics"

    def __init__(self, raw: bytes | msgspec.Raw, context: Context, name: str) -> None:
        try:
            self._statistics = _statistics.decode(raw)
        except msgspec.ValidationError as error:
            raise CannotRead(f"{name} is no export of CLIProxyAPI's statistics: {error}") from None
        except (UnicodeDecodeError, RecursionError):
            raise CannotRead(f"{name} is not UTF-8, or nested too deeply") from None
        self._context = context

    def total(self) -> int:
        return sum(len(model.details or ()) for *_, model in self._models())

    def fingerprint(self) -> str | None:
        """Its oldest request, as each model's come in order of time."""
        oldest = min(
            (
                str(readable_object(model.details[0]).get("timestamp"))
                for *_, model in self._models()
                if model.details
            ),
            default=None,
        )
        return None if oldest is None else hash_api_key(f"{_DETAIL} {oldest}")

    def pages(self) -> Iterator[RowPage]:
        rows = self._rows()
        while page := list(islice(rows, PAGE)):
            yield RowPage(page, len(page))

    def record_of(self, row: Row) -> UsageRecord:
        try:
            detail = _detail.decode(row.raw)
        except msgspec.ValidationError as error:
            raise InvalidRow.whole(f"is no detail of a request: {error}") from None
        except (UnicodeDecodeError, RecursionError):
            raise InvalidRow.whole("is not valid JSON: not UTF-8, or nested too deeply") from None
        began = moments.began(detail.timestamp, self._context.zone)
        latency = None if detail.latency_ms is None else max(detail.latency_ms, 0.0)
        model = detail.resolved_model or row.model or "unknown"
        values = {
            "timestamp": moments.completed(began.at, latency),
            "model": model,
            "requested_model": detail.requested_model or row.model or model,
            "provider": detail.provider or None,
            "status": _status(detail),
            "latency_ms": latency,
            "ttft_ms": detail.ttft_ms or None,
            "api_key_hash": detail.api_key_hash or row.key_hash,
            "source": SOURCE,
            **_row_tokens(detail, model),
        }
        record = lenient.record_of(values, self._context.now)
        identity = _identity(row, detail, began, record.api_key_hash)
        return msgspec.structs.replace(record, event_id=event_identity(_DETAIL, identity))

    def described(self, row: Row) -> Mapping[str, Any]:
        return {**readable_object(row.raw), "model": row.model, "id": f"detail {row.place}"}

    def remarks(self) -> list[str]:
        told, tokens = self._told()
        missing = told - self.total()
        if missing <= 0:
            return []
        remark = (
            f"The file tells of {missing:,} more requests without saying when each was: they "
            f"cannot be imported. It counts {told:,} requests and {tokens:,} tokens in all."
        )
        return [remark]

    def _told(self) -> tuple[int, int]:
        """Of its own sums the largest, since those over models and over all were kept apart."""
        models = [model for *_, model in self._models()]
        return max(
            (self._statistics.total_requests, self._statistics.total_tokens),
            (
                sum(model.total_requests for model in models),
                sum(model.total_tokens for model in models),
            ),
        )

    def _rows(self) -> Iterator[Row]:
        for key_hash, name, model in self._models():
            for place, raw in enumerate(model.details or (), 1):
                yield Row(place, key_hash, name, raw)

    def _models(self) -> Iterator[tuple[str | None, str, _Model]]:
        for key, api in (self._statistics.apis or {}).items():
            name = bare_key(key)
            key_hash = None if not name or is_endpoint(name) else hash_api_key(name)
            for model, found in (api.models or {}).items():
                yield key_hash, model.strip(), found


def _status(detail: _Detail) -> int:
    return failure_status(detail.fail_status_code) if detail.failed else 200


def _row_tokens(detail: _Detail, model: str) -> dict[str, int]:
    names = (detail.provider, detail.executor_type, model)
    is_beside = CACHE_IS_BESIDE.get(detail.cache_input_mode or "")
    convention = provider_convention(names, is_cache_beside=is_beside)
    return row_tokens((detail.tokens or Tokens()).counted, convention)


def _identity(row: Row, detail: _Detail, began: moments.Began, key_hash: str | None) -> str:
    """What CLIProxyAPI itself tells requests apart by when it imports; not the latency."""
    tokens = detail.tokens or Tokens()
    numbers = (
        tokens.input_tokens,
        tokens.output_tokens,
        tokens.reasoning_tokens,
        tokens.cached_tokens,
    )
    total = tokens.total_tokens or sum(numbers[:3]) or numbers[3]
    parts = (
        key_hash,
        row.model,
        began.exactly,
        _brief_hash(detail.source or ""),
        detail.auth_index,
        detail.failed,
        *numbers,
        total,
    )
    return joined_parts(parts)
