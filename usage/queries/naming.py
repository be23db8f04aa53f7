"""Names that count as (other), as questions meet them: shown in parts, and asked for by filters.

Sums and rows are told apart by the same table. A filter that names what counts as (other) gets
the rows of it, beside the sums of all else that it names.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from usage.asking.filters import UsageFilter
from usage.database import times
from usage.database.joins import Sql
from usage.models import UsageName, dimension_condition
from usage.rollups.aggregation import OTHER
from usage.rollups.declarations import DIMENSIONS, quoted
from usage.rollups.name_entries import ALWAYS

MOST_ROWS_OF_OTHERS = 50_000


@dataclass(frozen=True)
class Naming:
    """How the rows of one question are counted.

    `renamed` are the dimensions of which some names count as (other), `asked` those whose values
    are shown as they are, since the question names them, and `apart` those of which the question
    names some that count as (other), to have them or to leave them out. They come with the names
    that it asks for; with none where it asks for a pattern, or for all but some.
    """

    wanted: UsageFilter
    renamed: Collection[str]
    asked: Collection[str]
    apart: Mapping[str, tuple[str, ...]]

    def shown(self, dimension: str) -> Sql:
        """SQL for what a row of `found` counts as, with `moment` and the joins beside it."""
        column = quoted(dimension)
        if dimension not in self.renamed or dimension in self.asked:
            return column, []
        is_itself, values = f"{dimension}_name.id IS NULL", []
        asked = self.wanted.of(dimension)
        if asked and DIMENSIONS[dimension].has_patterns and dimension in self.apart:
            values = [value.lower() for value in asked]  # patterns, or values
            is_itself = f"{is_itself} OR {column} IN ({', '.join(['%s'] * len(values))})"
        return f"CASE WHEN {is_itself} THEN {column} ELSE '{OTHER}' END", values

    def joins(self, dimensions: Collection[str]) -> str:
        """What `shown` needs behind FROM found."""
        return " ".join(
            f"LEFT JOIN usage_names AS {name}_name ON {name}_name.dimension = '{name}'"
            f" AND {name}_name.name = found.{quoted(name)}"
            f" AND {name}_name.counts_from > found.moment"
            for name in sorted(set(dimensions) & set(self.renamed) - set(self.asked))
        )

    @property
    def wanted_of_sums(self) -> UsageFilter:
        """The filter, without what counts as (other) where not all that counts so is wanted."""
        return self.wanted.without(
            {name: (OTHER,) for name in self.apart if _are_others_wanted(self.wanted, name)}
        )

    @property
    def wanted_of_others(self) -> UsageFilter:
        """The filter, without names that need not be looked for among what counts as (other)."""
        if len(self.apart) > 1:
            return self.wanted
        return self.wanted.but({name: some for name, some in self.apart.items() if some})

    @property
    def is_other(self) -> str:
        """SQL: whether a row of usage_metrics counts as (other) where the question names it."""
        moment = times.unix_seconds("usage_metrics.timestamp")
        each = (
            f"EXISTS (SELECT 1 FROM usage_names WHERE usage_names.dimension = '{name}'"
            f" AND usage_names.name = usage_metrics.{quoted(name)}"
            f" AND usage_names.counts_from > {moment})"
            for name in sorted(self.apart)
        )
        return f"({' OR '.join(each)})"


def naming_of(wanted: UsageFilter, renamed: Collection[str]) -> Naming:
    """`renamed` are the dimensions of which some names count as (other)."""
    named = {name: values for name, values in wanted.values.items() if OTHER not in values}
    asked = {name for name in named if not DIMENSIONS[name].has_patterns}
    apart = {}
    for name in sorted(wanted.dimensions & set(renamed)):
        if others := _others_of(name, _told_apart(wanted, name)):
            apart[name] = others if name in asked else ()
    return Naming(wanted, renamed, asked, apart)


def with_others(wanted: UsageFilter) -> UsageFilter:
    """The same, and (other) where it names what counts so."""
    apart = naming_of(wanted, wanted.dimensions).apart
    return wanted.but({name: (*some, OTHER) for name in apart if (some := wanted.of(name))})


def _are_others_wanted(wanted: UsageFilter, dimension: str) -> bool:
    """Whether what counts as (other) is asked for, but for names that are left out."""
    values = wanted.of(dimension)
    return (not values or OTHER in values) and OTHER not in wanted.not_of(dimension)


def _told_apart(wanted: UsageFilter, dimension: str) -> tuple[str, ...]:
    """What a filter names of a dimension other than all or nothing of what counts as (other)."""
    if OTHER in wanted.not_of(dimension):
        return ()
    is_so = _are_others_wanted(wanted, dimension)
    return wanted.not_of(dimension) if is_so else wanted.of(dimension)


def _others_of(dimension: str, values: tuple[str, ...]) -> tuple[str, ...]:
    """Of what a filter matches, what counts as (other); of a pattern not all."""
    if not values:
        return ()
    is_matched = dimension_condition(dimension, values, "name")
    others = UsageName.objects.filter(dimension=dimension, counts_from__gt=ALWAYS)
    return tuple(others.filter(is_matched).values_list("name", flat=True)[: len(values)])
