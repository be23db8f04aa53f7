"""`/_qs/usage`: POST stores rows, GET lists or exports them."""

from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema_view
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from usage.api import list_rows, post_rows
from usage.api.permissions import MayRead
from usage.api.posts import PostView
from usage.api.schema import LIST_USAGE, STORE_USAGE


@extend_schema_view(post=STORE_USAGE)
class UsageView(PostView):
    content_negotiation_class = list_rows.RowsNegotiation
    way = post_rows.USAGE

    def get_permissions(self) -> list[MayRead | AllowAny]:
        return [AllowAny()] if self.request.method == "POST" else [MayRead()]

    @LIST_USAGE
    def get(self, request: Request) -> HttpResponseBase:
        return list_rows.list_or_export(request)
