"""`manage.py enable_timescaledb`: keeps the rows in chunks of time, the older ones compressed."""

import datetime as dt
from argparse import ArgumentParser
from typing import Any

from usage.database import extensions
from usage.management.durations import parse_age
from usage.management.scaling_command import ScalingCommand
from usage.scaling import timescaledb
from usage.scaling.server import CannotScale
from usage.scaling.steps import Conversion


class Command(ScalingCommand):
    help = "Turn usage_metrics into a hypertable of TimescaleDB, in place. Stop the portals first."
    extension = timescaledb.TIMESCALEDB

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--chunk", metavar="AGE", default="7d", help="time in a chunk (7d)")
        parser.add_argument(
            "--compress-after",
            metavar="AGE",
            default="14d",
            help="compress chunks that are older (14d); at least 7d, for late rows",
        )
        parser.add_argument("--no-compression", action="store_true", help="leave rows as they are")

    def conversion(self, options: dict[str, Any]) -> Conversion:
        chunk = _age("--chunk", options["chunk"], dt.timedelta(hours=1))
        after = _age("--compress-after", options["compress_after"], timescaledb.SOONEST_COMPRESSION)
        if extensions.is_distributed():
            raise CannotScale("Citus distributes the rows already, and does not go with chunks")
        is_compressing = not options["no_compression"]
        if is_compressing and not timescaledb.is_community():
            raise CannotScale(
                "this TimescaleDB is the Apache edition, which cannot compress: install the "
                "community edition, or run this with --no-compression"
            )
        return timescaledb.conversion(chunk, after if is_compressing else None)

    def there_already(self) -> str:
        return "usage_metrics is a hypertable already: nothing to do."

    def afterwards(self) -> str:
        return "From now on `manage.py purge` drops chunks that are wholly past their age."


def _age(option: str, text: str, least: dt.timedelta) -> dt.timedelta:
    try:
        age = parse_age(text)
    except ValueError as error:
        raise CannotScale(f"{option} is {text!r}: {error}") from None
    if not least <= age <= dt.timedelta(days=36_500):
        raise CannotScale(f"{option} is {text!r}: from {_shown(least)} to 36500d makes sense")
    return age


def _shown(age: dt.timedelta) -> str:
    return f"{age.days}d" if age.days else f"{age.seconds // 3600}h"
