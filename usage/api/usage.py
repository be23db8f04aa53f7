"""`/_qs/usage`: POST stores rows, GET lists or exports them."""

from django.http.response import HttpResponseBase
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from usage.api import ingest, rows
from usage.api.parsers import PARSERS
from usage.api.permissions import MayRead
from usage.api.schema import LIST_USAGE, STORE_USAGE


class UsageView(APIView):
    parser_classes = PARSERS
    content_negotiation_class = rows.RowsNegotiation

    def get_permissions(self) -> list[MayRead | AllowAny]:
        # Writers are named by `ingest`, which needs to know who they are.
        return [AllowAny()] if self.request.method == "POST" else [MayRead()]

    @LIST_USAGE
    def get(self, request: Request) -> HttpResponseBase:
        return rows.list_or_export(request)

    @STORE_USAGE
    def post(self, request: Request) -> Response:
        return ingest.ingest(request)
