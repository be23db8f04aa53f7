"""Hashes that identify: API keys that must not be kept, and events that may arrive twice."""

import hashlib
import re

# What comes along when a key is copied from a header or a file.
_WRAPPING = r"[\s'\"]*(?:authorization\s*[:=]\s*)?[\s'\"]*"
# How the keys of well-known providers begin; such a value is a secret, not a hash of one.
_LIVE_KEY = re.compile(
    _WRAPPING
    + r"(?:bearer\s|sk[-_]|pk[-_]|rk[-_]|AIza|AQ\.|gsk_|xai-|hf_|r8_|pplx-|nvapi-|csk-|fw_|tgp_"
    r"|ghp_|gho_|ghs_|github_pat_|glpat-|AKIA|ya29\.|eyJ)",
    re.IGNORECASE,
)
_63_BITS = 2**63 - 1


def hash_api_key(key: str) -> str:
    """The hex SHA-256 of an API key: what is stored in its place."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def bare_key(value: str) -> str:
    """The key itself, as it came in a header or with spaces round it."""
    text = re.sub(f"^{_WRAPPING}(?:bearer\\s+)?", "", value, flags=re.IGNORECASE)
    return text.strip(" \t\r\n'\"")


def looks_like_live_key(value: str) -> bool:
    """Whether a supposed hash is really a key in clear."""
    return _LIVE_KEY.match(value) is not None


def event_identity(source: str | None, event_id: str) -> int:
    """A 63-bit number for a client's own event id; `source` keeps clients' ids apart."""
    text = f"{source or ''}\0{event_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") & _63_BITS
