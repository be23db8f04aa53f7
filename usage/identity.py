"""Hashes that identify: API keys that must not be kept, and events that may arrive twice."""

import hashlib
import re
import secrets
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

# What comes along when a key is copied from a header or a file.
WRAPPING = r"[\s'\"]*(?:authorization\s*[:=]\s*)?[\s'\"]*"
_DIGEST = re.compile("[0-9a-fA-F]{64}")
_63_BITS = 2**63 - 1


def hash_api_key(key: str) -> str:
    """The hex SHA-256 of an API key: what is stored in its place."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def bare_key(value: str) -> str:
    """The key itself, as it came in a header or with spaces round it."""
    text = re.sub(f"^{WRAPPING}(?:bearer\\s+)?", "", value, flags=re.IGNORECASE)
    return text.strip(" \t\r\n'\"")


def known_digest(value: str) -> str | None:
    """The value itself, one object for all its copies, if it is a hex SHA-256; else None."""
    if len(value) != 64:
        return None
    try:
        return _proven_digest(value)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _proven_digest(value: str) -> str:
    """Raises for all else, which may be a key: what is raised for is not cached."""
    if _DIGEST.fullmatch(value) is None:
        raise ValueError
    return value


def event_identity(source: str | None, event_id: str) -> int:
    """A 63-bit number for a client's own event id; `source` keeps clients' ids apart."""
    hashed = _hashed_source(source or "").copy()
    hashed.update(event_id.encode("utf-8", "surrogatepass"))
    return int.from_bytes(hashed.digest(), "big") & _63_BITS


def joined_parts(parts: Iterable[Any]) -> str:
    """What tells an event apart, where no client has given it an id: all of it as one text.

    The separator is a control character, which names and numbers do not hold.
    """
    return "\x1f".join(["" if part is None else str(part) for part in parts])


def made_up_identity() -> int:
    """For an event of which no client has told an id, where each row needs one."""
    return secrets.randbits(63)


@lru_cache(maxsize=256)
def _hashed_source(source: str) -> "hashlib.blake2b":
    """The hash of an event up to its id: copying it is quicker than starting anew."""
    return hashlib.blake2b(f"{source}\0".encode("utf-8", "surrogatepass"), digest_size=8)
