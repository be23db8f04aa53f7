"""`/_qs/usage`: POST stores rows, GET lists or exports them."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from usage.api import ingest, list_rows
from usage.api.permissions import MayRead
from usage.api.schema import LIST_USAGE, STORE_USAGE

_PATH = "/_qs/usage"
_JSON = {"*/*", "application/json"}


class UsageView(APIView):
    content_negotiation_class = list_rows.RowsNegotiation

    def get_permissions(self) -> list[MayRead | AllowAny]:
        # Writers are named by `ingest`, which needs to know who they are.
        return [AllowAny()] if self.request.method == "POST" else [MayRead()]

    @LIST_USAGE
    def get(self, request: Request) -> HttpResponseBase:
        return list_rows.list_or_export(request)

    @STORE_USAGE
    def post(self, request: Request) -> HttpResponse:
        return ingest.ingest(request._request)


class PostsFirst:
    """Middleware: answers posts of usage before sessions, messages and DRF, which they don't need.

    A small post would otherwise spend most of its time there.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method == "POST" and request.path_info == _PATH and _takes_json(request):
            return ingest.ingest(request)
        return self._get_response(request)


def _takes_json(request: HttpRequest) -> bool:
    """Whether the client says so in plain words; DRF judges all others."""
    accepted = request.META.get("HTTP_ACCEPT", "*/*")
    return accepted in _JSON or not _JSON.isdisjoint(accepted.replace(" ", "").split(","))
