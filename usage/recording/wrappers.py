"""Which calls of a trace count: those that no other span of it tells better.

A *wrapper* is a call that has another below it, whatever lies between: two instrumentors round one
call, or a framework's span that repeats what its calls used. What is below one without usage
itself only repeats that one was asked, as gateways tell of their attempts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from usage.traced import TracedCall


@dataclass(frozen=True)
class CallTree:
    """The calls of a trace: each with the nearest call above it, where there is one."""

    calls: Mapping[bytes, TracedCall]
    above: Mapping[bytes, bytes | None]


def call_tree(calls: Iterable[TracedCall], parents: Mapping[bytes, bytes]) -> CallTree:
    """Ids that are their own ancestors, which only an error makes, are cut loose there."""
    by_span = {call.span: call for call in calls}
    known: dict[bytes, bytes | None] = {}  # of any span, what the nearest call above it is
    above = {span: _nearest(span, by_span, parents, known) for span in by_span}
    _cut_circles(above)
    return CallTree(by_span, above)


def not_counted(tree: CallTree) -> set[bytes]:
    """The spans whose calls another one tells."""
    used = [span for span, call in tree.calls.items() if call.tokens > 0]
    unused = [span for span, call in tree.calls.items() if call.tokens <= 0]
    over_used = _all_above(used, tree)
    over_any = _all_above(unused, tree) | over_used
    telling = {span for span in used if span not in over_used}
    below_telling = _all_below(telling, tree)
    wrapped = {span for span in used if span in over_used}
    return wrapped | {span for span in unused if span in over_any or span in below_telling}


def larger_wrappers(tree: CallTree, hidden: set[bytes]) -> set[bytes]:
    """Those that used more than all calls below them: something else is hidden in them."""
    below = dict.fromkeys(tree.calls, 0)
    for span in _from_the_leaves(tree):
        parent = tree.above[span]
        if parent is not None:
            below[parent] += below[span] if span in hidden else tree.calls[span].tokens
    return {span for span in hidden if tree.calls[span].tokens > below[span] > 0}


def nearest_model(
    span: bytes, parents: Mapping[bytes, bytes], models: Mapping[bytes, str]
) -> str | None:
    """What the nearest span above it that names a model says."""
    seen = {span}
    at = parents.get(span)
    while at is not None and at not in seen:
        if at in models:
            return models[at]
        seen.add(at)
        at = parents.get(at)
    return None


def _nearest(
    span: bytes,
    calls: Mapping[bytes, TracedCall],
    parents: Mapping[bytes, bytes],
    known: dict[bytes, bytes | None],
) -> bytes | None:
    passed: dict[bytes, None] = {}
    at = parents.get(span)
    while at is not None and at not in calls and at not in known and at not in passed:
        passed[at] = None
        at = parents.get(at)
    found = at if at is None or at in calls else known.get(at)
    known.update(dict.fromkeys(passed, found))
    return found


def _cut_circles(above: dict[bytes, bytes | None]) -> None:
    done: set[bytes] = set()
    for start in sorted(above):  # so that the order of arrival decides nothing
        path: dict[bytes, None] = {}
        at: bytes | None = start
        while at is not None and at not in done and at not in path:
            path[at] = None
            at = above[at]
        if at is not None and at in path:
            above[at] = None
        done.update(path)


def _all_above(spans: Iterable[bytes], tree: CallTree) -> set[bytes]:
    found: set[bytes] = set()
    for span in spans:
        at = tree.above[span]
        while at is not None and at not in found:
            found.add(at)
            at = tree.above[at]
    return found


def _all_below(tops: set[bytes], tree: CallTree) -> set[bytes]:
    is_below: dict[bytes, bool] = {}
    for span in reversed(_from_the_leaves(tree)):
        parent = tree.above[span]
        is_below[span] = parent is not None and (parent in tops or is_below[parent])
    return {span for span, below in is_below.items() if below}


def _from_the_leaves(tree: CallTree) -> list[bytes]:
    depths: dict[bytes, int] = {}
    for start in tree.calls:
        path = []
        at: bytes | None = start
        while at is not None and at not in depths:
            path.append(at)
            at = tree.above[at]
        depth = -1 if at is None else depths[at]
        for span in reversed(path):
            depth += 1
            depths[span] = depth
    return sorted(depths, key=lambda span: -depths[span])
