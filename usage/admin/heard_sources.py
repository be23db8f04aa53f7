"""What was heard of each source and token, on one page of the admin."""

from dataclasses import dataclass

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from usage.admin import display
from usage.admin_site import PortalAdminSite
from usage.queries.source_report import HeardOf, heard_of

site: PortalAdminSite = admin.site  # type: ignore[assignment]
_MOST_LISTED = 500
_MOST_DETAILS = 20
_COLUMNS = (
    *("Name", "Last seen", "Last row", "Rows", "5 min", "60 min"),
    *("Duplicates", "Without usage", "Wrappers of less"),
)


@dataclass(frozen=True)
class ShownSource:
    """A line of the page, and what stands below it."""

    name: str
    cells: list[str]
    advice: str | None
    details: list[tuple[str, list[tuple[str, str]]]]


def sources(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm("usage.view_heardcount"):
        raise PermissionDenied
    found = heard_of()
    listed = [_shown(each, each.advice) for each in found.sources[:_MOST_LISTED]]
    writers = [_shown(each, None) for each in found.writers[:_MOST_LISTED]]
    context = {
        **site.each_context(request),
        "title": "Sources",
        "columns": _COLUMNS,
        "sources": listed,
        "tables": [("Sources", listed), ("Tokens", writers)],
        "more": max(0, len(found.sources) - _MOST_LISTED),
    }
    return TemplateResponse(request, "admin/sources.html", context)


def _shown(found: HeardOf, advice: str | None) -> ShownSource:
    counts = (
        *(found.rows, found.rows_5_minutes, found.rows_60_minutes),
        *(found.duplicates, found.without_usage, found.wrappers_of_less),
    )
    moments = (display.moment(found.last_at), display.moment(found.last_row_at))
    details = (
        ("Passed over", found.passed_over),
        ("Rejected", found.rejected),
        ("Posts refused", found.refused),
        ("Names read by their words", found.by_words),
    )
    return ShownSource(
        found.name,
        [*moments, *map(display.count, counts)],
        advice,
        [(label, _most(some)) for label, some in details if some],
    )


def _most(counts: dict[str, int]) -> list[tuple[str, str]]:
    """The most frequent ones."""
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return [(what, display.count(count)) for what, count in ranked[:_MOST_DETAILS]]


site.add_page("usage/heardcount/", sources, "usage_heardcount_changelist")
