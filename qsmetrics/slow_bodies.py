"""Answers 408 in the place of whatever the application makes of a body that came too slowly."""

from collections.abc import Callable, Iterable
from typing import Any

from qsmetrics.early_refusals import refusal

_HEADERS, _ANSWER = refusal("the body came too slowly: send it again, all at once")


class _WatchedInput:
    """A server's input; `is_late` once the server has given its sender up."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self.is_late = False

    def read(self, size: int = -1) -> bytes:
        return self._watched(self._source.read, size)

    def readline(self, size: int = -1) -> bytes:
        return self._watched(self._source.readline, size)

    def _watched(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            return read(size)
        except TimeoutError:
            self.is_late = True
            raise


class SlowBodies:
    """WSGI middleware; works where the server raises TimeoutError, as `serve` does."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        body = environ["wsgi.input"] = _WatchedInput(environ["wsgi.input"])

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            if body.is_late:
                return start_response("408 Request Timeout", _HEADERS, exc_info)
            return start_response(status, headers, exc_info)

        answer = self._application(environ, start)
        if not body.is_late:
            return answer
        close = getattr(answer, "close", None)
        if close is not None:
            close()
        return [_ANSWER]
