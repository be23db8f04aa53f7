"""Who posts, as the ledger has it, and why a post is refused."""

import re
from functools import lru_cache

from django.http import HttpRequest

from usage.exception_gate import Refusal
from usage.heard import REFUSED, Heard, Origin

_UNNAMED = "(unnamed)"
_LONGEST = 64
_DIGITS = re.compile(r"[0-9][0-9,.]*")


def origin_of(request: HttpRequest, writer: str) -> Origin:
    return Origin(writer, _product(request.META.get("HTTP_USER_AGENT", "")))


def heard_of_refusal(refusal: Refusal) -> Heard:
    """Without its numbers, which would make reasons of their own."""
    sentence = _DIGITS.sub("N", refusal.sentence)
    return Heard({("", REFUSED, f"{refusal.status}: {sentence}"): 1})


@lru_cache(maxsize=1024)
def _product(user_agent: str) -> str:
    """`python-requests` of `python-requests/2.32.3`."""
    words = user_agent[:1000].split("/", maxsplit=1)[0].split()
    return " ".join(words)[:_LONGEST] or _UNNAMED
