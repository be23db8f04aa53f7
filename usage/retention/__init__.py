"""What is taken out of old rows or goes with them."""

from usage.retention.erasure import (
    LONGEST_NAME,
    count_sums_of_user,
    erase_sums_of_user,
    erase_user,
    fingerprint_of,
    rows_of_user,
)
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
from usage.retention.key_texts import files_with_keys, redact_texts
from usage.retention.rewriting_rows import (
    Changes,
    Rewritten,
    rewrite_rows,
    row_count,
    rows_to_rewrite,
)
from usage.retention.rewriting_sums import count_sums_to_rewrite, rewrite_sums
from usage.retention.summaries import expired_sums, first_day_kept, remove_expired_sums

__all__ = [
    "LONGEST_AGE",
    "LONGEST_NAME",
    "SHORTEST_AGE",
    "Changes",
    "Expired",
    "Rewritten",
    "add_waiting_rows_to_sums",
    "count_sums_of_user",
    "count_sums_to_rewrite",
    "cutoff_for",
    "erase_sums_of_user",
    "erase_user",
    "expired_rows",
    "expired_sums",
    "files_with_keys",
    "fingerprint_of",
    "first_day_kept",
    "forget_old_posts",
    "forget_old_sources",
    "forget_old_traces",
    "reachable",
    "redact_texts",
    "remove_expired_rows",
    "remove_expired_sums",
    "rewrite_rows",
    "rewrite_sums",
    "row_count",
    "rows_of_user",
    "rows_to_rewrite",
]
