"""The progress bar of long work, on a terminal alone."""

from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand
from tqdm import tqdm


def progress_bar(
    command: BaseCommand, unit: str, total: Callable[[], int | None] | None = None
) -> "tqdm[Any]":
    """A bar that counts `unit`s. `total` may cost a count of rows, so nobody asks it unwatched."""
    is_watched = command.stderr.isatty()
    return tqdm(
        total=total() if total is not None and is_watched else None,
        unit=unit if unit == "B" else f" {unit}",
        unit_scale=True,
        disable=not is_watched,
    )
