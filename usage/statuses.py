"""Which statuses are failures: the one rule, in Python here and as a Q in `usage.models`."""

from functools import lru_cache

# Words that gateways write for success where others write 200. Recording stores lower case;
# plain SQL stores what it likes.
SUCCESS_WORDS = (
    "",
    *(
        spell(word)
        for word in ("ok", "success", "succeeded", "completed")
        for spell in (str.lower, str.upper, str.title)
    ),
)
_SUCCESSES = frozenset(SUCCESS_WORDS)


@lru_cache(maxsize=1024)
def is_failure(status: str | None) -> bool:
    """No status is a success: the client did not report a failure. Compared as text."""
    return status is not None and status not in _SUCCESSES and not "100" <= status < "400"
