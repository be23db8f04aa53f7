"""Lets Django read chunked request bodies, which it takes for empty without Content-Length."""

from collections.abc import Callable, Iterable
from typing import Any

# No body comes near it; the reader of the body enforces the real limit.
_UNBOUNDED = str(2**62)


class ChunkedBodies:
    """WSGI middleware; works where the server ends the input itself, as gunicorn does."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        chunked = environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked"
        if chunked and environ.get("wsgi.input_terminated") and not environ.get("CONTENT_LENGTH"):
            environ["CONTENT_LENGTH"] = _UNBOUNDED
        return self._application(environ, start_response)
