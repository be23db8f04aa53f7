"""The addresses of the API, as its URLs declare them, and what each of them takes."""

from dataclasses import dataclass
from typing import Any

from usage.api import urls
from usage.api.missing import MissingView


@dataclass(frozen=True)
class Route:
    path: str
    view: Any
    methods: tuple[str, ...]  # without HEAD and OPTIONS


def _route(pattern: Any) -> Route:
    view, given = pattern.callback.cls, pattern.callback.initkwargs
    names = given.get("http_method_names", view.http_method_names)
    methods = (name.upper() for name in sorted(names) if hasattr(view, name))
    return Route(f"/{pattern.pattern}", view, tuple(each for each in methods if each in METHODS))


METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
ROUTES = [_route(each) for each in urls.urlpatterns if each.callback.cls is not MissingView]
