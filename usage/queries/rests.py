"""Parts that no sums hold: what all requests have more than those with a name."""

from collections.abc import Collection, Mapping

from usage.queries.basis import Bases
from usage.queries.figures import By
from usage.rollups.measures import Figures

ByNames = dict[tuple[str, ...], Figures]  # of parts


def rests(bases: Bases, group_by: Collection[By]) -> dict[By, By]:
    """By what kinds of parts that may not be all, the kind by which all of them are told."""
    return {by: _whole_in(bases, by) for by in group_by if not bases.is_whole(by)}


def with_rest(
    parts: ByNames, by: By, whole_parts: Mapping[tuple[str, ...], Figures], whole: By
) -> ByNames:
    """The parts, and in those without a name what the whole ones have besides."""
    places = [by.index(name) for name in whole]
    left = dict(whole_parts)
    for names, figures in parts.items():
        of = tuple(names[place] for place in places)
        left[of] = figures.left_of(left.get(of, Figures()))
    found = dict(parts)
    for of, rest in left.items():
        if rest.requests:
            told = dict(zip(whole, of, strict=True))
            names = tuple(told.get(name, "") for name in by)
            found[names] = found.get(names, Figures()) + rest
    return found


def _whole_in(bases: Bases, by: By) -> By:
    if len(by) > 1:
        for name in by:
            if bases.is_whole([name]):
                return (name,)
    return ()
