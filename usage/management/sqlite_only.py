"""What commands on the SQLite file say where PostgreSQL keeps the data."""

from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection


def database_file() -> Path:
    """With its links followed. Never call it for PostgreSQL."""
    return Path(str(connection.settings_dict["NAME"])).resolve()


def has_own_key(folder: Path) -> bool:
    """Whether the key in the folder is the one in use; else settings give another."""
    path = folder / "secret_key"
    return path.is_file() and path.read_text(encoding="ascii").strip() == settings.SECRET_KEY


def refuse_postgresql(program: str) -> None:
    """CommandError with the line of PostgreSQL's own `program`."""
    if connection.vendor == "sqlite":
        return
    given = connection.settings_dict
    host = f" --host={given['HOST']}" if given["HOST"] else ""
    port = f" --port={given['PORT']}" if given["PORT"] else ""
    user = f" --username={given['USER']}" if given["USER"] else ""
    what = {
        "pg_dump": f"--format=custom --file=metrics.dump {given['NAME']}",
        "pg_restore": f"--clean --if-exists --no-owner --dbname={given['NAME']} metrics.dump",
    }[program]
    folder = Path(settings.METRICS_STORAGE_PATH).parent
    raise CommandError(
        f"the data is in PostgreSQL, which has a program for this:\n"
        f"  {program}{host}{port}{user} {what}\n"
        f"SECRET_KEY, or {folder / 'secret_key'}, and {folder / 'collector'} go with it."
    )
