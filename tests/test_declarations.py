"""What sums are made of is declared once: tables, filters and tuples of sums follow from it."""

import msgspec
import pytest

from usage.asking.parameters import FILTERS, ROW_FILTERS
from usage.models import UsageMetric, UsageRollup, UsageSeries
from usage.rollups.aggregation import COLUMNS, aggregate
from usage.rollups.declarations import (
    DIMENSIONS,
    GROUPINGS,
    OPTIONAL,
    ROLLUPS,
    SERIES_DIMENSIONS,
    SUMMED,
)
from usage.rollups.measures import MEASURE_COLUMNS, MEASURES, Figures, unshifted


def names_of(model) -> list[str]:
    return [field.name for field in model._meta.concrete_fields]


def test_every_measure_is_a_column_of_the_sums_in_the_order_of_figures():
    _, *columns = names_of(UsageRollup)  # without the key's own three
    assert columns[2:] == list(MEASURE_COLUMNS)
    assert [measure.figure for measure in MEASURES] == list(Figures.__struct_fields__)


def test_what_is_summed_up_is_a_column_of_rows():
    assert set(COLUMNS) < set(names_of(UsageMetric))
    assert set(DIMENSIONS) < set(names_of(UsageMetric))


def test_every_dimension_of_a_grouping_is_declared_and_a_column_of_series():
    told_apart = {name for grouping in GROUPINGS for name in grouping.dimensions}
    assert told_apart == set(SUMMED) == set(SERIES_DIMENSIONS) <= set(DIMENSIONS)
    assert set(SERIES_DIMENSIONS) < set(names_of(UsageSeries))


def test_figures_can_be_asked_by_what_sums_tell_apart_and_rows_by_every_dimension():
    assert ("from", "to", "range", *SUMMED) == FILTERS
    assert ("from", "to", "range", *DIMENSIONS) == ROW_FILTERS


@pytest.mark.parametrize("shift", [0, 32])
def test_only_tokens_are_in_the_unit_of_the_shift(shift):
    sums = tuple(float(place) if "_sum" in name else place + 1
                 for place, name in enumerate(MEASURE_COLUMNS))  # fmt: skip
    figures = msgspec.structs.asdict(Figures(*unshifted(sums, shift)))
    plain = msgspec.structs.asdict(Figures(*sums))
    assert figures == {
        name: value << shift if name.endswith("tokens") else value for name, value in plain.items()
    }


def test_no_rows_add_nothing():
    assert aggregate([], None).rollups == []


def test_each_rollup_of_a_batch_adds_all_of_its_rows():
    row = dict.fromkeys(COLUMNS) | {"model": "m", "status": "500", "total_tokens": 3,
                                    "prompt_tokens": 2, "completion_tokens": 1}  # fmt: skip
    row |= dict.fromkeys(OPTIONAL, "n")
    made = aggregate([(at, tuple(row.values())) for at in (0, 899, 900)], None)
    assert {rollup for rollup, _, _ in made.rollups} == set(ROLLUPS)
    for _, shift, groups in made.rollups:
        totals = sum((Figures(*sums) for sums in groups.values()), Figures())
        assert (shift, totals.requests, totals.failed_requests, totals.tokens) == (0, 3, 3, 9)
