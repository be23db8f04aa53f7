"""What a search term means: an API key's hash, the beginning of one, or a request id."""

import re
from dataclasses import dataclass

from django.db.models import Min

from usage.models import UsageMetric

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
    """Distinct hashes, each found by one step through the index."""
    end = beginning + "g"  # after every hexadecimal digit
    rows = UsageMetric.objects.filter(api_key_hash__lt=end)
    found = rows.filter(api_key_hash__gte=beginning).aggregate(first=Min("api_key_hash"))["first"]
    hashes: list[str] = []
    while found is not None and len(hashes) <= _MOST_NAMED:
        hashes.append(found)
        found = rows.filter(api_key_hash__gt=found).aggregate(first=Min("api_key_hash"))["first"]
    return hashes
