"""What `/_qs/metrics/now` answers."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from usage.api.shapes.accounts_now import AccountsNow
from usage.api.shapes.values import Instant, Whole, list_of, shape


class HeardCounts(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Of all time, as far as `purge` has left it, unless it says otherwise."""

    first_seen: Instant
    last_seen: Annotated[Instant, Meta(description="When anything of it came last.")]
    last_row: Annotated[
        Instant | None, Meta(description="When a row of it was stored last, which was new.")
    ]
    rows: Whole
    rows_last_5_minutes: Annotated[
        Whole, Meta(description="Stored in this minute and the five before it.")
    ]
    rows_last_60_minutes: Annotated[
        Whole, Meta(description="Stored in this minute and the sixty before it.")
    ]
    duplicates: Annotated[Whole, Meta(description="Rows that were stored before.")]
    calls_without_usage: Annotated[
        Whole, Meta(description="Of the rows, those of no tokens that tell of no failure.")
    ]
    wrappers_of_less: Annotated[
        int, Meta(description="Wrappers that used more than all calls that they wrap.")
    ]
    names_read_by_words: Annotated[
        dict[str, int], Meta(description="Calls by names of figures that are in no list.")
    ]
    passed_over: Annotated[
        dict[str, int], Meta(description="Records that are no calls of a model, by what they are.")
    ]
    rejected: Annotated[
        dict[str, int], Meta(description="Calls that could not be stored, by reason.")
    ]
    refused: Annotated[
        dict[str, int], Meta(description="Posts that were refused, by status and reason.")
    ]


SourceNow: Any = shape(
    "SourceNow",
    "Whoever sends something, by the name that it gives itself.",
    {
        "source": str,
        "tokens": Annotated[list[str], Meta(description="By which it came.")],
        "advice": Annotated[
            str | None, Meta(description="What to switch on, where nothing that counts comes.")
        ],
    },
    HeardCounts,
)
TokenNow: Any = shape(
    "TokenNow",
    "An ingest token, or another way to be let in.",
    {"token": str, "sources": list[str]},
    HeardCounts,
)


Now: Any = shape(
    "Now",
    "How the portal stands with each of its senders, and these with their upstream accounts.",
    {
        "at": Instant,
        "sources": Annotated[
            list_of(SourceNow), Meta(description="Who was heard of last comes first.")
        ],
        "more_sources": Annotated[Whole, Meta(description="How many `limit` leaves out.")],
        "tokens": list_of(TokenNow),
        "accounts": Annotated[
            AccountsNow,
            Meta(description="Which upstream credentials there are, and what is used of them."),
        ],
        "more_accounts": Annotated[Whole, Meta(description="How many `limit` leaves out.")],
    },
)
