"""What posts bring beside their rows: from whom, what is passed over, and why some is refused.

Words used here: a *source* is who sent something, as it names itself; a *writer* is with which
token; a *kind* says what became of it, a *detail* which or why.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Self

from usage.records import InvalidRow, UsageRecord
from usage.statuses import is_failure

# Kinds.
ROWS = "row"  # stored, also where no figure counts it
DUPLICATES = "duplicate"  # stored before
WITHOUT_USAGE = "without usage"  # of the rows: neither tokens nor a failure
WRAPPERS_OF_LESS = "wrapper of less"  # used more than all calls below it: something is hidden
BY_WORDS = "read by its words"  # a name of a figure that no alias knows
PASSED_OVER = "passed over"  # records that are no calls
REJECTED = "rejected"  # calls that cannot be stored
REFUSED = "refused"  # whole posts

# What is passed over, of OTLP; LiteLLM's are its own call types.
ROUND_ABOUT = "span of an agent, a tool or the like"
NO_USAGE = "span of a model without usage"
TOLD_IN_LOGS = "span of what logs tell"
ANY_SPAN = "span without usage"
LOG_RECORD = "log record"
METRICS = "post of metrics"

OTEL = "otel"
# As sources of rows from OTLP: the name of the service comes before, since all else has that alone.
OF_SERVICES = frozenset((OTEL, "claude-code", "codex", "gemini-cli", "qwen-code"))
_names = attrgetter("source", "app")


@dataclass(frozen=True)
class Origin:
    """Who posts: the writer, and what it counts as where it names no source."""

    writer: str
    unnamed: str


Entry = tuple[str, str, str, str]  # source, writer, kind, detail


class Heard(Counter[tuple[str, str, str]]):
    """How often, by source, kind and detail. An empty source is that of the whole post."""

    @classmethod
    def of_rows(cls, records: Iterable[UsageRecord]) -> Self:
        found = cls()
        records = list(records)
        for (source, app), count in Counter(map(_names, records)).items():
            found[source_of_row(source, app), ROWS, ""] += count
        for record in records:
            if not record.total_tokens and not is_failure(record.status):
                found[source_of_row(record.source, record.app), WITHOUT_USAGE, ""] += 1
        return found

    def pass_over(self, what: str, source: str = "", count: int = 1) -> None:
        self[source, PASSED_OVER, what] += count

    def reject(self, error: InvalidRow, source: str = "") -> None:
        self[source, REJECTED, reason_of(error)] += 1

    def read_by_words(self, name: str, source: str = "") -> None:
        self[source, BY_WORDS, name] += 1

    def entries(self, origin: Origin) -> Counter[Entry]:
        found: Counter[Entry] = Counter()
        for (source, kind, detail), count in self.items():
            found[source or origin.unnamed, origin.writer, kind, detail] += count
        return found


def reason_of(error: InvalidRow) -> str:
    """The first fault, which holds no value of the client's."""
    fault = error.faults[0]
    return f"{fault.field}: {fault.error}" if fault.field else fault.error


def source_of_row(source: str | None, app: str | None) -> str:
    if source in OF_SERVICES and (named := source_named(app)):
        return named
    return "" if source == OTEL else source or ""


@lru_cache(maxsize=4096)
def source_named(app: str | None) -> str:
    """Of the name of a service. Codex calls itself codex_exec, or as the program it is in."""
    if app is None or app.startswith("unknown_service"):
        return ""
    return "codex" if app.lower().startswith("codex") else app
