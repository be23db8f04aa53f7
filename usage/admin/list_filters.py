"""The choices beside the list. They only hold what is chosen: `Selection` finds the rows."""

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest

from usage.admin.listed_rows import COUNTED
from usage.admin_addresses import not_possible
from usage.models import UsageMetric
from usage.queries import model_names

_MOST_MODELS = 200


class ChosenValue(SimpleListFilter):
    """Any value may stand in the URL; those worth a link are the `lookups`."""

    parameter_name: str
    longest: int

    def value(self) -> str | None:
        text = super().value()
        if text and len(text) > self.longest:
            raise not_possible(self.parameter_name)
        return text or None

    def has_output(self) -> bool:
        return True

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        return None

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        value = self.value()
        if value is not None and value not in dict(self.lookup_choices):
            self.lookup_choices = [(value, value), *self.lookup_choices]
        yield from super().choices(changelist)


class ModelFilter(ChosenValue):
    title = "model"
    parameter_name = "model"
    longest = 255

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in model_names(_MOST_MODELS)]


class ExclusionFilter(ChosenValue):
    title = "counted"
    parameter_name = "excluded_as"
    longest = 16

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            (COUNTED, "Counted rows"),
            (UsageMetric.Exclusion.WARM_UP, "Warm-ups"),
            (UsageMetric.Exclusion.DUPLICATE, "Suppressed duplicates"),
            (UsageMetric.Exclusion.WRAPPER, "Wrappers of calls"),
        ]


class StatusFilter(ChosenValue):
    title = "status"
    parameter_name = "status"
    longest = 32

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("error", "Failed requests"),
            ("2xx", "2xx: success"),
            ("4xx", "4xx: refused"),
            ("5xx", "5xx: server errors"),
            ("429", "429: too many requests"),
        ]
