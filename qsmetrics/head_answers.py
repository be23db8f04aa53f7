"""Answers HEAD without a body, which Django's views make all the same and servers complain of."""

from collections.abc import Callable, Iterable
from typing import Any


class HeadAnswers:
    """WSGI middleware; the headers stay what GET would have got."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        answer = self._application(environ, start_response)
        if environ.get("REQUEST_METHOD") != "HEAD":
            return answer
        close = getattr(answer, "close", None)
        if close is not None:
            close()
        return []
