"""Parts beside the whole or within it: what the figures tell, then what the sender is known for."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage.incoming_row import MOST_TOKENS
from usage.intake.token_arithmetic import (
    AS_TOLD,
    CACHE_BESIDE,
    REASONING_BESIDE,
    WITHIN,
    Convention,
    Counted,
    row_tokens,
    whole_count,
)

ALL_BESIDE = Convention(is_cache_beside=True, is_reasoning_beside=True)
# input, output, total, read, written, reasoning; how the sender counts; the row's six figures.
TABLE: dict[str, tuple[tuple[int | None, ...], Convention, tuple[int, ...]]] = {
    "no parts": ((7, 3, None, None, None, None), WITHIN, (7, 3, 10, 0, 0, 0)),
    "a total with more in it": ((7, 3, 11, None, None, None), WITHIN, (7, 3, 11, 0, 0, 0)),
    "a total too small": ((7, 3, 5, None, None, None), WITHIN, (7, 3, 10, 0, 0, 0)),
    "within, as OpenTelemetry says": (
        (100, 20, None, 60, 30, 5), WITHIN, (100, 20, 120, 60, 30, 5),
    ),
    "a total of input and output": ((100, 20, 120, 60, 30, 5), WITHIN, (100, 20, 120, 60, 30, 5)),
    "more cache than input": (
        (12, 450, None, 18000, 2500, 0), WITHIN, (20512, 450, 20962, 18000, 2500, 0),
    ),
    "read and written together more than input": (
        (100, 5, None, 60, 60, 0), WITHIN, (220, 5, 225, 60, 60, 0),
    ),
    "more cache than input, though the total leaves it out": (
        (7, 445, 452, 16399, 2089, 0), WITHIN, (18495, 445, 18940, 16399, 2089, 0),
    ),
    "more reasoning than output": ((10, 5, None, 0, 0, 50), WITHIN, (10, 55, 65, 0, 0, 50)),
    "a total with the cache": ((100, 20, 210, 60, 30, 5), WITHIN, (190, 20, 210, 60, 30, 5)),
    "a total with the reasoning": (
        (555, 190, 1802, 316, 0, 1057), WITHIN, (555, 1247, 1802, 316, 0, 1057),
    ),
    "a total with reasoning that is less than output": (
        (100, 50, 160, 40, 0, 10), WITHIN, (100, 60, 160, 40, 0, 10),
    ),
    "a total with both": (
        (12, 330, 20962, 18000, 2500, 120), WITHIN, (20512, 450, 20962, 18000, 2500, 120),
    ),
    "a total with what was written alone": (
        (100, 20, 150, 60, 30, 0), WITHIN, (130, 20, 150, 60, 30, 0),
    ),
    "a total that two readings fit": (
        (100, 20, 130, 10, 0, 10), WITHIN, (100, 20, 130, 10, 0, 10),
    ),
    "two readings, one of them the sender's": (
        (100, 20, 130, 10, 0, 10), REASONING_BESIDE, (100, 30, 130, 10, 0, 10),
    ),
    "a sender that counts beside": (
        (100, 20, None, 60, 30, 5), CACHE_BESIDE, (190, 20, 210, 60, 30, 5),
    ),
    "a sender that adds up input and output": (
        (100, 20, 120, 60, 30, 5), CACHE_BESIDE, (190, 20, 210, 60, 30, 5),
    ),
    "a sender that counts beside, its total another": (
        (100, 20, 120, 60, 30, 5), ALL_BESIDE, (100, 20, 120, 60, 30, 5),
    ),
    "a sender of thoughts beside": ((10, 20, 0, 0, 0, 5), REASONING_BESIDE, (10, 25, 35, 0, 0, 5)),
    "thoughts beside, and tools in the total": (
        (10, 20, 50, 0, 0, 5), REASONING_BESIDE, (10, 25, 50, 0, 0, 5),
    ),
    "thoughts that the total has no room for": (
        (10, 20, 32, 0, 0, 5), REASONING_BESIDE, (10, 20, 32, 0, 0, 5),
    ),
    "a sender whose total adds up everything": (
        (100, 20, 163, 40, 0, 3), AS_TOLD, (100, 20, 163, 40, 0, 3),
    ),
    "no input told": ((None, 5, 25, None, None, None), WITHIN, (20, 5, 25, 0, 0, 0)),
    "no output told": ((20, None, 25, None, None, None), WITHIN, (20, 5, 25, 0, 0, 0)),
    "no output told, much cache": ((2, None, 25, 20, 0, 0), WITHIN, (22, 3, 25, 20, 0, 0)),
    "a total alone": ((None, None, 25, None, None, None), WITHIN, (0, 0, 25, 0, 0, 0)),
    "cache alone": ((None, None, None, 9, 1, None), WITHIN, (10, 0, 10, 9, 1, 0)),
    "nothing": ((None,) * 6, WITHIN, (0,) * 6),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_figures_become_a_row(name: str):
    told, convention, expected = TABLE[name]
    assert tuple(row_tokens(Counted(*told), convention).values()) == expected


COUNTS = st.one_of(st.none(), st.integers(0, 12), st.integers(0, MOST_TOKENS))
CONVENTIONS = st.builds(Convention, st.booleans(), st.booleans(), st.booleans())


@given(st.builds(Counted, *[COUNTS] * 6), CONVENTIONS)
def test_no_row_has_parts_above_its_whole_whatever_was_told(counted: Counted, convention: Any):
    row = row_tokens(counted, convention)
    assert all(0 <= value <= MOST_TOKENS for value in row.values())
    assert row["cached_tokens"] + row["cache_write_tokens"] <= row["prompt_tokens"]
    assert row["reasoning_tokens"] <= row["completion_tokens"]
    whole = row["prompt_tokens"] + row["completion_tokens"]
    assert row["total_tokens"] == min(max(whole, counted.total or 0), MOST_TOKENS)
    assert row["prompt_tokens"] >= (counted.input or 0)
    assert row["completion_tokens"] >= (counted.output or 0)


SMALL = st.integers(0, 1000)


@given(SMALL, SMALL, SMALL, SMALL, SMALL, CONVENTIONS)
def test_a_provider_s_total_is_kept_for_every_way_to_count(
    uncached: int, read: int, written: int, said: int, thought: int, convention: Any
):
    """With a total that tells, both ways to count the same call make the same row."""
    total = uncached + read + written + said + thought
    whole = Counted(uncached + read + written, said + thought, total, read, written, thought)
    expected = (uncached + read + written, said + thought, total, read, written, thought)
    telling = convention._replace(is_total_telling=True)
    assert tuple(row_tokens(whole, telling).values()) == expected
    buckets = Counted(uncached, said, total, read, written, thought)
    found = row_tokens(buckets, ALL_BESIDE)
    assert tuple(found.values()) == expected


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (12, 12), ("12", 12), (12.0, 12), (0, 0), ("0", 0), (12.5, None), (-1, None), (True, None),
        ("-1", None), ("twelve", None), ("", None), (None, None), (float("nan"), None),
        (float("inf"), None), (MOST_TOKENS, MOST_TOKENS), (MOST_TOKENS + 1, None), ("9" * 25, None),
        ({}, None), ([], None), ("²", None),
    ],
)  # fmt: skip
def test_a_count_is_known_in_every_way_to_write_one(value: Any, count: int | None):
    assert whole_count(value) == count
