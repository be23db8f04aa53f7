"""What posts tell of traces: who is whose parent, and which of the spans are calls.

Words used here: a *part* is what one post tells of one trace. Ids are bytes, of spans eight.
"""

import datetime as dt
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple, Self

import msgspec

_EDGE = struct.Struct("8s8s")
_CALL = struct.Struct("8sqqq?")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_A_MICROSECOND = dt.timedelta(microseconds=1)
# Of a trace, and of a post: what comes beyond counts for itself, as if of other traces.
MOST_SPANS = 10_000
MOST_TRACES = 10_000
_MOST_MODELS = 100  # that spans above calls name, in one part


def unix_us(moment: dt.datetime) -> int:
    """Since 1970."""
    return (moment - _EPOCH) // _A_MICROSECOND


def moment_at_us(at_us: int) -> dt.datetime:
    return _EPOCH + at_us * _A_MICROSECOND


class TracedCall(NamedTuple):
    """A span that is a call. Its row is known by time, in microseconds since 1970, and event."""

    span: bytes
    at_us: int
    event_id: int
    tokens: int
    lacks_model: bool = False

    @property
    def row(self) -> "Row":
        return self.at_us, self.event_id


Row = tuple[int, int]  # time and event


class _Kept(msgspec.Struct, array_like=True):
    edges: bytes
    calls: bytes
    models: dict[str, str]


@dataclass
class TracePart:
    """Edges are spans, each with its parent; models are what spans say that are no calls."""

    edges: bytearray = field(default_factory=bytearray)
    calls: list[TracedCall] = field(default_factory=list)
    models: dict[bytes, str] = field(default_factory=dict)
    # See `agents_of`; of this post alone, so they are not kept.
    agents: dict[Row, str] = field(default_factory=dict)
    heard_from: tuple[str, str] = ("", "")  # source and writer, of this post alone too

    def add(
        self, span: bytes, parent: bytes | None, call: TracedCall | None, model: str | None
    ) -> None:
        if parent is not None and len(self.edges) < MOST_SPANS * _EDGE.size:
            self.edges += span + parent
        if call is not None:
            self.calls.append(call)
        if model is not None and len(self.models) < _MOST_MODELS:
            self.models[span] = model

    def add_all(self, other: Self) -> None:
        self.edges += other.edges
        self.calls += other.calls
        self.models |= other.models
        self.agents |= other.agents
        self.heard_from = other.heard_from

    @property
    def parents(self) -> dict[bytes, bytes]:
        return dict(_EDGE.iter_unpack(self.edges))

    @property
    def size(self) -> int:
        """How much it tells."""
        return len(self.edges) // _EDGE.size + len(self.calls) + len(self.models)

    def to_bytes(self) -> bytes:
        calls = b"".join(_CALL.pack(*call) for call in self.calls)
        models = {span.hex(): model for span, model in self.models.items()}
        return msgspec.msgpack.encode(_Kept(bytes(self.edges), calls, models))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        kept = msgspec.msgpack.decode(data, type=_Kept)
        calls = [TracedCall(*each) for each in _CALL.iter_unpack(kept.calls)]
        models = {bytes.fromhex(span): model for span, model in kept.models.items()}
        return cls(bytearray(kept.edges), calls, models)


Traces = dict[int, TracePart]  # by a hash of the trace's id


def merged(all_traces: Iterable[Traces]) -> Traces:
    """Of several posts; theirs are left as they are."""
    found: Traces = {}
    for traces in all_traces:
        for trace, part in traces.items():
            found.setdefault(trace, TracePart()).add_all(part)
    return found


def part_of(traces: Traces, trace: int) -> TracePart | None:
    """The part of a trace, also of a new one; None where the post tells of too many."""
    part = traces.get(trace)
    if part is None and len(traces) < MOST_TRACES:
        part = traces[trace] = TracePart()
    return part


def agents_of(traces: Traces) -> dict[Row, str]:
    """The rows of agents' own spans, with what their logs have as source."""
    return {row: agent for part in traces.values() for row, agent in part.agents.items()}


@lru_cache(maxsize=4096)
def hash_of_trace(text: str) -> int:
    """63 bits. Some trace ids are half zeros, so no part of one will do."""
    digest = blake2b(text.encode(errors="replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def id_of_span(text: str) -> bytes:
    """Eight bytes, also of an id that is none of OpenTelemetry's."""
    if len(text) == 16:
        try:
            return bytes.fromhex(text)
        except ValueError:
            pass
    return blake2b(text.encode(errors="replace"), digest_size=8).digest()
