"""A process of its own beside the measured one, from entry to exit, and a pipe to it."""

import multiprocessing
from collections.abc import Callable
from typing import Any, Self


class SideProcess:
    """It runs `work` with these arguments and its end of the pipe."""

    def __init__(self, work: Callable[..., None], *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(*arguments, theirs), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()
