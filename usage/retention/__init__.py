"""What purge removes, and how the space comes back, while ingest goes on."""

from usage.retention.expiry import (
    LONGEST_AGE,
    SHORTEST_AGE,
    Expired,
    cutoff_for,
    expired_rows,
    forget_old_posts,
    remove_expired_rows,
)
from usage.retention.space import file_bytes, give_back_space

__all__ = [
    "LONGEST_AGE",
    "SHORTEST_AGE",
    "Expired",
    "cutoff_for",
    "expired_rows",
    "file_bytes",
    "forget_old_posts",
    "give_back_space",
    "remove_expired_rows",
]
