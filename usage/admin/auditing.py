"""What is done on the pages of the admin goes into the audit trail, with what was there before."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import PAGE_VAR
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse

from usage import audit_trail
from usage.models import AuditEntry

_PER_PAGE = 100
_MOST_NAMED = 20  # of what was added to or taken from a list


class Audited:
    """Django's own log is kept beside it for the index, but goes with the user who made it."""

    def construct_change_message(
        self,
        request: HttpRequest,
        form: Any,
        formsets: Any,
        add: bool = False,  # noqa: FBT002
    ) -> Any:
        return _said(form, is_new=add)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        audit_trail.note_in_admin(request.user, audit_trail.ADDED, [obj], str(message))
        return super().log_addition(request, obj, message)  # type: ignore[misc]

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        audit_trail.note_in_admin(request.user, audit_trail.CHANGED, [obj], str(message))
        return super().log_change(request, obj, message)  # type: ignore[misc]

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        audit_trail.note_in_admin(request.user, audit_trail.DELETED, queryset)
        return super().log_deletions(request, queryset)  # type: ignore[misc]

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        entries = audit_trail.entries_of(self.model, unquote(object_id))  # type: ignore[attr-defined]
        paginator = Paginator(entries, _PER_PAGE)
        page = paginator.get_page(request.GET.get(PAGE_VAR, 1))
        lines = [_Line.of(entry) for entry in page.object_list]
        page.object_list = lines  # type: ignore[assignment]
        context = {
            "action_list": page,
            "page_range": paginator.get_elided_page_range(page.number),
            "pagination_required": paginator.count > _PER_PAGE,
            **(extra_context or {}),
        }
        response: HttpResponse = super().history_view(  # type: ignore[misc]
            request, object_id, context
        )
        return response


@dataclass(frozen=True)
class _Line:
    """An entry as the page of an object's history names its parts."""

    action_time: dt.datetime
    user: dict[str, str]
    get_change_message: str

    @classmethod
    def of(cls, entry: AuditEntry) -> "_Line":
        said = entry.detail or f"{entry.action.capitalize()}."
        return cls(entry.at, {"get_username": entry.actor, "get_full_name": entry.via}, said)


def _said(form: Any, *, is_new: bool) -> str:
    """Of each field what it was and is; of a password only that it was set."""
    parts = []
    for name in form.changed_data:
        if "password" in name:
            part = "Password set"
        else:
            label = form.fields[name].label or name
            before = None if is_new else form.initial.get(name)
            part = f"{label}: {_change(before, form.cleaned_data.get(name))}"
        if part not in parts:
            parts.append(part)
    return "; ".join(parts)


def _change(before: Any, after: Any) -> str:
    if hasattr(after, "model"):  # what may be several
        old, new = {str(each) for each in before or ()}, {str(each) for each in after}
        return ", ".join([*_named("+", new - old), *_named("-", old - new)])
    if before in (None, ""):
        return _shown(after)
    return f"{_shown(before)} → {_shown(after)}"


def _named(sign: str, names: set[str]) -> list[str]:
    shown = [f"{sign}{name}" for name in sorted(names)[:_MOST_NAMED]]
    return shown + ([f"{sign}{len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else [])


def _shown(value: Any) -> str:
    if value in (None, ""):
        return "empty"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d %H:%M:%S %Z}"
    return str(value)
