"""Who is next, and how long a slow peer is waited for."""

import pytest

from usage.management.web.fair_queue import FairQueue
from usage.management.web.least_rate import LeastRate


def test_senders_take_turns_whatever_each_has_waiting():
    queue: FairQueue[str] = FairQueue()
    for number in range(4):
        queue.put("flood", f"f{number}")
    queue.put("one", "o")
    queue.put("two", "t0")
    queue.put("two", "t1")
    order = [queue.take() for _ in range(len(queue))]
    assert order == ["f0", "o", "t0", "f1", "t1", "f2", "f3"]
    assert queue.take() is None


def test_whoever_may_have_nothing_is_passed_over_and_keeps_his_turn():
    queue: FairQueue[str] = FairQueue()
    for sender in ("a", "b", "a"):
        queue.put(sender, sender)
    assert queue.take(lambda sender: sender != "a") == "b"
    assert queue.take(lambda sender: sender != "a") is None
    assert [queue.take(), queue.take(), queue.take()] == ["a", "a", None]


def test_when_too_many_wait_the_newest_of_the_largest_sender_goes():
    queue: FairQueue[str] = FairQueue()
    for number in range(3):
        queue.put("flood", f"f{number}")
    queue.put("one", "o")
    assert [queue.take_from_largest() for _ in range(3)] == ["f2", "f1", "f0"]
    assert (queue.take_from_largest(), len(queue)) == ("o", 0)
    with pytest.raises(IndexError):
        queue.take_from_largest()


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
