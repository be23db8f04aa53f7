"""`manage.py collect`: drains the usage queues of CLIProxyAPI proxies into the portal."""

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from usage.collecting import Collectors
from usage.management.portal_command import PortalCommand
from usage.models import CollectorState
from usage.recording import unwritten

_DONE_WITHIN = 20.0  # seconds
_COLUMNS = ("name", "state", "way", "records", "duplicates", "broken", "spooled", "last_record_at")


class Command(PortalCommand):
    help = "Collect the usage of CLIProxyAPI proxies until Ctrl-C; `serve` does it by itself."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--status", action="store_true", help="say how each collection stands, and end"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["status"]:
            self._tell()
            return
        proxies = settings.METRICS_CLIPROXY
        if not proxies:
            raise CommandError(
                "there is nothing to collect from: set METRICS_CLIPROXY_URL to the proxy's "
                "address, such as http://127.0.0.1:8317, and METRICS_CLIPROXY_KEY to its "
                "management key"
            )
        collectors = Collectors(proxies)
        ends = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: ends.set())
        signal.signal(signal.SIGINT, lambda *_: ends.set())
        names = ", ".join(proxy.name for proxy in proxies)
        self.stdout.write(f"Collecting from {names}. Stop with Ctrl-C.")
        self.stdout.flush()
        unwritten.write_in_background()
        collectors.start()
        while collectors.are_running() and not ends.wait(0.5):
            pass
        collectors.stop(_DONE_WITHIN)
        unwritten.write_last()
        if not ends.is_set():
            self._tell()
            raise CommandError("no proxy can be collected from: see the errors above")

    def _tell(self) -> None:
        rows = list(CollectorState.objects.all())
        if not rows:
            self.stdout.write("Nothing has been collected from any proxy yet.")
            return
        table = [_COLUMNS, *(tuple(_text(getattr(row, name)) for name in _COLUMNS) for row in rows)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for line in table:
            cells = (text.ljust(width) for text, width in zip(line, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())
        for row in rows:
            if row.error:
                self.stdout.write(f"{row.name}: {row.error}")
            if row.possible_losses:
                count = "once" if row.possible_losses == 1 else f"{row.possible_losses} times"
                self.stdout.write(f"{row.name}: possible loss {count}, the last {row.last_loss}")


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:%Y-%m-%d %H:%M:%S}" if hasattr(value, "strftime") else str(value) or "-"
