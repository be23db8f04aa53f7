"""What a record of OTLP's logs becomes, in whichever encoding it came."""

from collections.abc import Iterable, Iterator
from typing import Any

from usage.heard import LOG_RECORD, Heard, source_named
from usage.intake.agents.event import EVENT_NAME, AgentEvent, Value
from usage.intake.agents.readers import is_agent_event, is_name
from usage.records import InvalidRow

Read = AgentEvent | InvalidRow | None  # None where no reader knows the record


def service_of(resource: dict[str, Value]) -> str:
    return str(resource.get("service.name", ""))


def event_of(
    attributes: dict[str, Value], others: Iterable[Any], scope: str, service: str, at_ns: int
) -> AgentEvent | None:
    """By its name, or by `others` that may be one; None where no reader knows it."""
    told = (attributes.get(EVENT_NAME), *others)
    names = tuple(name for name in told if isinstance(name, str) and is_name(name))
    if not is_agent_event(names, scope, service):
        return None
    return AgentEvent(names, scope, at_ns, attributes)


def known(
    read: Iterable[Read], resource: dict[str, Value], heard: Heard
) -> Iterator[AgentEvent | InvalidRow]:
    """Of the records of one resource, with what that says of all."""
    for event in read:
        if event is None:
            heard.pass_over(LOG_RECORD, source_named(service_of(resource)))
            continue
        if isinstance(event, AgentEvent):
            event.told = resource | event.told
        yield event
