"""What commands on the SQLite file say where PostgreSQL keeps the data."""

from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection

from usage.database import storage


def has_own_key(folder: Path) -> bool:
    """Whether the key in the folder is the one in use; else settings give another."""
    path = folder / "secret_key"
    return path.is_file() and path.read_text(encoding="ascii").strip() == settings.SECRET_KEY


def own_file(instead: str) -> Path:
    """The database's; else CommandError with the line of PostgreSQL's own program `instead`."""
    if (file := storage.file()) is not None:
        return file
    given = connection.settings_dict
    host = f" --host={given['HOST']}" if given["HOST"] else ""
    port = f" --port={given['PORT']}" if given["PORT"] else ""
    user = f" --username={given['USER']}" if given["USER"] else ""
    what = {
        "pg_dump": f"--format=custom --file=metrics.dump {given['NAME']}",
        "pg_restore": f"--clean --if-exists --no-owner --dbname={given['NAME']} metrics.dump",
    }[instead]
    folder = Path(settings.METRICS_STORAGE_PATH).parent
    raise CommandError(
        f"the data is in PostgreSQL, which has a program for this:\n"
        f"  {instead}{host}{port}{user} {what}\n"
        f"SECRET_KEY, or {folder / 'secret_key'}, and {folder / 'collector'} go with it."
    )
