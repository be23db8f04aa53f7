"""A question to `GET /_qs/metrics`, and its answer."""

from typing import Any

from django.test import Client


def ask(client: Client, **query: Any) -> dict[str, Any]:
    answer = client.get("/_qs/metrics", query)
    assert answer.status_code == 200, answer.content
    return answer.json()
