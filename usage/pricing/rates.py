"""The rates of one model: US dollars for each kind of token."""

from bisect import bisect_left
from dataclasses import dataclass
from typing import NamedTuple


class TokenCounts(NamedTuple):
    """As a row has them: cached and cache_write within prompt, reasoning within completion."""

    prompt: int
    completion: int
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0

    @property
    def are_none(self) -> bool:
        return not (self.prompt or self.completion)


@dataclass(frozen=True)
class Rate:
    """US dollars for a token. Past a number of prompt tokens another price may count for all."""

    usd: float
    past: tuple[int, ...] = ()  # ascending
    then_usd: tuple[float, ...] = ()  # for each of `past`

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
    request_usd: float = 0.0

    @property
    def are_free(self) -> bool:
        return self.prompt == self.completion == Rate(0.0)

    def cost_usd(self, tokens: TokenCounts) -> float:
        """Clients may report more cached tokens than prompt tokens; none cost less than nothing."""
        size = tokens.prompt
        total, rest = self.request_usd, tokens.prompt
        if self.cached is not None:
            total += tokens.cached * self.cached.of(size)
            rest -= tokens.cached
        if self.cache_write is not None:
            total += tokens.cache_write * self.cache_write.of(size)
            rest -= tokens.cache_write
        total += max(rest, 0) * self.prompt.of(size)
        rest = tokens.completion
        if self.reasoning is not None:
            total += tokens.reasoning * self.reasoning.of(size)
            rest -= tokens.reasoning
        return total + max(rest, 0) * self.completion.of(size)
