"""What purge removes, and how the space comes back, while ingest goes on."""

from usage.retention.erasure import LONGEST_NAME, erase_user, fingerprint, rows_of
from usage.retention.expiry import (
    LONGEST_AGE,
    SHORTEST_AGE,
    Expired,
    add_waiting_rows_to_sums,
    cutoff_for,
    expired_rows,
    forget_old_posts,
    reachable,
    remove_expired_rows,
)
from usage.retention.space import file_bytes, give_back_space
from usage.retention.summaries import expired_sums, first_day_kept, remove_expired_sums

__all__ = [
    "LONGEST_AGE",
    "LONGEST_NAME",
    "SHORTEST_AGE",
    "Expired",
    "add_waiting_rows_to_sums",
    "cutoff_for",
    "erase_user",
    "expired_rows",
    "expired_sums",
    "file_bytes",
    "fingerprint",
    "first_day_kept",
    "forget_old_posts",
    "give_back_space",
    "reachable",
    "remove_expired_rows",
    "remove_expired_sums",
    "rows_of",
]
