"""gunicorn's log in the form of ours."""

from typing import Any

from gunicorn.glogging import Logger

from usage.log_lines import LineFormatter


class Log(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own lines name addresses, which may hold a key."""

    def _set_handler(self, log: Any, output: Any, fmt: Any, stream: Any = None) -> None:
        super()._set_handler(log, output, LineFormatter(fmt._fmt, fmt.datefmt), stream)
