"""Which calls of a trace count, whatever the order and the spans between: the rule by itself."""

from hypothesis import given
from hypothesis import strategies as st

from usage.recording.wrappers import call_tree, larger_wrappers, nearest_model, not_counted
from usage.traced import TracedCall, TracePart, id_of_span

SPANS = [bytes([n]) * 8 for n in range(12)]


def call(span: bytes, tokens: int) -> TracedCall:
    return TracedCall(span, 0, span[0], tokens)


def judged(parents: dict[int, int], tokens: dict[int, int]) -> set[int]:
    """By numbers: who is whose parent, and what calls used."""
    edges = {SPANS[child]: SPANS[parent] for child, parent in parents.items()}
    tree = call_tree([call(SPANS[n], used) for n, used in tokens.items()], edges)
    return {span[0] for span in not_counted(tree)}


def test_a_call_above_a_call_is_a_wrapper_whatever_lies_between():
    assert judged({1: 0}, {0: 5, 1: 5}) == {0}
    assert judged({3: 2, 2: 1, 1: 0}, {0: 5, 3: 5}) == {0}
    assert judged({3: 2, 2: 1, 1: 0}, {0: 5, 2: 5, 3: 5}) == {0, 2}
    assert judged({1: 0, 2: 0}, {0: 9, 1: 5, 2: 4}) == {0}
    assert judged({2: 1}, {0: 5, 1: 5}) == set()


def test_of_calls_without_usage_the_lowest_counts():
    assert judged({1: 0}, {0: 0, 1: 0}) == {0}
    assert judged({2: 1, 1: 0}, {0: 0, 2: 7}) == {0}


def test_what_is_below_the_usage_and_has_none_is_no_other_call():
    """As OpenRouter tells its attempts, below what they used."""
    assert judged({1: 0, 2: 0}, {0: 5, 1: 0, 2: 0}) == {1, 2}
    assert judged({3: 2, 2: 1, 1: 0}, {0: 5, 3: 0}) == {3}


def test_an_attempt_that_failed_beside_the_one_that_counts_is_a_call():
    assert judged({1: 0, 2: 0}, {0: 5, 1: 0, 2: 5}) == {0}


def test_ids_that_go_round_in_circles_lose_no_call():
    assert judged({0: 0}, {0: 5}) == set()
    assert len(judged({0: 1, 1: 0}, {0: 5, 1: 5})) == 1
    assert len(judged({0: 1, 1: 2, 2: 0}, {0: 5, 1: 5, 2: 5})) == 2
    assert judged({0: 1, 1: 2, 2: 1}, {0: 5}) == set()


def test_a_wrapper_that_used_more_than_its_calls_is_told_apart():
    edges = {SPANS[1]: SPANS[0], SPANS[2]: SPANS[0]}
    for own, found in ((9, set()), (10, {SPANS[0]}), (8, set())):
        tree = call_tree([call(SPANS[0], own), call(SPANS[1], 5), call(SPANS[2], 4)], edges)
        assert larger_wrappers(tree, not_counted(tree)) == found


def test_a_model_is_looked_for_on_the_way_up():
    parents = {SPANS[2]: SPANS[1], SPANS[1]: SPANS[0], SPANS[0]: SPANS[2]}
    assert nearest_model(SPANS[2], parents, {SPANS[0]: "far", SPANS[1]: "near"}) == "near"
    assert nearest_model(SPANS[2], parents, {SPANS[0]: "far"}) == "far"
    assert nearest_model(SPANS[2], parents, {}) is None


@given(
    parents=st.dictionaries(st.integers(0, 11), st.integers(0, 11)),
    tokens=st.dictionaries(st.integers(0, 11), st.integers(0, 2), min_size=1),
)
def test_every_chain_of_calls_with_usage_keeps_its_lowest(parents, tokens):
    """Against the plainest way to say it, wherever no span is above itself."""
    ways = {n: way_up(n, parents) for n in tokens}
    if any(n in way for n, way in ways.items()):
        assert set(tokens) - judged(parents, tokens)
        return
    used = {n for n in tokens if tokens[n]}
    over_used = {n for n in tokens if any(n in ways[other] for other in used)}
    over_any = {n for n in tokens if any(n in ways[other] for other in tokens)}
    expected = {n for n in used if n in over_used}
    for n in set(tokens) - used:
        if n in over_any or any(up in used and up not in over_used for up in ways[n]):
            expected.add(n)
    assert judged(parents, tokens) == expected


def way_up(n: int, parents: dict[int, int]) -> list[int]:
    way = []
    while n in parents and parents[n] not in way:
        n = parents[n]
        way.append(n)
    return way


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11), st.booleans()), max_size=20))
def test_a_part_is_kept_as_bytes(spans):
    part = TracePart()
    for child, parent, is_call in spans:
        told = call(SPANS[child], -parent) if is_call else None
        part.add(SPANS[child], SPANS[parent], told, None if is_call else "gpt-5")
    kept = TracePart.from_bytes(part.to_bytes())
    assert (kept, kept.parents, kept.size) == (part, part.parents, part.size)


def test_an_id_is_eight_bytes_whatever_it_is():
    assert id_of_span("eee19b7ec3c1b174").hex() == "eee19b7ec3c1b174"
    assert {len(id_of_span(text)) for text in ("", "x" * 16, "\ud800", "ab" * 16)} == {8}
