"""Pages of a table too large to count: newer, older, and an end to paging."""

from collections.abc import Sequence
from typing import Any

from django.core.paginator import EmptyPage, Page, Paginator

PER_PAGE = 50
# The database walks past all rows of the pages before, so the deepest page sets the cost.
MOST_PAGES = 200


class UncountedPage(Page):  # type: ignore[type-arg]
    def __init__(
        self, rows: Sequence[Any], number: int, paginator: "UncountedPaginator", *, has_more: bool
    ) -> None:
        super().__init__(rows, number, paginator)
        self.has_more = has_more

    @property
    def is_last_allowed(self) -> bool:
        return self.has_more and self.number == MOST_PAGES

    def has_next(self) -> bool:
        return self.has_more and self.number < MOST_PAGES


class UncountedPaginator(Paginator):  # type: ignore[type-arg]
    """Reads one row more than a page holds, to learn whether another page follows."""

    template_name = "admin/usage/usagemetric/pages.html"

    def page(self, number: int | str) -> UncountedPage:
        wanted = int(number)
        if not 1 <= wanted <= MOST_PAGES:
            raise EmptyPage(f"pages go from 1 to {MOST_PAGES}")
        start = (wanted - 1) * self.per_page
        rows = list(self.object_list[start : start + self.per_page + 1])
        return UncountedPage(
            rows[: self.per_page], wanted, self, has_more=len(rows) > self.per_page
        )
