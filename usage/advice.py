"""What to switch on where a source sends only what is passed over."""

from collections.abc import Collection


def advice_for(source: str, passed_over: Collection[str]) -> str | None:
    """A sentence for a source that never sent a row, by what was passed over of it."""
    return None
