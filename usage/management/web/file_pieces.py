"""Files in large pieces: each costs a turn among threads, and Django would send 4 KiB at a time."""

from collections.abc import Callable, Iterable
from typing import Any

from gunicorn.http.wsgi import FileWrapper

Application = Callable[..., Iterable[bytes]]
_BYTES = 262_144


class FilePieces(FileWrapper):  # type: ignore[misc]
    def __init__(self, filelike: Any, blksize: int = _BYTES) -> None:
        super().__init__(filelike, max(blksize, _BYTES))


def in_large_pieces(application: Application) -> Application:
    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["wsgi.file_wrapper"] = FilePieces
        return application(environ, start_response)

    return answer
