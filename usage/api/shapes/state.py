"""What `/_qs/health` answers."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from usage.api.shapes.values import Instant, Whole


class Collector(msgspec.Struct, frozen=True, gc=False):
    """A proxy's queue that is collected, without addresses and errors: health is open to all."""

    name: str
    state: Literal["collecting", "waiting", "stopped"]
    way: Annotated[str, Meta(description="subscribe, http or lpop; empty before the first.")]
    records: Whole
    possible_losses: Whole
    last_record_at: Instant | None


class Suppressed(msgspec.Struct, frozen=True, gc=False):
    """Calls that two sources reported: the one counts, the other is kept and does not."""

    counted_source: str
    suppressed_source: str
    calls: Whole


class WaitingRows(msgspec.Struct, frozen=True, gc=False):
    """Rows that other programs inserted, which are in no sums yet."""

    rows: Annotated[int, Meta(description="Counted up to 10000.")]
    since: Instant | None


class Jobs(msgspec.Struct, frozen=True, gc=False):
    """Who does what is done in the background."""

    run_by: Annotated[
        str | None, Meta(description="serve, work or unknown; null where nobody runs them.")
    ]
    process: int | None
    since: Instant | None


class Sources(msgspec.Struct, frozen=True, gc=False):
    """Of who sends usage here, how many need a look at /_qs/metrics/now, which tells who."""

    silent: Annotated[
        int, Meta(description="Who stored rows in the last week, but none in the last hour.")
    ]
    uncounted: Annotated[
        int, Meta(description="Of whom something came in the last week, and nothing ever counted.")
    ]


class Health(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The portal can store usage."""

    ok: Literal[True]
    version: str
    database: Literal["sqlite", "postgresql"]
    statistics_enabled: bool
    persistence_enabled: bool
    total_records_persisted: Whole
    names_as_other: Annotated[
        int, Meta(description="How many names count as (other), counted up to 10000.")
    ]
    room_for_names: Annotated[
        int, Meta(description="How many more can be told apart now, of the kind with the least.")
    ]
    waiting_rows: WaitingRows
    filled_share: Annotated[
        float,
        Meta(
            description="0 to 1: how far the sums that came in a later version are filled from the "
            "rows that were there before."
        ),
    ]
    jobs: Jobs
    sources: Annotated[
        Sources | None, Meta(description="null where there are too many to be counted for this.")
    ]
    collectors: list[Collector] | UnsetType = UNSET
    suppressed_duplicates: list[Suppressed] | UnsetType = UNSET


class Unhealthy(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """It cannot, and why."""

    ok: Literal[False]
    error: str
    database_error: Annotated[str, Meta(description="Class and code, such as QueryCanceled 57014.")]
    version: str
    database: Literal["sqlite", "postgresql"]
    statistics_enabled: bool
    persistence_enabled: bool
