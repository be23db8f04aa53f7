"""A record of CLIProxyAPI's usage queue: one attempt at an upstream, as it hands it over.

Its API keys, accounts, headers and addresses are hashed or passed over right here.
"""

import datetime as dt
from enum import Enum, auto
from typing import Any

import msgspec

from usage.identity import event_identity, joined_parts
from usage.intake import lenient, loose_structs, nearly_json, quota_headers
from usage.intake.cliproxy_tokens import provider_convention, read_tokens
from usage.intake.error_types import failure_status
from usage.intake.loose_structs import UNREADABLE
from usage.intake.token_arithmetic import AS_TOLD, Counted, row_tokens, told_counts
from usage.records import WARM_UP, InvalidRow, UsageRecord
from usage.upstream_accounts import AccountsTold

SOURCE = "cliproxy"
_UNKNOWN = ("", "unknown")


class Tokens(msgspec.Struct, gc=False):
    input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    cache_read_tokens: int = 0
    cache_creation_tokens: int = 0
    total_tokens: int = 0

    @property
    def counted(self) -> Counted:
        return Counted(
            self.input_tokens,
            self.output_tokens,
            self.total_tokens,
            read_tokens(self.cached_tokens, self.cache_read_tokens, self.cache_creation_tokens),
            self.cache_creation_tokens,
            self.reasoning_tokens,
        )


class _Input(msgspec.Struct, gc=False):
    total_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0


class _Output(msgspec.Struct, gc=False):
    total_tokens: int = 0
    reasoning_tokens: int = 0


class _Breakdown(msgspec.Struct, gc=False):
    quality: str = ""
    total_tokens: int = 0
    input: _Input = msgspec.field(default_factory=_Input)
    output: _Output = msgspec.field(default_factory=_Output)
    unclassified_tokens: int = 0

    @property
    def is_complete(self) -> bool:
        return self.quality not in ("inconsistent", "unclassified") and not self.unclassified_tokens


class _Fail(msgspec.Struct, gc=False):
    status_code: int = 0


class _Attempt(msgspec.Struct, gc=False):
    timestamp: str | None = None
    latency_ms: int | float = 0
    ttft_ms: int | float = 0
    auth_index: str | None = None
    tokens: Tokens | None = None
    failed: bool = False
    generate: bool | None = None
    fail: _Fail | None = None
    accounting_version: int = 0
    token_breakdown: _Breakdown | None = None
    provider: str | None = None
    executor_type: str | None = None
    model: str | None = None
    alias: str | None = None
    endpoint: str | None = None
    api_key: str | None = None
    request_id: str | None = None
    session_id: str | None = None
    service_tier: str | None = None
    response_service_tier: str | None = None


class _Headers(msgspec.Struct, gc=False):
    response_headers: msgspec.Raw = msgspec.Raw()


class _Control(msgspec.Struct, gc=False):
    support_refresh: bool | None = None
    refresh: bool | None = None


class _Essentials(msgspec.Struct, gc=False):
    timestamp: Any = None
    tokens: Any = None


_attempt = msgspec.json.Decoder(_Attempt)
_essentials = msgspec.json.Decoder(_Essentials)
_control = msgspec.json.Decoder(_Control)
_with_headers = msgspec.json.Decoder(_Headers)


class Sign(Enum):
    """What the proxy sends to its subscribers that is no usage."""

    GREETING = auto()
    REFRESH = auto()  # its credentials or settings have changed


def sign_in(payload: bytes) -> Sign | None:
    try:
        found = _control.decode(payload)
    except UNREADABLE:
        return None
    if found.refresh is not None:
        return Sign.REFRESH
    return None if found.support_refresh is None else Sign.GREETING


