"""What a search term means: an API key's hash, the beginning of one, or a request id."""

import re
from dataclasses import dataclass

from usage.models import UsageMetric
from usage.queries import distinct_values

_HASH_BEGINNING = re.compile(r"[0-9a-f]{6,64}", re.ASCII | re.IGNORECASE)
_MOST_NAMED = 10


@dataclass(frozen=True)
class SearchTerm:
    """At most one of the two is set; `note` is a sentence for the page."""

    key_hash: str | None = None
    request_id: str | None = None
    note: str = ""

    @property
    def is_ambiguous(self) -> bool:
        return bool(self.note) and self.key_hash is None


def understand(text: str) -> SearchTerm:
    """Looks a few times into idx_api_key, however large the table is."""
    term = text.strip()
    if not term:
        return SearchTerm()
    if UsageMetric.objects.filter(api_key_hash=term).exists():
        return SearchTerm(key_hash=term)
    if not _HASH_BEGINNING.fullmatch(term):
        return SearchTerm(request_id=term)
    hashes = _hashes_that_begin_with(term.lower())
    if not hashes:
        return SearchTerm(request_id=term)
    if len(hashes) == 1:
        return SearchTerm(key_hash=hashes[0], note=f"Rows of the API key hash {hashes[0]}.")
    named = ", ".join(hashes[:_MOST_NAMED]) + (", …" if len(hashes) > _MOST_NAMED else "")
    return SearchTerm(note=f"Several API key hashes begin so, search for one of them: {named}")


def _hashes_that_begin_with(beginning: str) -> list[str]:
    end = beginning + "g"  # after every hexadecimal digit
    rows = UsageMetric.objects.filter(api_key_hash__lt=end)
    return distinct_values(rows, "api_key_hash", _MOST_NAMED + 1, beginning)
