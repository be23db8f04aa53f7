"""What `cost_source` says of a row: whose price its cost is, and how surely it is the right one."""

from usage.records import COST_REPORTED

REPORTED = COST_REPORTED
OVERRIDE = "override"
# Published prices, from sure to less sure.
GENAI_PRICES = "genai-prices"  # the provider's own, else its maker's, of a model named like that
CORRECTED = "genai-corrected"  # the same, as `usage.pricing.corrections` has it
FREE = "genai-free"  # OpenRouter's models that end in `:free`
MAKER = "genai-maker"  # the maker's: the provider's own prices are not known
OPENROUTER = "genai-openrouter"  # what OpenRouter asks, where the maker's price is not known
GUESSED = "genai-guess"  # of a model that is named nearly so
# A model that is known, but not charged by tokens, such as speech: it has no cost.
NOT_BY_TOKENS = "not-by-tokens"

PUBLISHED = (GENAI_PRICES, CORRECTED, FREE, MAKER, OPENROUTER, GUESSED)
RECKONED = (OVERRIDE, *PUBLISHED)  # by this portal, from tokens
SOURCES = (REPORTED, *RECKONED, NOT_BY_TOKENS)
