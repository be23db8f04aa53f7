"""Request bodies, whole or not at all: chunked ones that Django takes for empty, and torn ones."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from gunicorn.http.errors import ParseException

# No body comes near it; the reader of the body enforces the real limit.
_UNBOUNDED = str(2**62)


class _ServerInput(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...

    def readline(self, size: int = -1, /) -> bytes: ...


class _ChunkedInput:
    """A server's input whose malformed chunks are read errors, as Django expects them."""

    def __init__(self, source: _ServerInput) -> None:
        self._source = source

    def read(self, size: int = -1) -> bytes:
        return self._well_formed(self._source.read, size)

    def readline(self, size: int = -1) -> bytes:
        return self._well_formed(self._source.readline, size)

    def _well_formed(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            return read(size)
        except ParseException as error:
            raise OSError("malformed chunk") from error


class _MeasuredInput:
    """A server's input that must hold `length` bytes: an early end is a read error.

    Half of an NDJSON body is well-formed NDJSON, so nobody else would notice.
    """

    def __init__(self, source: _ServerInput, length: int) -> None:
        self._source = source
        self._missing = length

    def read(self, size: int = -1) -> bytes:
        return self._counted(self._source.read(size), size)

    def readline(self, size: int = -1) -> bytes:
        return self._counted(self._source.readline(size), size)

    def _counted(self, data: bytes, size: int) -> bytes:
        self._missing -= len(data)
        if not data and size != 0 and self._missing > 0:
            raise OSError("the client left in the middle of the body")
        return data


class ChunkedBodies:
    """WSGI middleware; works where the server ends the input itself, as gunicorn does."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH", "")
        chunked = environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked"
        if chunked and environ.get("wsgi.input_terminated"):
            environ["CONTENT_LENGTH"] = _UNBOUNDED
            environ["wsgi.input"] = _ChunkedInput(environ["wsgi.input"])
        elif length.isascii() and length.isdigit():
            environ["wsgi.input"] = _MeasuredInput(environ["wsgi.input"], int(length))
        return self._application(environ, start_response)
