"""Who is next, and how long a slow peer is waited for."""

import pytest

from usage.management.web.least_rate import LeastRate
from usage.management.web.turns import Turns


def test_senders_take_turns_whatever_each_has_waiting():
    turns: Turns[str] = Turns()
    for number in range(4):
        turns.put("flood", f"f{number}")
    turns.put("one", "o")
    turns.put("two", "t0")
    turns.put("two", "t1")
    order = [turns.take() for _ in range(len(turns))]
    assert order == ["f0", "o", "t0", "f1", "t1", "f2", "f3"]
    with pytest.raises(IndexError):
        turns.take()


def test_when_too_many_wait_the_newest_of_the_largest_sender_goes():
    turns: Turns[str] = Turns()
    for number in range(3):
        turns.put("flood", f"f{number}")
    turns.put("one", "o")
    assert [turns.take_from_largest() for _ in range(3)] == ["f2", "f1", "f0"]
    assert (turns.take_from_largest(), len(turns)) == ("o", 0)
    with pytest.raises(IndexError):
        turns.take_from_largest()


def test_a_peer_may_pause_but_not_stop_or_drip():
    rate = LeastRate(bytes_a_second=100, patience=10, total=60)
    rate.spend(9)
    assert rate.seconds_left == 1
    rate.earn(500)
    assert rate.seconds_left == 6
    rate.earn(1_000_000)
    assert rate.seconds_left == 10  # what came early does not pay for a long pause
    for _ in range(10):
        rate.spend(1)
        rate.earn(1)
    assert rate.seconds_left == pytest.approx(0.1)


def test_however_fast_it_is_there_is_an_end():
    rate = LeastRate(bytes_a_second=100, patience=10, total=60)
    for _ in range(7):
        rate.spend(9)
        rate.earn(1000)
    assert rate.seconds_left < 0
    short = LeastRate(bytes_a_second=100, patience=10, total=60)
    short.shorten(0.2)
    assert short.seconds_left == 0.2
