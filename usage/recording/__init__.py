"""The only writer of usage: dedupe, insert and count in one transaction."""

from usage.identity import hash_api_key
from usage.recording.buffer import BufferClosed, BufferFull, UsageBuffer
from usage.recording.idempotency import KeyReused, Post, record_once
from usage.recording.transactions import write_transaction
from usage.recording.writer import RecordingResult, record_batch, record_usage

__all__ = [
    "BufferClosed",
    "BufferFull",
    "KeyReused",
    "Post",
    "RecordingResult",
    "UsageBuffer",
    "hash_api_key",
    "record_batch",
    "record_once",
    "record_usage",
    "write_transaction",
]
