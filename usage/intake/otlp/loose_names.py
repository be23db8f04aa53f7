"""Names that no alias knows, read by their words: `acme.usage.cache-read_tokens`, `llm.tokens.in`.

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

_ABOUT_USAGE = frozenset("usage metadata detail object info token metric".split())
_TOTAL = frozenset("total used consumed".split())
_NEUTRAL = _ABOUT_USAGE | _TOTAL | frozenset("count num number of content ephemeral".split())
_INPUT = frozenset(("input", "prompt", "in"))
_OUTPUT = frozenset(("output", "completion", "candidate", "out"))
_CACHE = frozenset(("cache", "cached", "caching"))
_READ = frozenset(("read", "hit"))
_WRITE = frozenset(("write", "written", "creation", "created", "create"))
_REASONING = frozenset(("reasoning", "thought", "thinking"))
_LIVES = frozenset(("5m", "1h"))
_KINDS = ("audio", "image")
# Words of parts alone, and those that name a whole without saying that they are of tokens.
_NO_WHOLE = frozenset(("ephemeral", "content"))
_NOT_OF_WHOLES = _READ | _WRITE | _NO_WHOLE | frozenset(_KINDS)
_PLAIN = frozenset(("input", "prompt", "output", "completion"))
_COST = frozenset(("cost", "usd"))
_IN_DOLLARS = frozenset(("usd", "total"))
_FIRST = frozenset("time to first token chunk ttft latency of in".split())
_MILLISECONDS = frozenset(("m", "milli", "millisecond"))  # ms, without the s of more than one
_SECONDS = frozenset(("s", "sec", "second"))
_MODEL = frozenset(("model",))
_NAMED = frozenset(("name", "id"))
_KNOWN = _NEUTRAL | _INPUT | _OUTPUT | _CACHE | _READ | _WRITE | _REASONING | _LIVES | _COST
_KNOWN |= frozenset(_KINDS)
# What is before a figure, where it is of more than one call, or of none.
_SUMS = frozenset(
    "session turn agent aggregated aggregate cumulative workflow trace run conversation budget"
    " limit ratelimit rate quota estimate estimated remaining context window history chunk document"
    " device host".split()
)
_TELLING = re.compile("usage|token|cost|ttft|model|first_?chunk", re.IGNORECASE)


def place_of(name: str) -> Place | None:
    """Of which field a name tells, behind all aliases; None for all that tells of none."""
    if len(name) > LONGEST_NAME:
        return None
    return _place_of(name)


@lru_cache(maxsize=8192)
def _place_of(name: str) -> Place | None:
    if _TELLING.search(name) is None:
        return None  # as nearly all
    segments = name.split(".")
    words = [frozenset(_words(each)) for each in segments]
    place = next((i for i, some in enumerate(words) if _begins_figure(some)), None)
    if place is None:
        return _model(words)
    if any(_SUMS & each for each in words[:place]):
        return None
    telling = segments[place:]
    if words[place] == {"token"} and len(telling) == 1 and place:  # llm.completion.tokens
        telling = segments[place - 1 :]
    if "usage" in words[place]:
        return field_of(".".join(telling[1:]), _LAST) if len(telling) > 1 else (OBJECT, _LAST)
    found = field_of(".".join(telling), _LAST)
    return (
        found if found is not None and _is_sure(found, frozenset().union(*words[place:])) else None
    )


def _begins_figure(words: frozenset[str]) -> bool:
    if "usage" in words:
        return _ABOUT_USAGE.issuperset(words)
    return bool(words & {"token", "cost", "ttft"}) or {"first", "chunk"} <= words


def _is_sure(place: Place, words: frozenset[str]) -> bool:
    """Without a usage round it, a plain number of tokens or a cost may be anything's."""
    if place[0] == "total_tokens":
        return bool(words & _TOTAL or "count" in words)
    return place[0] != "cost_usd" or bool(words & _IN_DOLLARS)


def _model(words: list[frozenset[str]]) -> Place | None:
    """`llm.model`, `acme.model_name`, `acme.model.id`."""
    last = words[-1] | words[-2] if words[-1] <= _NAMED and len(words) > 1 else words[-1]
    if "model" not in last or not last <= _MODEL | _NAMED or any(_SUMS & each for each in words):
        return None
    return "request_model", _LAST


def field_of(path: str, rank: int) -> Place | None:
    """Of the words behind a usage, such as the keys of a usage object."""
    words = frozenset(_words(path))
    if not words:
        return None
    if "ttft" in words or "first" in words:
        return _first_token(words, rank)
    if not words <= _KNOWN:
        return None
    if words & _COST:
        is_whole = "cost" in words and words <= _COST | _NEUTRAL
        return ("cost_usd", rank) if is_whole else None
    field = _part(words) or _whole(words)
    return None if field is None else (field, rank + len(words))  # the plainer the better


def _first_token(words: frozenset[str], rank: int) -> Place | None:
    rest = words - _FIRST
    if not ("ttft" in words or words & {"token", "chunk"}):
        return None
    if rest <= _MILLISECONDS:
        return ("ttft_ms" if rest else "ttft_s"), rank
    return ("ttft_s", rank) if rest <= _SECONDS else None


def _part(words: frozenset[str]) -> str | None:
    if kind := next((each for each in _KINDS if each in words), None):
        return _part_of_kind(kind, words)
    if words & _REASONING:
        return None if words & (_INPUT | _CACHE) else "reasoning_tokens"
    if words & _LIVES:
        return "cache_write_1h" if "1h" in words else "cache_write_5m"
    if words & _CACHE:
        if words & _OUTPUT:
            return None
        return "cache_write_tokens" if words & _WRITE else "cached_tokens"
    return None


def _part_of_kind(kind: str, words: frozenset[str]) -> str | None:
    """Of the input or of the output, and not of what a cache has of it."""
    if words & (_CACHE | _REASONING) or bool(words & _INPUT) == bool(words & _OUTPUT):
        return None
    return f"{kind}_input_tokens" if words & _INPUT else f"{kind}_output_tokens"


def _whole(words: frozenset[str]) -> str | None:
    if words & _NOT_OF_WHOLES or (words & _INPUT and words & _OUTPUT):
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
