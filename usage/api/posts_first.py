"""Middleware: answers posts of usage before sessions, messages and DRF, which they don't need.

A small post would otherwise spend most of its time there.
"""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern

from usage.api.posts import Way, receive
from usage.api.urls import urlpatterns


class PostsFirst:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response
        self._ways = {f"/{each.pattern}": way for each in urlpatterns if (way := _way_of(each))}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method == "POST" and (way := self._ways.get(request.path_info)):
            return receive(request, way)
        return self._get_response(request)


def _way_of(pattern: URLPattern) -> Way | None:
    return getattr(getattr(pattern.callback, "cls", None), "way", None)
