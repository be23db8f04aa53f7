"""The rates of one model: US dollars for each kind of token."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class TokenCounts(NamedTuple):
    """As a row has them: parts of the prompt and of the completion.

    `cache_write_1h` is a part of `cache_write`; audio and images are in no cache, nor reasoning.
    """

    prompt: int
    completion: int
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0
    cache_write_1h: int = 0
    audio_input: int = 0
    audio_output: int = 0
    image_input: int = 0
    image_output: int = 0

    @property
    def are_none(self) -> bool:
        return not (self.prompt or self.completion)


@dataclass(frozen=True)
class Rate:
    """US dollars for a token. Past a number of prompt tokens another price may count for all."""

    usd: float
    past: tuple[int, ...] = ()  # ascending
    then_usd: tuple[float, ...] = ()  # for each of `past`

    def times(self, factor: float) -> "Rate":
        return Rate(self.usd * factor, self.past, tuple(usd * factor for usd in self.then_usd))

    def of(self, prompt_tokens: int) -> float:
        passed = bisect_left(self.past, prompt_tokens)
        return self.then_usd[passed - 1] if passed else self.usd


@dataclass(frozen=True)
class Rates:
    """Tokens of a kind without a rate of its own cost what the kind around them costs."""

    prompt: Rate
    completion: Rate
    cached: Rate | None = None
    cache_write: Rate | None = None
    reasoning: Rate | None = None
    cache_write_1h: Rate | None = None
    audio_input: Rate | None = None
    audio_output: Rate | None = None
    image_input: Rate | None = None
    image_output: Rate | None = None
    request_usd: float = 0.0

    @property
    def are_free(self) -> bool:
        return self.prompt == self.completion == Rate(0.0)

    def cost_usd(self, tokens: TokenCounts) -> float:
        """Clients may report more of a part than of its whole; none cost less than nothing."""
        written_1h = min(tokens.cache_write_1h, tokens.cache_write)
        if self.cache_write_1h is None:
            written_1h = 0
        of_prompt = (
            (self.cached, tokens.cached),
            (self.cache_write, tokens.cache_write - written_1h),
            (self.cache_write_1h, written_1h),
            (self.audio_input, tokens.audio_input),
            (self.image_input, tokens.image_input),
        )
        of_completion = (
            (self.reasoning, tokens.reasoning),
            (self.audio_output, tokens.audio_output),
            (self.image_output, tokens.image_output),
        )
        size = tokens.prompt
        return (
            self.request_usd
            + _usd(tokens.prompt, self.prompt, of_prompt, size)
            + _usd(tokens.completion, self.completion, of_completion, size)
        )


def _usd(whole: int, rate: Rate, parts: Iterable[tuple[Rate | None, int]], size: int) -> float:
    """Each part at its own rate where it has one, the rest at the whole's."""
    total, rest = 0.0, whole
    for own, count in parts:
        if own is not None and count:
            total += count * own.of(size)
            rest -= count
    return total + max(rest, 0) * rate.of(size)
