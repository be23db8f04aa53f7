"""What a sender counted in its own way, as a row's tokens: the one arithmetic of every way in.

Some senders count what a cache read and wrote within the input and reasoning within the output,
as rows do; others count them beside. docs/decisions/parts-and-wholes.md tells why so.
"""

from collections.abc import Iterator
from itertools import combinations
from math import isfinite
from typing import Any, NamedTuple

from usage.incoming_row import MOST_TOKENS
from usage.records import TOKENS_RULE, FieldError, InvalidRow

READ, WRITTEN, REASONING = range(3)
_CACHE = frozenset((READ, WRITTEN))
_NONE: frozenset[int] = frozenset()


class Counted(NamedTuple):
    """As it was told; None where nothing was."""

    input: int | None = None
    output: int | None = None
    total: int | None = None
    read: int | None = None  # from a cache
    written: int | None = None  # to a cache
    reasoning: int | None = None


class Convention(NamedTuple):
    """How a sender is known to count, for where its figures do not tell."""

    is_cache_beside: bool = False
    is_reasoning_beside: bool = False
    # False of a sender that adds its total up itself, so that it says nothing of the parts.
    is_total_telling: bool = True

    @property
    def beside(self) -> frozenset[int]:
        reasoning = frozenset((REASONING,)) if self.is_reasoning_beside else _NONE
        return reasoning | (_CACHE if self.is_cache_beside else _NONE)


WITHIN = Convention()  # OpenTelemetry's
AS_TOLD = Convention(is_total_telling=False)
CACHE_BESIDE = Convention(is_cache_beside=True, is_total_telling=False)
REASONING_BESIDE = Convention(is_reasoning_beside=True)


def row_tokens(counted: Counted, convention: Convention = WITHIN) -> dict[str, int]:
    """The row's fields. Parts are never larger than their whole, nor both wholes than the total."""
    told_total = counted.total or 0
    prompt, completion = _wholes(counted)
    parts = (counted.read or 0, counted.written or 0, counted.reasoning or 0)
    read, written, reasoning = parts
    is_within = read + written <= prompt and reasoning <= completion
    if convention is not WITHIN or not is_within or told_total not in (0, prompt + completion):
        beside = _beside(prompt, completion, told_total, parts, convention)
        prompt = _added(prompt, sum(parts[each] for each in _CACHE & beside))
        completion = _added(completion, reasoning if REASONING in beside else 0)
        read = min(read, prompt)
        written = min(written, prompt - read)
        reasoning = min(reasoning, completion)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": max(told_total, min(prompt + completion, MOST_TOKENS)),
        "cached_tokens": read,
        "cache_write_tokens": written,
        "reasoning_tokens": reasoning,
    }


def told_counts(prompt: Any, completion: Any) -> tuple[int | None, int | None]:
    """Both wholes, without which a row would be wrong; InvalidRow names what is no count."""
    counts = whole_count(prompt), whole_count(completion)
    if None in counts:
        told = zip(
            ("prompt_tokens", "completion_tokens"), (prompt, completion), counts, strict=True
        )
        faults = [
            FieldError(name, TOKENS_RULE)
            for name, value, count in told
            if count is None and not _is_absent(value)
        ]
        if faults:
            raise InvalidRow(faults)
    return counts


def whole_count(value: Any) -> int | None:
    """A count, which a language without integers wrote as 12.0 or "12"; None for all else."""
    if type(value) is int:  # as nearly all are
        return value if 0 <= value <= MOST_TOKENS else None
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit() and len(value) < 20):
            return None
        value = int(value)
    elif isinstance(value, float) and value.is_integer() and value >= 0:
        value = int(value)
    else:
        return None
    return value if value <= MOST_TOKENS else None


def _is_absent(value: Any) -> bool:
    """NaN and infinities stand for what nobody counted."""
    return value is None or value == "" or (isinstance(value, float) and not isfinite(value))


def _added(whole: int, parts: int) -> int:
    """Bounded, so that absurd parts cost no row."""
    return max(whole, min(whole + parts, MOST_TOKENS))


def _wholes(counted: Counted) -> tuple[int, int]:
    """Input and output; the one that was not told is what the total has left."""
    total = counted.total or 0
    if counted.input is None and counted.output is not None:
        reasoning = counted.reasoning or 0
        used = counted.output + (reasoning if reasoning > counted.output else 0)
        return max(0, total - used), counted.output
    if counted.output is None and counted.input is not None:
        cache = (counted.read or 0) + (counted.written or 0)
        used = counted.input + (cache if cache > counted.input else 0)
        return counted.input, max(0, total - used)
    return counted.input or 0, counted.output or 0


def _beside(
    prompt: int, completion: int, total: int, parts: tuple[int, ...], convention: Convention
) -> frozenset[int]:
    """Which parts are not within their whole: by the total, by the sender, and by their size."""
    beside = convention.beside
    if total and convention.is_total_telling:
        beside = _told_by(total - prompt - completion, parts, convention)
    cache_within = sum(parts[each] for each in _CACHE - beside)
    if cache_within > prompt:
        beside |= _CACHE
    if parts[REASONING] > completion:
        beside |= {REASONING}
    return beside


def _told_by(rest: int, parts: tuple[int, ...], convention: Convention) -> frozenset[int]:
    """By what the total has beyond input and output. What more than one reading fits, it leaves."""
    fits = [some for some in _readings(parts, convention) if sum(parts[i] for i in some) == rest]
    there = frozenset(each for each, size in enumerate(parts) if size)
    known = convention.beside & there
    if known in fits:
        return known
    if fits:
        return frozenset.intersection(*fits)
    # Google's total has more in it, such as what tools put into the prompt; less it never has.
    return known - {REASONING} if rest < parts[REASONING] else known


def _readings(parts: tuple[int, ...], convention: Convention) -> Iterator[frozenset[int]]:
    """The sets of parts that may be beside. A sender that is known to part the cache parts all."""
    there = [each for each, size in enumerate(parts) if size]
    for count in range(len(there) + 1):
        for some in combinations(there, count):
            cache = _CACHE.intersection(some)
            if not convention.is_cache_beside or cache in (_NONE, _CACHE.intersection(there)):
                yield frozenset(some)
