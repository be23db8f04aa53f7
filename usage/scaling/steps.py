"""A conversion as a list of SQL statements, each with its reason: shown, or carried out."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.db import connection, transaction


@dataclass(frozen=True)
class Statement:
    why: str
    sql: str


@dataclass(frozen=True)
class Conversion:
    """Steps that stand for themselves, and after them those of one transaction."""

    alone: tuple[Statement, ...] = ()
    together: tuple[Statement, ...] = ()

    @property
    def steps(self) -> tuple[Statement, ...]:
        return (*self.alone, *self.together)

    def script(self) -> str:
        """The same for psql."""
        parts = [*map(_written, self.alone)]
        if self.together:
            parts += ["BEGIN;", *map(_written, self.together), "COMMIT;"]
        return "\n".join(parts)


def carry_out(conversion: Conversion, tell: Callable[[str], object]) -> None:
    """Run the statements and `tell` the reason of each before it begins."""
    _run(conversion.alone, tell)
    with transaction.atomic():
        _run(conversion.together, tell)


def _run(steps: Iterable[Statement], tell: Callable[[str], object]) -> None:
    for step in steps:
        tell(step.why)
        with connection.cursor() as cursor:
            cursor.execute(step.sql)


def _written(step: Statement) -> str:
    return f"-- {step.why}\n{step.sql};"
