"""Every other path below the API's: a JSON 404, in debug mode too."""

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from usage.api.sender_origin import heard_of_refusal, origin_of
from usage.exception_gate import refusal_of
from usage.recording.ledger import NOBODY
from usage.recording.unwritten import note


@extend_schema(exclude=True)
class MissingView(APIView):
    permission_classes = [AllowAny]

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        missing = Http404()
        if request.method == "POST":  # of a sender that is pointed beside
            origin = origin_of(request._request, NOBODY)
            note(heard_of_refusal(refusal_of(missing, request._request)).entries(origin))
        raise missing
