"""What a background job is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """`work` goes through what is to be done now, and yields between two steps.

    It may be dropped at any yield, and begin anew in another process. It is due again
    `every_seconds` after it has ended.
    """

    name: str
    about: str
    every_seconds: float
    work: Callable[[], Iterator[None]]
