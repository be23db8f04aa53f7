"""People's names as pseudonyms: letters that are the same for the same name, and tell it nobody.

They are of an HMAC-SHA-256 under SECRET_KEY. The last four prove the first twelve, so that a
pseudonym stays what it is, whichever way it comes in again. Another SECRET_KEY makes others.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings

from usage.incoming_row import LONGEST_HASH, LONGEST_TEXT

ERASED = "(erased)"  # whose name was taken out
_NO_NAMES = {ERASED, "(other)"}
_LETTERS, _PROOF = 16, 4
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}")
# Columns of rows that may hold an e-mail address. A model, a provider and a source are no people.
_MAY_TELL = {
    *("team", "project", "app", "session", "account", "request_id", "response_id"),
    *("api_key_hash", "label"),
}


def pseudonym(name: str) -> str:
    return name if name in _NO_NAMES else _made(name, settings.SECRET_KEY)


def changes(texts: Mapping[str, Any]) -> dict[str, str]:
    """Of texts by column: those that name people, as they are kept with pseudonyms."""
    found = {}
    for column, text in texts.items():
        if isinstance(text, str) and text:
            kept = _kept(column, text)
            if kept != text:
                found[column] = kept
    return found


def _kept(column: str, text: str) -> str:
    if column == "user":
        return pseudonym(text)
    if column not in _MAY_TELL or "@" not in text:
        return text
    longest = LONGEST_HASH if column == "api_key_hash" else LONGEST_TEXT
    return _EMAIL.sub(lambda found: pseudonym(found[0]), text)[:longest]


@lru_cache(maxsize=4096)
def _made(name: str, key: str) -> str:
    start = name[: _LETTERS - _PROOF]
    if len(name) == _LETTERS and name == start + _digest(start, key)[:_PROOF]:
        return name
    start = _digest(name, key)[: _LETTERS - _PROOF]
    return start + _digest(start, key)[:_PROOF]


def _digest(text: str, key: str) -> str:
    told = text.encode("utf-8", "surrogatepass")
    return hmac.new(key.encode(), told, hashlib.sha256).hexdigest()
