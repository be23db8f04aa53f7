"""Names of figures that no alias knows, read by their words: `acme.usage.cache-read_tokens`.

Every word must be understood, so that none is taken for another figure: `max_token_count` is no
count of a call, `input_audio_tokens` is not the input.
"""

import re
from functools import lru_cache

Place = tuple[str, int]

OBJECT = "object"  # as a field: only what the value holds may tell
_LAST = 1000  # as a rank: behind every alias
LONGEST_NAME = 200
_WORDS = re.compile("[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+[a-z]*")
_SEPARATORS = re.compile(r"[._\-/: ]+")

_ABOUT_USAGE = frozenset("usage metadata detail object info".split())
_NEUTRAL = _ABOUT_USAGE | frozenset("token count total num number of content ephemeral".split())
_INPUT = frozenset(("input", "prompt", "in"))
_OUTPUT = frozenset(("output", "completion", "candidate", "out"))
_CACHE = frozenset(("cache", "cached", "caching"))
_READ = frozenset(("read", "hit"))
_WRITE = frozenset(("write", "written", "creation", "created", "create"))
_REASONING = frozenset(("reasoning", "thought", "thinking"))
_LIVES = frozenset(("5m", "1h"))
# Words of parts alone, and those that name a whole without saying that they are of tokens.
_NO_WHOLE = frozenset(("ephemeral", "content"))
_PLAIN = frozenset(("input", "prompt", "output", "completion"))
_COST = frozenset(("cost", "usd"))
_KNOWN = _NEUTRAL | _INPUT | _OUTPUT | _CACHE | _READ | _WRITE | _REASONING | _LIVES | _COST
# What is before the usage, where it is of more than one call.
_SUMS = frozenset(
    "session turn agent aggregated aggregate cumulative workflow trace run conversation budget"
    " limit quota".split()
)


def place_of(name: str) -> Place | None:
    """Of which field a name tells, behind all aliases; None for all that is no figure."""
    lower = name.lower()
    if len(name) > LONGEST_NAME or ("usage" not in lower and "token" not in lower):
        return None  # as nearly all
    return _place_of(name)


@lru_cache(maxsize=4096)
def _place_of(name: str) -> Place | None:
    segments = name.split(".")
    for place, segment in enumerate(segments):
        words = _words(segment)
        if "usage" in words and _ABOUT_USAGE.issuperset(words):
            before, telling = segments[:place], segments[place + 1 :]
            break
        if "token" in words and "count" in words:
            before, telling = segments[:place], segments[place:]
            break
    else:
        return None
    if any(_SUMS.intersection(_words(each)) for each in before):
        return None
    return field_of(".".join(telling), _LAST) if telling else (OBJECT, _LAST)


def field_of(path: str, rank: int) -> Place | None:
    """Of the words behind a usage, such as the keys of a usage object."""
    words = frozenset(_words(path))
    if not words or not words <= _KNOWN:
        return None
    if words & _COST:
        is_whole = "cost" in words and words <= _COST | _NEUTRAL
        return ("cost_usd", rank) if is_whole else None
    field = _part(words) or _whole(words)
    return None if field is None else (field, rank + len(words))  # the plainer the better


def _part(words: frozenset[str]) -> str | None:
    if words & _REASONING:
        return None if words & (_INPUT | _CACHE) else "reasoning_tokens"
    if words & _LIVES:
        return "cache_write_1h" if "1h" in words else "cache_write_5m"
    if words & _CACHE:
        if words & _OUTPUT:
            return None
        return "cache_write_tokens" if words & _WRITE else "cached_tokens"
    return None


def _whole(words: frozenset[str]) -> str | None:
    if words & (_READ | _WRITE | _NO_WHOLE) or (words & _INPUT and words & _OUTPUT):
        return None
    if "token" not in words and not words <= _PLAIN:
        return None
    if words & _INPUT:
        return "prompt_tokens"
    return "completion_tokens" if words & _OUTPUT else "total_tokens"


def _words(text: str) -> list[str]:
    """In lower case and without the s of more than one."""
    parts = (word for part in _SEPARATORS.split(text) for word in _WORDS.findall(part))
    return [word.lower().removesuffix("s") or "s" for word in parts]