def record_of(payload: bytes, source: str, now: dt.datetime) -> UsageRecord:
    """The record of an attempt of the proxy `source`; InvalidRow when it cannot be stored."""
    attempt = _decoded(payload)
    if attempt.tokens is None and attempt.model is None:
        raise InvalidRow.whole("is not a usage record: it has neither model nor tokens")
    model = attempt.model or "unknown"
    values = {
        "timestamp": _completed(attempt),
        "model": model,
        "requested_model": attempt.alias or model,
        "provider": None if attempt.provider in _UNKNOWN else attempt.provider,
        "request_id": attempt.request_id or None,
        "status": _status(attempt),
        "latency_ms": attempt.latency_ms,
        "ttft_ms": attempt.ttft_ms if attempt.ttft_ms > 0 else None,
        "api_key": attempt.api_key or None,
        "source": source,
        "session": attempt.session_id or None,
        "account": attempt.auth_index or None,
        "service_tier": attempt.response_service_tier or attempt.service_tier or None,
        **_tokens(attempt),
    }
    record = lenient.record_of(values, now)
    excluded_as = WARM_UP if attempt.generate is False else None
    return msgspec.structs.replace(record, event_id=_identity(attempt), excluded_as=excluded_as)


def tell_of_account(payload: bytes, record: UsageRecord, told: AccountsTold) -> None:
    """Add what the provider's headers say of the account of a record, which was made of this."""
    try:
        headers = _with_headers.decode(payload).response_headers
    except UNREADABLE:
        return
    quota_headers.read(headers, record.source or SOURCE, record, told)


def _decoded(payload: bytes) -> _Attempt:
    try:
        return _attempt.decode(payload)
    except UNREADABLE:
        pass
    payload = nearly_json.mended(payload)
    try:
        attempt = loose_structs.decoded(_Attempt, payload)
        _refuse_wrong(_essentials.decode(payload))
    except msgspec.ValidationError:
        raise InvalidRow.whole("is not a usage record: it is no object") from None
    except UNREADABLE:
        raise InvalidRow.whole("is not JSON") from None
    return attempt


def _refuse_wrong(told: _Essentials) -> None:
    """What must not be taken for none: a time, and tokens that are wholes."""
    if told.timestamp is not None and not isinstance(told.timestamp, str):
        raise InvalidRow.whole("timestamp: must be an RFC 3339 time")
    if isinstance(told.tokens, dict):
        told_counts(told.tokens.get("input_tokens"), told.tokens.get("output_tokens"))


def _completed(attempt: _Attempt) -> dt.datetime | None:
    """The record tells when the attempt began. Go's zero time means that nobody noted it."""
    if attempt.timestamp is None or attempt.timestamp.startswith("0001-01-01"):
        return None
    try:
        began = msgspec.convert(attempt.timestamp, dt.datetime)
        if began.tzinfo is None:
            raise InvalidRow.whole("timestamp: needs a zone")
        # NaN may come as text.
        return began + dt.timedelta(milliseconds=max(lenient.number(attempt.latency_ms) or 0, 0))
    except OverflowError:
        return began  # a time that no attempt takes
    except msgspec.ValidationError:
        raise InvalidRow.whole("timestamp: must be an RFC 3339 time") from None


def _status(attempt: _Attempt) -> int:
    code = attempt.fail.status_code if attempt.fail else 0
    if attempt.failed:
        return failure_status(code)
    return code if 100 <= code <= 399 else 200


def _tokens(attempt: _Attempt) -> dict[str, int]:
    """By the proxy's own accounting where it has one; it has none of providers unknown to it."""
    found, tokens = attempt.token_breakdown, attempt.tokens or Tokens()
    if attempt.accounting_version >= 2 and found is not None and found.is_complete:
        told = Counted(
            found.input.total_tokens,
            found.output.total_tokens,
            found.total_tokens,
            found.input.cache_read_tokens,
            found.input.cache_write_tokens,
            found.output.reasoning_tokens,
        )
        return row_tokens(told, AS_TOLD)
    names = (attempt.provider, attempt.executor_type, attempt.model)
    return row_tokens(tokens.counted, provider_convention(names))


def _identity(attempt: _Attempt) -> int:
    """Of all that tells two attempts apart: a request's id is short, and each retry has it too."""
    tokens = attempt.tokens or Tokens()
    parts = (
        attempt.request_id,
        attempt.timestamp,
        attempt.model,
        attempt.auth_index,
        attempt.endpoint,
        *msgspec.structs.astuple(tokens),
        attempt.failed,
        attempt.latency_ms,
    )
    return event_identity(SOURCE, joined_parts(parts))
