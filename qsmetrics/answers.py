"""What every answer carries: what it may run, who may keep it, and JSON for programs.

docs/decisions/content-security-policy.md says why the policies are so.
"""

import json
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from whitenoise.middleware import WhiteNoiseFileResponse

from qsmetrics.front_door import is_for_programs
from usage.exception_gate import SENTENCES

_CLOSED = "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
OURS = f"default-src 'self'; {_CLOSED}"
# Django's and unfold's pages: Alpine compiles its attributes, unfold colours by a style element.
ADMIN = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    f"img-src 'self' data:; {_CLOSED}"
)
# Swagger's style sheet holds its icons.
DOCS = f"default-src 'self'; img-src 'self' data:; {_CLOSED}"
# A file that is opened by itself, such as a picture, runs nothing.
STATIC = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

_PRIVATE = ("Authorization", "Cookie")  # what answers differ by

ADMIN_PATH = "/admin/"
DOCS_PATH = "/_qs/docs"
DASHBOARD_PATH = "/_qs/metrics/ui"
_POLICIES = {DOCS_PATH: DOCS}


class AnswerHeaders:
    """Middleware for every answer, the outermost one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        if isinstance(response, WhiteNoiseFileResponse):
            response["Content-Security-Policy"] = STATIC
            return response  # type: ignore[no-any-return]  # whitenoise has no types
        path = request.path_info
        if isinstance(response, HttpResponse) and _is_html(response):
            if is_for_programs(path) and not may_be_page(request, response.status_code):
                _make_json(response)
        is_admin = path.startswith(ADMIN_PATH)
        response["Content-Security-Policy"] = ADMIN if is_admin else _POLICIES.get(path, OURS)
        if "no-store" not in response.get("Cache-Control", ""):
            response["Cache-Control"] = "no-store"
        if response.has_header("Vary"):
            patch_vary_headers(response, _PRIVATE)
        else:  # the quick way, for posts
            response["Vary"] = ", ".join(_PRIVATE)
        if response.cookies and request.is_secure():
            for cookie in response.cookies.values():
                cookie["secure"] = True
        return response


def may_be_page(request: HttpRequest, status: int = 200) -> bool:
    """Whether the answer may be HTML: outside the programs' paths, and for two pages among them."""
    if not is_for_programs(request.path_info):
        return True
    if request.method not in ("GET", "HEAD"):
        return False
    return request.path_info == DASHBOARD_PATH or (request.path_info == DOCS_PATH and status < 400)


def _is_html(response: HttpResponse) -> bool:
    return response.get("Content-Type", "").startswith("text/html")


def _make_json(response: HttpResponse) -> None:
    """Debug pages and a framework's own error pages are for people."""
    sentence = SENTENCES.get(response.status_code, f"this is answered {response.status_code}")
    response.content = json.dumps({"error": sentence}).encode()
    response["Content-Type"] = "application/json"
