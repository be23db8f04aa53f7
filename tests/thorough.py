"""What CI does at more cost than `make test`: QSMETRICS_TESTS_MUST_RUN says so."""

import os
import random
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")
IS_THOROUGH = bool(os.environ.get("QSMETRICS_TESTS_MUST_RUN"))


def examples(full: int) -> int:
    """How many cases Hypothesis tries of those that CI tries: each run tries others."""
    return full if IS_THOROUGH else max(full // 4, 5)


def some(cases: Iterable[T], least: int = 5) -> list[T]:
    """Of the cases that one test goes through: all in CI, else a quarter, others in each run."""
    listed = list(cases)
    count = min(len(listed), max(len(listed) // 4, least))
    return listed if IS_THOROUGH else random.sample(listed, count)
