"""The list of every admin page: it takes the look-ups that its filters offer, and no others."""

from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ORDER_VAR, PAGE_VAR
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.views import ChangeList

from usage.admin_addresses import not_offered, not_possible


class OfferedLookUps(ChangeList):  # type: ignore[misc]
    """Django's own takes any column and operator from the address, `__regex` too."""

    def get_filters(self, request: HttpRequest) -> tuple[Any, ...]:
        found: tuple[Any, ...] = super().get_filters(request)
        for name in found[2]:  # what no filter has taken
            raise not_offered(name)
        return found

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str] | None = None
    ) -> QuerySet[Any]:
        self._keep_offered_order()
        rows: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        return rows

    def get_results(self, request: HttpRequest) -> None:
        try:
            super().get_results(request)
        except IncorrectLookupParameters:
            raise not_possible(PAGE_VAR) from None

    def _keep_offered_order(self) -> None:
        """Columns are numbered in the address; a number past the last one is a fault."""
        offered = []
        for part in filter(None, self.params.pop(ORDER_VAR, "").split(".")):
            column = int(part.removeprefix("-"))
            if column >= len(self.list_display):
                raise not_possible(ORDER_VAR)
            if self.list_display[column] in self.sortable_by:
                offered.append(part)
        if offered:
            self.params[ORDER_VAR] = ".".join(offered)
