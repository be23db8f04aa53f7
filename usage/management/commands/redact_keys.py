"""`manage.py redact_keys`: takes API keys out of what older versions have stored."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

from usage import live_keys, retention
from usage.management.rewriting_command import RewritingCommand


class Command(RewritingCommand):
    help = (
        "Take API keys in clear out of rows, sums and the small tables: in the place of each "
        "stands `sk-…` and eight letters of its SHA-256. New rows are stored without keys anyhow."
    )
    name = "redact_keys"
    what = "API keys in clear"
    taken = "keys"
    none = "no key in clear is stored"

    def changes(self) -> retention.Changes:
        return live_keys.changes

    def in_small_tables(self, *, is_dry: bool) -> Iterator[str]:
        return retention.redact_texts(is_dry=is_dry)

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        for path in retention.files_with_keys(Path(settings.METRICS_STORAGE_PATH).parent):
            self.stdout.write(f"{path} holds keys, too: delete it.")
