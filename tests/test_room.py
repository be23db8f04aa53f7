"""`usage.intake.room`: large posts take turns, small ones never wait."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from usage.intake.room import PostShare, Room

PIECE = b"x" * 1000
FOR_EVER = 60.0


def small_room(*, shared: int = 2000, patience: float = FOR_EVER) -> Room:
    return Room(free=1000, shared=shared, patience=patience)


def take(share: PostShare, pieces: int) -> None:
    for _ in share.taken_by([PIECE] * pieces):
        pass


@contextmanager
def taking(share: PostShare, pieces: int) -> Iterator[threading.Thread]:
    """A thread that takes pieces; it has ended when the block is left."""
    thread = threading.Thread(target=take, args=(share, pieces))
    thread.start()
    yield thread
    thread.join(timeout=10)
    assert not thread.is_alive()


def test_small_posts_never_wait():
    room = small_room()
    take(room.share(), 50)
    for share in [room.share() for _ in range(50)]:
        take(share, 1)


def test_the_oldest_large_post_takes_what_it_needs():
    room = small_room()
    oldest = room.share()
    take(oldest, 2)
    take(room.share(), 2)
    take(oldest, 100)


def test_a_large_post_waits_until_those_before_it_are_done():
    room = small_room()
    with room.share() as first, room.share() as second:
        take(first, 10)
        take(second, 2)
        with taking(second, 1) as thread:
            thread.join(timeout=0.05)
            assert thread.is_alive()
            first.__exit__(None, None, None)


def test_a_post_that_fails_makes_room_too():
    room = small_room()
    with pytest.raises(ValueError, match="broken"), room.share() as first:
        take(first, 10)
        raise ValueError("broken")
    take(room.share(), 10)


def test_many_small_rows_count_by_what_they_become():
    share = small_room().share()
    for _ in share.taken_by([b"{}\n" * 100]):
        pass
    assert share.size > 20_000


def test_a_post_stuck_behind_a_slow_client_goes_on_after_a_while():
    room = small_room(patience=0.05)
    take(room.share(), 10)
    late = room.share()
    with taking(late, 50):
        pass
    assert late.size == 50_000


def test_a_post_waits_on_while_others_get_done():
    room = small_room(shared=8000, patience=0.4)
    before = [room.share() for _ in range(4)]
    for share in before:
        take(share, 2)
    late = room.share()
    with taking(late, 50) as thread:
        for share in before:
            thread.join(timeout=0.15)
            assert thread.is_alive()
            room.leave(share)
    assert not late.has_waited_enough
