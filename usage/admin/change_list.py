"""The list of usage metrics: never counted, never sorted without an index, never scanned."""

from typing import Any

from django.contrib.admin.views.main import PAGE_VAR
from django.core.paginator import InvalidPage
from django.db.models import QuerySet
from django.http import HttpRequest

from usage.admin import display
from usage.admin.drill_down import DateSpan, DrillDown
from usage.admin.list_filters import ChosenValue, ExclusionFilter, ModelFilter, StatusFilter
from usage.admin.listed_rows import ListedRows
from usage.admin.look_ups import OfferedLookUps
from usage.admin.paginator import MOST_PAGES, UncountedPage, UncountedPaginator
from usage.admin.search import understand
from usage.admin_addresses import not_possible
from usage.models import UsageMetric
from usage.periods import Period
from usage.queries import oldest_and_newest

WHEN = "when"


class UsageChangeList(OfferedLookUps):
    """Its template shows `notes`, `drill_links` and `page`."""

    selection: ListedRows
    page: UncountedPage

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        others: dict[str, Any] = super().get_filters_params(params)
        others.pop(WHEN, None)
        return others

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[UsageMetric]) -> list[str]:
        """The one order that an index serves, whatever `o` says in the URL."""
        return ["-timestamp", "-id"]

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str] | None = None
    ) -> QuerySet[UsageMetric]:
        super().get_queryset(request, exclude_parameters)  # makes the filters
        self.span = self._chosen_span(request)
        term = understand(self.query)
        self.selection = ListedRows(
            period=self.span.period() if self.span else Period(),
            model=self._chosen(ModelFilter),
            status=self._chosen(StatusFilter),
            excluded_as=self._chosen(ExclusionFilter),
            key_hash=term.key_hash,
            request_id=term.request_id,
            nothing=term.is_ambiguous,
        )
        rows, self.floor = self.selection.newest_rows()
        self._term = term
        return rows

    def get_results(self, request: HttpRequest) -> None:
        self.paginator = UncountedPaginator(self.queryset, self.list_per_page)
        try:
            self.page = self.paginator.page(self.page_num)
        except InvalidPage:
            raise not_possible(PAGE_VAR) from None
        self.result_list = self.page.object_list
        self.result_count = self.full_result_count = len(self.result_list)
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = self.multi_page = False

    @property
    def notes(self) -> list[str]:
        """What one should know about the rows shown, as sentences."""
        return [note for note in (self._term.note, self._floor_note(), self._end_note()) if note]

    @property
    def is_restricted(self) -> bool:
        return bool(self.filter_params) or self.page.number > 1

    @property
    def drill_links(self) -> dict[str, list[tuple[str, str]]]:
        """Links (query, label) up the trail and down to the next finer spans."""
        drill_down = DrillDown.of(self.span, oldest_and_newest())
        trail = [(self.get_query_string(remove=[WHEN]), "All times")]
        trail += [(self._link(choice.value), choice.label) for choice in drill_down.trail]
        choices = [(self._link(choice.value), choice.label) for choice in drill_down.choices]
        return {"trail": trail, "choices": choices}

    @property
    def newer_link(self) -> str:
        return str(self.get_query_string({PAGE_VAR: self.page.number - 1}))

    @property
    def older_link(self) -> str:
        return str(self.get_query_string({PAGE_VAR: self.page.number + 1}))

    def _link(self, when: str) -> str:
        return str(self.get_query_string({WHEN: when}))

    def _chosen(self, kind: type[ChosenValue]) -> str | None:
        return next((spec.value() for spec in self.filter_specs if isinstance(spec, kind)), None)

    def _chosen_span(self, request: HttpRequest) -> DateSpan | None:
        text = request.GET.get(WHEN, "")
        span = DateSpan.parse(text)
        if text and span is None:
            raise not_possible(WHEN)
        return span

    def _floor_note(self) -> str:
        if self.floor is None:
            return ""
        return (
            f"These are the matches among the newest {self.selection.most_looked_at:,} rows, back "
            f"to {display.moment(self.floor)}. Choose a day or an hour to look further back, or "
            "export to look at all rows."
        )

    def _end_note(self) -> str:
        if not self.page.is_last_allowed:
            return ""
        return (
            f"The list ends after {MOST_PAGES} pages. Choose a day or an hour to see older "
            "rows, or export them."
        )
