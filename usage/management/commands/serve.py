"""`manage.py serve`: migrates, checks, says where everything is, and runs the portal."""

import socket
from argparse import ArgumentParser
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from qsmetrics import __version__
from qsmetrics.setting_types import BindAddress
from usage import demo
from usage.access import first_admin
from usage.database import locks, storage
from usage.database.trouble import DATABASE_TROUBLE, trouble_of
from usage.database.versions import require_known_database
from usage.management import web_server
from usage.management.portal_command import PortalCommand
from usage.management.progress_bar import progress_bar
from usage.management.running_jobs import run_jobs
from usage.models import IngestToken
from usage.queries import records_persisted


class Command(PortalCommand):
    is_refused_by_newer_databases = False  # a little later
    help = "Set the database up and serve the portal until Ctrl-C or SIGTERM."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--demo", action="store_true", help="fill an empty database with 30 days of usage"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            listener = web_server.listen(settings.METRICS_BIND_ADDRESS)
        except web_server.CannotListen as error:
            raise CommandError(str(error)) from None
        database = storage.described()
        with listener:
            try:
                with locks.waited_for(locks.START):  # two would set the database up at once
                    self._prepare(with_demo=options["demo"])
                self._announce(_address(listener))
            except DATABASE_TROUBLE as error:
                raise CommandError(f"{database}: {trouble_of(error)}") from None
            except OSError as error:
                raise CommandError(f"{database}: {error.strerror}: {error.filename}") from None
            web_server.run(listener, beside=partial(run_jobs, "serve", with_parent=True))

    def _prepare(self, *, with_demo: bool) -> None:
        require_known_database()
        call_command("migrate", verbosity=0, interactive=False)
        _require_locks_beyond_loopback()
        admin = first_admin.make_first_admin()
        if admin:
            name, password = admin
            self.stdout.write(
                f"First admin user: {name}, one-time password: {password}\n"
                "(shown this once; the first login asks for a new one)"
            )
        if with_demo:
            self._fill_with_demo()

    def _fill_with_demo(self) -> None:
        if demo.has_usage():
            self.stdout.write("Demo: the database holds usage already, so nothing was added.")
            return
        self.stdout.write("Demo: making 30 days of usage …")
        count = 0
        with progress_bar(self, "rows", lambda: demo.ROWS) as bar:
            for stored in demo.fill():
                count += stored
                bar.update(stored)
        self.stdout.write(f"Demo: {count:,} rows stored.")

    def _announce(self, address: str) -> None:
        self.stdout.write(
            f"qsmetrics {__version__}\n"
            f"  dashboard  http://{address}/\n"
            f"  API docs   http://{address}/_qs/docs\n"
            f"  admin      http://{address}/admin/\n"
            f"  database   {storage.described()}, {records_persisted():,} rows recorded so far"
        )
        if not settings.USAGE_STATISTICS_ENABLED:
            self.stdout.write(
                "  ingest     OFF: METRICS_ENABLED or USAGE_STATISTICS_ENABLED is false"
            )
        for proxy in settings.METRICS_CLIPROXY:
            self.stdout.write(f"  collects   from {proxy.name}: see `manage.py collect --status`")
        self.stdout.write("Stop with Ctrl-C.")
        self.stdout.flush()


def _require_locks_beyond_loopback() -> None:
    """Beyond loopback someone must hold a key, or anyone could read and write."""
    if settings.METRICS_BIND_ADDRESS.is_loopback or settings.METRICS_BASIC_AUTH_USER:
        return
    if not IngestToken.objects.filter(revoked_at=None).exists():
        raise CommandError(
            f"{settings.METRICS_BIND_ADDRESS} is open to other machines, but nothing guards the "
            "portal: set METRICS_BASIC_AUTH_USER and METRICS_BASIC_AUTH_PASS, or make a token "
            "with `manage.py create_ingest_token NAME`, or bind to 127.0.0.1:8081"
        )


def _address(listener: socket.socket) -> str:
    """Where a browser on this machine finds the portal."""
    host, port = listener.getsockname()[:2]
    return str(BindAddress({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port))  # noqa: S104
