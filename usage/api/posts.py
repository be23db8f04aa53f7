"""The one way of every post: who sends it, whether it is taken, its turn, its rows, the answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from django.http import HttpRequest, HttpResponse
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from usage.access.rules import require_writer, sender_of
from usage.api import errors
from usage.api.parsers import require_enabled, room
from usage.api.sender_origin import heard_of_refusal, origin_of
from usage.exception_gate import REFUSED, Refusal, refusal_of
from usage.heard import Origin
from usage.intake.room import PostShare
from usage.recording.ledger import NOBODY
from usage.recording.unwritten import note


@dataclass(frozen=True)
class Delivery:
    """A request whose sender may write. What it holds in memory counts as its share."""

    request: HttpRequest
    writer: str
    sender: str  # who takes turns with others
    origin: Origin  # who it is for the ledger
    share: PostShare


@dataclass(frozen=True)
class Way:
    """What one kind of client posts: how it is taken and answered, and how it is refused."""

    take: Callable[[Delivery], HttpResponse]
    refuse: Callable[[HttpRequest, Refusal], HttpResponse] = errors.as_json
    takes_basic_tokens: bool = False
    stores: bool = True  # else it is read and dropped, also while metrics are disabled


def receive(request: HttpRequest, way: Way) -> HttpResponse:
    """Whatever the client likes to read: it is answered as the way does, never 406."""
    writer = NOBODY
    try:
        writer = require_writer(request, basic_tokens=way.takes_basic_tokens)
        if way.stores:
            require_enabled()
        with room.share() as share:
            origin = origin_of(request, writer)
            return way.take(Delivery(request, writer, sender_of(request, writer), origin, share))
    except REFUSED as error:
        refusal = refusal_of(error, request)
        note(heard_of_refusal(refusal).entries(origin_of(request, writer)))
        return way.refuse(request, refusal)


class PostView(APIView):
    """A path that takes posts in one way; `PostsFirst` answers them before DRF is asked."""

    permission_classes = [AllowAny]  # `receive` knows who may write
    way: ClassVar[Way]

    def post(self, request: Request) -> HttpResponse:
        return receive(request._request, self.way)
