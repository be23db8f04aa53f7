"""What the attributes of a span tell, by field: one walk over them."""

from collections.abc import Mapping
from typing import Any

from usage.intake.otlp import conventions as names
from usage.intake.otlp import loose_names, usage_objects
from usage.intake.token_arithmetic import whole_count

# What languages and frameworks write for nothing; -1 tokens are what nobody told.
_NOTHING = frozenset(("", "none", "None", "NONE", "null", "undefined", "N/A", "n/a", -1))
_ZEROS = frozenset((0, "0"))
_IN_OBJECTS = 2000  # as a rank: behind all names of their own
_ZERO = 10_000  # a figure of none is behind any other
_OBJECTS = frozenset((*names.USAGE_OBJECTS, *names.COST_OBJECTS))
_NO_COUNTS = frozenset(("cost_usd", "ttft_s", "ttft_ms", "request_model"))
_FIGURES = frozenset(("cost_usd", "cache_write_5m", "cache_write_1h", *names.TOKENS))

_ODD = _NOTHING | _ZEROS
_PLACES = {name: (field, rank, field in _FIGURES) for name, (field, rank) in names.PLACES.items()}


class Told(dict[str, Any]):
    """Values by field. `names` has the name of each, where it is a figure."""

    __slots__ = ("_ranks", "names")

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, str] = {}
        self._ranks: dict[str, int] = {}

    def tell(self, field: str, rank: int, value: Any, name: str) -> None:
        """The best rank counts; empty text is none."""
        if value is None or value in _NOTHING:
            return
        if field in _FIGURES and value in _ZEROS:
            rank += _ZERO
        known = self._ranks.get(field)
        if known is None or rank < known:
            self._ranks[field] = rank
            self[field] = value
            if field in _FIGURES:
                self.names[field] = name


def told_by(attributes: Mapping[str, Any]) -> Told:
    found = Told()
    ranks, figures = found._ranks, found.names
    for name, value in attributes.items():
        place = _PLACES.get(name)
        if place is not None:
            field, rank, is_figure = place
            if field in ranks or value in _ODD:
                found.tell(field, rank, value, name)
            else:  # what `tell` does for the first of a field, which nearly all are
                ranks[field] = rank
                found[field] = value
                if is_figure:
                    figures[field] = name
        elif name in _OBJECTS:
            _tell_object(found, name, value)
        elif (loose := loose_names.place_of(name)) is not None:
            _tell_loosely(found, loose, name, value)
    return found


def of_resource(attributes: Mapping[str, Any]) -> Told:
    """Who and where, for spans that do not say so themselves."""
    found = Told()
    for name, value in attributes.items():
        place = names.PLACES.get(name)
        if place is not None and place[0] in names.OF_RESOURCES:
            found.tell(*place, value, name)
    return found


def _tell_loosely(found: Told, place: loose_names.Place, name: str, value: Any) -> None:
    """What is no figure after all tells nothing; an object may hold some."""
    if place[0] != loose_names.OBJECT and _is_figure(place, value):
        found.tell(*place, value, name)
    else:
        _tell_object(found, name, value)


def _tell_object(found: Told, name: str, value: Any) -> None:
    for path, leaf in usage_objects.leaves(value):
        place = _place_within(name, path)
        if place is not None and _is_figure(place, leaf):
            found.tell(*place, leaf, f"{name}.{path}")


def _is_figure(place: loose_names.Place, value: Any) -> bool:
    if place[0] in _NO_COUNTS:
        return isinstance(value, str | int | float)
    return whole_count(value) is not None


def _place_within(name: str, path: str) -> loose_names.Place | None:
    if name in names.COST_OBJECTS:
        return ("cost_usd", _IN_OBJECTS) if path in ("total", "total_cost") else None
    if name in names.METRICS:
        return loose_names.field_of(path.removeprefix("value."), _IN_OBJECTS)
    above = name.rpartition(".")[2]
    if name == names.PROVIDER_METADATA:  # {"anthropic": {"usage": {…}}}
        path = path.partition(".")[2]
    elif "token" in above:  # of input alone, or of output
        path = f"{above}.{path}"
    return loose_names.field_of(f"tokens.{path}", _IN_OBJECTS) if path else None
