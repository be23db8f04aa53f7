"""What CI does at more cost than `make test`: QSMETRICS_TESTS_MUST_RUN says so."""

import os

IS_THOROUGH = bool(os.environ.get("QSMETRICS_TESTS_MUST_RUN"))


def examples(full: int) -> int:
    """How many cases Hypothesis tries of those that CI tries: each run tries others."""
    return full if IS_THOROUGH else max(full // 4, 5)
