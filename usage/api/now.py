"""`GET /_qs/metrics/now`: what comes of each sender, and what does not; and upstream accounts."""

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from usage.api.account_answers import answer_of
from usage.api.errors import json_answer
from usage.api.negotiation import RefusesOtherData
from usage.api.questions import NOW_QUESTION, SOURCES
from usage.api.schema import NOW
from usage.api.shapes.senders_now import Now, SourceNow, TokenNow
from usage.asking import parameters
from usage.asking.declared import parameter_names
from usage.queries import accounts_at
from usage.queries.source_report import HeardOf, heard_of


class NowView(APIView):
    content_negotiation_class = RefusesOtherData

    @NOW
    def get(self, request: Request) -> HttpResponse:
        query = request.query_params
        parameters.refuse_unknown(query, parameter_names(NOW_QUESTION))
        most = SOURCES.of(query)
        found = heard_of()
        accounts = accounts_at(found.at)
        return json_answer(
            Now(
                at=found.at,
                sources=[_source(each) for each in found.sources[:most]],
                more_sources=max(0, len(found.sources) - most),
                tokens=[_token(each) for each in found.writers[:most]],
                accounts=list(map(answer_of, accounts[:most])),
                more_accounts=max(0, len(accounts) - most),
            )
        )


def _source(found: HeardOf) -> Any:
    return SourceNow(
        source=found.name, tokens=sorted(found.others), advice=found.advice, **_counts(found)
    )


def _token(found: HeardOf) -> Any:
    return TokenNow(token=found.name, sources=sorted(found.others), **_counts(found))


def _counts(found: HeardOf) -> dict[str, Any]:
    return {
        "first_seen": found.since,
        "last_seen": found.last_at,
        "last_row": found.last_row_at,
        "rows": found.rows,
        "rows_last_5_minutes": found.rows_5_minutes,
        "rows_last_60_minutes": found.rows_60_minutes,
        "duplicates": found.duplicates,
        "calls_without_usage": found.without_usage,
        "wrappers_of_less": found.wrappers_of_less,
        "names_read_by_words": found.by_words,
        "passed_over": found.passed_over,
        "rejected": found.rejected,
        "refused": found.refused,
    }
