"""The only writer of usage: dedupe, insert and count in one transaction."""

from usage.identity import hash_api_key
from usage.recording.buffer import BufferClosed, BufferFull, UsageBuffer
from usage.recording.idempotency import KeyReused, Post
from usage.recording.record import record_batch, record_checked, record_once, record_usage
from usage.recording.writer import RecordingResult

__all__ = [
    "BufferClosed",
    "BufferFull",
    "KeyReused",
    "Post",
    "RecordingResult",
    "UsageBuffer",
    "hash_api_key",
    "record_batch",
    "record_checked",
    "record_once",
    "record_usage",
]
