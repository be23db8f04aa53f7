"""What an admin address may say: whatever else is refused before the database is asked."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.options import IS_POPUP_VAR, TO_FIELD_VAR
from django.contrib.admin.views.main import ERROR_FLAG, ORDER_VAR, PAGE_VAR, SEARCH_VAR
from django.core.exceptions import BadRequest, TooManyFieldsSent
from django.http import HttpRequest, HttpResponse, QueryDict

_LIST_BEFORE = "_changelist_filters"  # the list that one came from, for the way back
_OF_A_FORM = {_LIST_BEFORE, IS_POPUP_VAR, TO_FIELD_VAR, PAGE_VAR}
_MOST_PARAMETERS = 20
_LONGEST = 255
_LONGEST_OF = {_LIST_BEFORE: 2_000}
# Each word is sought in each column, and a database takes so many conditions only.
_MOST_WORDS = 20
_SHAPES = {
    PAGE_VAR: re.compile(r"[1-9]\d{0,5}", re.ASCII),
    ORDER_VAR: re.compile(r"(-?\d{1,2}(\.-?\d{1,2}){0,9})?", re.ASCII),
    ERROR_FLAG: re.compile("1"),
    IS_POPUP_VAR: re.compile("1"),
}


class BadAddress(BadRequest):
    """Its text is a sentence for the page. What an address holds stays out of it but for names."""


def refusing_bad_addresses(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The view of a page of the admin. A list knows itself which look-ups it offers."""
    owner = getattr(view, "__self__", None)
    if not isinstance(owner, ModelAdmin):
        return view
    is_list = view.__name__ in getattr(owner, "list_views", ())

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        query = query_of(request)
        for name in () if is_list else query:
            if name not in _OF_A_FORM:
                raise not_offered(name)
        # No relation here goes by another column than the key.
        if query.get(TO_FIELD_VAR, "") not in ("", owner.opts.pk.name):
            raise not_possible(TO_FIELD_VAR)
        return view(request, *args, **kwargs)

    return checked


def query_of(request: HttpRequest) -> QueryDict:
    """The query string, bounded in number and length, each parameter given once."""
    try:
        query = request.GET
    except TooManyFieldsSent:
        raise _too_many() from None
    if len(query) > _MOST_PARAMETERS:
        raise _too_many()
    for name, values in query.lists():
        if len(values) > 1:
            raise BadAddress(f"{_shown(name)} is given {len(values)} times: give it once")
        _check(name, values[0])
    return query


def not_offered(name: str) -> BadAddress:
    return BadAddress(f"{_shown(name)} is nothing that this page offers: open it without that")


def not_possible(name: str) -> BadAddress:
    return BadAddress(f"{_shown(name)} cannot have that value: choose one that the page offers")


def _check(name: str, value: str) -> None:
    if "\0" in name or "\0" in value:
        raise BadAddress("an address holds no control characters: open the page without them")
    longest = _LONGEST_OF.get(name, _LONGEST)
    if len(value) > longest:
        raise BadAddress(f"{_shown(name)} is longer than {longest:,} characters: shorten it")
    shape = _SHAPES.get(name)
    if shape is not None and not shape.fullmatch(value):
        raise not_possible(name)
    if name == SEARCH_VAR and len(value.split()) > _MOST_WORDS:
        raise BadAddress(f"a search takes at most {_MOST_WORDS} words: look for fewer")


def _too_many() -> BadAddress:
    return BadAddress(f"an address has at most {_MOST_PARAMETERS} parameters: open it with fewer")


def _shown(name: str) -> str:
    return f"`{name[:80] if name.isprintable() else ascii(name)[:80]}`"
