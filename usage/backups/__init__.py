"""Copies of a whole portal on SQLite: made while it runs, restored while it does not.

A *backup* is a SQLite file like the portal's own, so that whatever reads that reads this. Its
*parts* stand in one table more: the manifest, the signing key and the collectors' spools.
"""

from usage.backups.parts import CannotBackUp, Manifest
from usage.backups.restoring import Restored, restore
from usage.backups.writing import back_up, older_ones

__all__ = ["CannotBackUp", "Manifest", "Restored", "back_up", "older_ones", "restore"]
