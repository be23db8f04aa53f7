"""Refusals from before Django: JSON like all errors, kept by nobody, running nothing."""

import json

_HEADERS = (
    ("Content-Type", "application/json"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
)


def refusal(message: str) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and body."""
    body = json.dumps({"error": message}).encode()
    return [*_HEADERS, ("Content-Length", str(len(body)))], body
