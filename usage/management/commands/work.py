"""`manage.py work`: runs the background jobs, where no `serve` does it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from usage.database import job_lock
from usage.jobs import JOBS, Runner
from usage.management.portal_command import PortalCommand
from usage.management.running_jobs import run_jobs
from usage.rollups import unsummed

_MOST_COUNTED = 1_000_000


class Command(PortalCommand):
    help = "Run the background jobs until Ctrl-C or SIGTERM; `serve` does it by itself."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--once", action="store_true", help="do what is due, and end: for cron")
        how.add_argument(
            "--status", action="store_true", help="say who runs which jobs, and what waits"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["status"]:
            self._tell()
        elif options["once"]:
            self._once()
        else:
            holder = job_lock.holder()
            if holder is not None:
                self.stdout.write(f"{_described(holder)}. This takes over when that ends.")
            self.stdout.write("Running the background jobs. Stop with Ctrl-C.")
            self.stdout.flush()
            run_jobs("work")

    def _once(self) -> None:
        try:
            is_done = Runner(JOBS, "work").run_once()
        except OSError as error:
            raise CommandError(f"{error.strerror}: {error.filename}") from None
        if is_done:
            self.stdout.write("All that was due is done.")
        else:
            self.stdout.write(f"{_described(job_lock.holder())}, so nothing was left to do.")

    def _tell(self) -> None:
        holder = job_lock.holder()
        self.stdout.write(f"{_described(holder) if holder else 'Nobody runs the jobs'}:")
        for job in JOBS:
            self.stdout.write(f"  {job.name}: {job.about}, every {job.every_seconds:g} s")
        waiting = unsummed.waiting(_MOST_COUNTED)
        since = f", the first since {waiting.since:%Y-%m-%d %H:%M:%S} UTC" if waiting.since else ""
        more = " or more" if waiting.rows == _MOST_COUNTED else ""
        self.stdout.write(f"Rows that wait for the sums: {waiting.rows:,}{more}{since}.")


def _described(holder: job_lock.Holder | None) -> str:
    """Such as `serve (process 4711 on alpha, since 2024-01-15 10:00:00 UTC) runs the jobs`."""
    if holder is None or holder.program is None:
        return "Another program runs the jobs"
    since = f", since {holder.since:%Y-%m-%d %H:%M:%S} UTC" if holder.since else ""
    return f"`{holder.program}` (process {holder.process} on {holder.host}{since}) runs the jobs"
