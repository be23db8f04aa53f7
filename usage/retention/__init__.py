"""What is taken out of old rows or goes with them."""

from usage.retention.erasure import LONGEST_NAME, erase_user, fingerprint_of, rows_of_user
from usage.retention.expiry import (
    LONGEST_AGE,
    SHORTEST_AGE,
    Expired,
    add_waiting_rows_to_sums,
    cutoff_for,
    expired_rows,
    forget_old_posts,
    forget_old_sources,
    forget_old_traces,
    reachable,
    remove_expired_rows,
)
from usage.retention.key_rows import KeyRows, find_key_rows, redact_rows, row_count
from usage.retention.key_sums import count_key_sums, redact_sums
from usage.retention.key_texts import files_with_keys, redact_texts
from usage.retention.summaries import expired_sums, first_day_kept, remove_expired_sums

__all__ = [
    "LONGEST_AGE",
    "LONGEST_NAME",
    "SHORTEST_AGE",
    "Expired",
    "KeyRows",
    "add_waiting_rows_to_sums",
    "count_key_sums",
    "cutoff_for",
    "erase_user",
    "expired_rows",
    "expired_sums",
    "files_with_keys",
    "find_key_rows",
    "fingerprint_of",
    "first_day_kept",
    "forget_old_posts",
    "forget_old_sources",
    "forget_old_traces",
    "reachable",
    "redact_rows",
    "redact_sums",
    "redact_texts",
    "remove_expired_rows",
    "remove_expired_sums",
    "row_count",
    "rows_of_user",
]
