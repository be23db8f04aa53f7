"""How many threads a kind of request and a sender may hold."""

from usage.management.web.share import Both, Halves, Most


def begun(share, sender, times):
    return [share.begin(sender) for _ in range(times)].count(True)


def test_a_sender_holds_half_as_soon_as_there_is_another():
    now = [0.0]
    halves = Halves(8, clock=lambda: now[0])
    assert begun(halves, "flood", 20) == 6
    assert begun(halves, "other", 20) == 4
    for _ in range(6):
        halves.end("flood")
    assert begun(halves, "flood", 20) == 4
    for _ in range(4):
        halves.end("other")
    now[0] = 61
    assert begun(halves, "flood", 20) == 2  # alone again


def test_few_threads_are_shared_too():
    for threads, alone, half in ((3, 1, 1), (4, 2, 2), (5, 3, 2)):
        halves = Halves(threads)
        assert begun(halves, "one", 9) == alone
        assert begun(halves, "two", 9) == half


def test_senders_without_number_are_forgotten():
    halves = Halves(8)
    for number in range(3000):
        assert halves.begin(str(number))
        halves.end(str(number))
    assert len(halves._seen) == 1000
    assert not halves._held


def test_of_two_shares_the_smaller_counts_and_nothing_is_held_for_nothing():
    one, two = Most(1), Most(2)
    both = Both(two, one)
    assert begun(both, "a", 5) == 1
    assert begun(two, "a", 5) == 1
    both.end("a")
    assert begun(both, "a", 5) == 1
