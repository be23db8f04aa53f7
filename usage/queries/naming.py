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
    names some that count as (other), with these names; with none where it names a pattern.
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
        if DIMENSIONS[dimension].has_patterns and dimension in self.apart:  # patterns, or values
            values = [value.lower() for value in self.wanted.of(dimension)]
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
    for name, values in named.items():
        if name in renamed and (others := _others_of(name, values)):
            apart[name] = others if name in asked else ()
    return Naming(wanted, renamed, asked, apart)


def with_others(wanted: UsageFilter) -> UsageFilter:
    """The same, and (other) where it names what counts so."""
    apart = naming_of(wanted, wanted.dimensions).apart
    return wanted.but({name: (*wanted.of(name), OTHER) for name in apart})


def _others_of(dimension: str, values: tuple[str, ...]) -> tuple[str, ...]:
    """Of what a filter matches, what counts as (other); of a pattern not all."""
    is_matched = dimension_condition(dimension, values, "name")
    others = UsageName.objects.filter(dimension=dimension, counts_from__gt=ALWAYS)
    return tuple(others.filter(is_matched).values_list("name", flat=True)[: len(values)])
