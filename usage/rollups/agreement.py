"""What combinations of names count as here, where sums come without rows."""

from collections.abc import Sequence
from typing import Any

from usage.rollups import names
from usage.rollups.name_entries import NEVER


def renamed_here(
    dimensions: Sequence[str], keys: Sequence[tuple[Any, ...]]
) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """What the values of a grouping's dimensions count as here; to be agreed on meanwhile.

    Any time is as good as another: these sums never have to agree with rows.
    """
    columns = zip(*keys, strict=True)
    wanted = {name: dict.fromkeys(values) for name, values in zip(dimensions, columns, strict=True)}
    renaming = names.agree(wanted, 0)
    if renaming is None:
        return {key: key for key in keys}
    return {
        key: tuple(
            renaming.name(dimension, value, NEVER - 1)
            for dimension, value in zip(dimensions, key, strict=True)
        )
        for key in keys
    }
