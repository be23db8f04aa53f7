"""Upstream accounts and their quota windows, in what `/_qs/metrics/now` answers."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from usage.api.shapes.values import Instant, list_of

_Used = Annotated[float | None, Meta(description="0 to 1, and above; null where it is not known.")]


class WindowHour(msgspec.Struct, frozen=True, gc=False):
    """The last that an hour told of a window."""

    hour: Annotated[Instant, Meta(description="When it began.")]
    used_ratio: _Used
    resets_at: Instant | None


class WindowNow(msgspec.Struct, frozen=True, gc=False):
    """A span of time by which the provider limits the account, as it said last."""

    window: Annotated[str, Meta(description="How long it is: 5h, 7d.")]
    used_ratio: _Used
    resets_at: Annotated[
        Instant | None, Meta(description="Null where it was not told; it may have passed.")
    ]
    status: Annotated[str | None, Meta(description="In the provider's word, such as rejected.")]
    seen_at: Annotated[Instant, Meta(description="When the call was completed that told it.")]
    unknown_since: Annotated[
        Instant | None,
        Meta(description="The window was reset then, and nobody has told of it since."),
    ]
    history: Annotated[list[WindowHour], Meta(description="Of seven days, the oldest first.")]


class AccountNow(msgspec.Struct, frozen=True, gc=False):
    """A credential with which a gateway asks a provider."""

    account: Annotated[str, Meta(description="As rows have it.")]
    label: Annotated[
        str | None, Meta(description="What people call it, where that is known and not erased.")
    ]
    source: Annotated[str, Meta(description="Who tells of it.")]
    provider: str | None
    kind: Annotated[str | None, Meta(description="Of credential: oauth, deployment, and others.")]
    windows: Annotated[list[WindowNow], Meta(description="The shortest first.")]


AccountsNow: Any = list_of(AccountNow)
