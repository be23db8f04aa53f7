"""What the ledger is told of spans: as what they are no calls, and which names words told."""

import re

from usage.heard import ANY_SPAN, NO_USAGE, ROUND_ABOUT, TOLD_IN_LOGS, Heard, source_named
from usage.intake.otlp import conventions as names
from usage.intake.otlp import kinds
from usage.intake.otlp.span import Span

_KNOWN_OBJECTS = (*names.USAGE_OBJECTS, *names.COST_OBJECTS)
_MODELS = ("request_model", "response_model")
# A resource's attribute as protobuf and JSON have it: short texts, one length byte before each.
_SERVICES = (
    re.compile(rb"\x0a\x0cservice\.name\x12[\x02-\x7f]\x0a([\x01-\x7f])", re.DOTALL),
    re.compile(rb'"service\.name"\s*,\s*"value"\s*:\s*\{\s*"stringValue"\s*:\s*"([^"\\]{1,255})"'),
)


def service_in(beginning: bytes) -> str:
    """Of what is not read further: the source, as far as it is named near the beginning."""
    if found := _SERVICES[0].search(beginning):
        name = beginning[found.end() : found.end() + found[1][0]]
    elif found := _SERVICES[1].search(beginning):
        name = found[1]
    else:
        return ""
    return source_named(name.decode(errors="replace"))


def source_of_span(span: Span) -> str:
    return source_named(str(span.resource.get("app") or ""))  # a number, even a list


def pass_over(span: Span, heard: Heard, *, is_told_in_logs: bool) -> None:
    if is_told_in_logs:
        what = TOLD_IN_LOGS
    elif kinds.is_one(span.attributes) is False:
        what = ROUND_ABOUT
    elif span.told.keys().isdisjoint(_MODELS):
        what = ANY_SPAN
    else:
        what = NO_USAGE
    heard.pass_over(what, source_of_span(span))


def tell_names(span: Span, heard: Heard) -> None:
    """Those of a call's figures that no alias knows."""
    for name in span.told.names.values():
        if name not in names.PLACES and not name.startswith(_KNOWN_OBJECTS):
            heard.read_by_words(name, source_of_span(span))
