"""A call of a model that an agent's transcript tells."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from usage.importing.usage_files.lines import Line
from usage.records import InvalidRow


@dataclass(frozen=True, slots=True)
class Call:
    """The fields of its row, where it stands, and what tells it from others."""

    values: dict[str, Any]
    line: int
    identity: str
    response_ids: tuple[str, ...] = ()  # any of which a live report of it may have


@dataclass(frozen=True, slots=True)
class BrokenLine:
    """A line that cannot be read, and why."""

    line: int
    error: InvalidRow


class Transcript(Protocol):
    """The reading of one file."""

    what: ClassVar[str]

    def take(self, line: Line) -> Call | None:
        """Read a line; the call that it completes. InvalidRow where it cannot be read."""

    def rest(self) -> Iterator[Call]:
        """The calls that are complete when there are no more lines."""
