"""What an Accept header decides: among what a view has, and seldom whether it answers at all.

docs/decisions/accept-refuses-no-write.md says why.
"""

from typing import Any

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request

# What people and plain HTTP clients ask for, who can read JSON as well.
_READ_BY_PEOPLE = {"text/html", "text/plain", "text/*"}


class NeverRefuses(DefaultContentNegotiation):
    """Who wants nothing that the view has gets its own type: a scraper, a probe, a browser."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        try:
            return super().select_renderer(request, renderers, format_suffix)
        except NotAcceptable:
            if self.refuses(request):
                raise
            return renderers[0], renderers[0].media_type

    def refuses(self, request: Request) -> bool:
        return False


class RefusesOtherData(NeverRefuses):
    """For answers that are data: who reads another format only is told so, and breaks on none."""

    def refuses(self, request: Request) -> bool:
        kinds = {each.partition(";")[0].strip().lower() for each in self.get_accept_list(request)}
        asks_for_data = bool(kinds) and kinds.isdisjoint(_READ_BY_PEOPLE)
        return asks_for_data and request.method in ("GET", "HEAD")
