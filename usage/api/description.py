"""`GET /_qs/schema`: the OpenAPI description, made once per process and sent as it was then."""

from functools import cache
from typing import Any

from django.http import HttpResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request

from qsmetrics import __version__


class SchemaView(SpectacularAPIView):
    """In YAML or JSON, as the Accept header says."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        kind: Any = type(request.accepted_renderer)
        name = f"qsmetrics ({__version__}).{kind.format}"
        headers = {"Content-Disposition": f'inline; filename="{name}"'}
        return HttpResponse(_rendered(kind), f"{kind.media_type}; charset=utf-8", headers=headers)


@cache
def _rendered(kind: Any) -> bytes:
    content: bytes = kind().render(_document(), renderer_context={})
    return content


@cache
def _document() -> dict[str, Any]:
    generator = SchemaGenerator(api_version=__version__)  # type: ignore[no-untyped-call]
    document: dict[str, Any] = generator.get_schema(public=True)  # type: ignore[no-untyped-call]
    return document
