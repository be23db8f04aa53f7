"""`manage.py enable_citus`: spreads rows and sums over the nodes of a Citus cluster."""

from argparse import ArgumentParser
from typing import Any

from usage.database import extensions
from usage.management.scaling_command import ScalingCommand
from usage.scaling import citus
from usage.scaling.server import CannotScale
from usage.scaling.steps import Conversion

_MOST_SHARDS = 1_000


class Command(ScalingCommand):
    help = "Distribute the tables over the nodes of a Citus cluster. Stop the portals first."
    extension = citus.CITUS

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--shards", metavar="N", type=int, help="of each table; default: 2 for each node"
        )

    def conversion(self, options: dict[str, Any]) -> Conversion:
        shards = options["shards"]
        if shards is not None and not 1 <= shards <= _MOST_SHARDS:
            raise CannotScale(f"--shards is {shards}: from 1 to {_MOST_SHARDS} makes sense")
        if extensions.is_hypertable():
            raise CannotScale("TimescaleDB keeps the rows in chunks, which Citus cannot distribute")
        return citus.conversion(shards)

    def there_already(self) -> str:
        return "usage_metrics is distributed already: nothing to do."

    def afterwards(self) -> str:
        return f"\n{citus.ADVICE}"
