"""A person's name goes out of the rows, compressed ones too, and the figures stay."""

import datetime as dt
import io

import pytest
from django.core.management import call_command
from django.db import connection

from tests.factory import NOON, store
from tests.server_engine import engine
from tests.sums import assert_sums_equal_rows
from usage.models import UsageMetric
from usage.pseudonyms import ERASED

pytestmark = pytest.mark.django_db(transaction=True)
JANE, JOHN = "jane@example.com", "john@example.com"
HOUR = dt.timedelta(hours=1)


def test_the_name_goes_out_of_rows_of_all_times(client):
    store(
        *(
            {"timestamp": NOON + n * HOUR, "user": (JANE, JOHN)[n % 2], "event_id": str(n)}
            for n in range(800)
        )
    )
    if engine() == "timescaledb":
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(compress_chunk(c)) FROM show_chunks('usage_metrics') c")
            assert cursor.fetchone()[0] > 1
            # As many would be refused if they counted: each batch has more beside it.
            cursor.execute("SET timescaledb.max_tuples_decompressed_per_dml_transaction = 10")
    asked = client.get("/_qs/metrics").json()
    out = io.StringIO()
    call_command("purge", "--user", JANE, stdout=out)
    assert out.getvalue().startswith("Took the name out of 400 rows in ")
    users = list(UsageMetric.objects.values_list("user", flat=True))
    assert {user: users.count(user) for user in set(users)} == {ERASED: 400, JOHN: 400}
    assert client.get("/_qs/metrics").json() == asked
    assert_sums_equal_rows()
