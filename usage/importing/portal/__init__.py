"""Moving a whole portal: rows, sums of purged rows, tokens, users, from its SQLite file."""

from usage.importing.portal.move import Move, MoveTally

__all__ = ["Move", "MoveTally"]
