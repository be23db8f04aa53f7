"""gunicorn's threaded worker, with threads for whole requests only."""

import errno
import gc
import logging
import selectors
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from django.db import connections
from gunicorn.http.unreader import SocketUnreader

from usage import long_requests, pricing
from usage.database.trouble import DATABASE_TROUBLE, trouble_of
from usage.long_requests import places
from usage.management.web import raw_answers
from usage.management.web.answering import AnsweringWorker
from usage.management.web.fair_queue import FairQueue
from usage.management.web.file_pieces import Application, in_large_pieces
from usage.management.web.lane import Lane
from usage.management.web.peer import Peer
from usage.management.web.peer_socket import PeerSocket
from usage.management.web.share import Allowed, Both, Halves, Most, Share
from usage.management.web.stalls import Stalls
from usage.management.web.waiting_room import WaitingRoom, raise_file_limit
from usage.rollups import names

logger = logging.getLogger(__name__)

_ACCEPTED_AT_ONCE = 64
_MOST_WAITING = 2048  # for a thread, of each kind of request
_MOST_BYTES = 24 * 2**20  # of what has come of them
_CROWD = 32  # of large requests; those who come then wait where they are
_SECONDS_AT_THE_END = 2.0  # for who is connected and has said nothing yet
_BYTES_AT_ONCE = 131_072  # of a body, held for each client: gunicorn's own megabyte adds up
_OBJECTS_BETWEEN_COLLECTIONS = 20_000
# Python lets a thread that computes go on for 5 ms while others wait, which six exports add up.
_SECONDS_BETWEEN_SWITCHES = 0.0005


def _lane(share: Share, *, is_for_one: bool = False) -> Lane:
    return Lane(share, most=_MOST_WAITING, most_bytes=_MOST_BYTES, is_for_one=is_for_one)


def _remember_names() -> None:
    """So that the first posts need not look them up while they hold the write lock."""
    try:
        names.remember_all()
    except DATABASE_TROUBLE as error:  # they are looked up later, then
        logger.info("the names could not be read at the start: %s", trouble_of(error))
    finally:
        connections.close_all()  # this thread has no other use for it


class Worker(AnsweringWorker):
    """The main thread gathers requests, threads answer them; nobody waits for a slow peer."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # Who comes is let in: when there are too many, whoever has been silent longest goes.
        self.worker_connections = self.max_keepalived = sys.maxsize
        self._most_peers = raise_file_limit()
        self._room = WaitingRoom()
        self._ready: FairQueue[Peer] = FairQueue()  # for a thread
        threads, senders = self.cfg.threads, Halves(self.cfg.threads)
        bodies = Allowed(places.begin_large_body, places.end_large_body)
        self._large = _lane(Both(senders, bodies), is_for_one=True)
        self._lanes = {
            "post": _lane(senders),
            "question": _lane(Most(threads - 1)),  # the last is for posts and health
        }
        self._health = ThreadPoolExecutor(1, "health")
        self._blocked: list[Peer] = []  # who ask again without reading what they were answered
        self._stalls = Stalls(places)

    # --- Life of the worker ---------------------------------------------------------------------

    def load_wsgi(self) -> None:
        """What is loaded stays, so the garbage collector need not look at it with every post."""
        super().load_wsgi()
        self.wsgi: Application = in_large_pieces(self.wsgi)
        SocketUnreader.max_body_chunk = _BYTES_AT_ONCE
        places.most = max(1, self.cfg.threads - long_requests.FREE_THREADS)
        pricing.load_prices()
        _remember_names()
        gc.collect()
        gc.freeze()
        gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
        sys.setswitchinterval(_SECONDS_BETWEEN_SWITCHES)

    def init_signals(self) -> None:
        """A terminal sends Ctrl-C to the worker too, which the arbiter stops in its own time."""
        super().init_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def set_accept_enabled(self, enabled: bool) -> None:
        """At the end, take in who has connected already, then refuse: a reset tells too little."""
        super().set_accept_enabled(enabled)
        if enabled or self.alive:
            return
        for listener in self.sockets:
            before = None
            while before != self.nr_conns:
                before = self.nr_conns
                self.accept(listener)
            listener.close()
        for peer in self._room:
            if not peer.arrival.has_begun:
                peer.wait(_SECONDS_AT_THE_END)

    def murder_pending(self) -> None:
        self._blocked, blocked = [], self._blocked
        for peer in blocked:
            if not peer.has_much_unread:
                self._let_wait(peer)
                self._judge(peer)
            elif peer.timeout <= time.monotonic():
                self._close(peer)
            else:
                self._blocked.append(peer)
        for peer in self._room.overdue():
            is_late = peer.arrival.has_begun and not peer.is_leaving
            self._refuse(peer, raw_answers.TOO_SLOW) if is_late else self._drop(peer)

    # --- The main thread: peers without a thread ------------------------------------------------

    def accept(self, listener: Any) -> None:
        if self.cfg.is_ssl:
            super().accept(listener)
            return
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                accepted, client = listener.accept()
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    self._make_room()
                    break
                if error.errno != errno.ECONNABORTED:
                    raise
                continue
            family, kind, proto = accepted.family, accepted.type, accepted.proto
            sock = PeerSocket(family, kind, proto, fileno=accepted.detach())
            sock.others_wait = lambda: len(self._large) > 0
            sock.stalls = self._stalls.of
            self.nr_conns += 1
            self._let_wait(Peer(self.cfg, sock, client, listener.getsockname()))
        while self.nr_conns > self._most_peers and self._make_room():
            pass

    def _let_wait(self, peer: Peer) -> None:
        """For its next request, or the rest of it, or for its end."""
        if not peer.is_leaving:
            peer.wait(self.cfg.keepalive if self.alive else _SECONDS_AT_THE_END)
        peer.sock.setblocking(False)
        self._room.add(peer)
        self.poller.register(peer.sock, selectors.EVENT_READ, partial(self._take, peer))

    def _take(self, peer: Peer, _: Any) -> None:
        if peer not in self._room:
            return  # made room for another one of the same round
        # A head is looked at before more of its body is read than must be.
        data = peer.sock.receive(65_536 if peer.arrival.has_all_of_head else 4096)
        if data is None:
            return
        if peer.is_leaving:
            if not data or not peer.ignore(data):
                self._drop(peer)
            return
        if data:
            peer.take(data)
            self._room.add(peer)
            self._judge(peer)
        elif peer.arrival.has_all_of_head:
            # Its body has broken off, and it may wait for the answer.
            self._serve(peer, self._lanes.get(peer.arrival.kind))
        else:
            self._drop(peer)

    def _judge(self, peer: Peer) -> None:
        """Whether what has come is a request, none, or not enough to tell."""
        arrival = peer.arrival
        if arrival.is_whole:
            self._serve(peer, self._lanes.get(arrival.kind))
        elif arrival.is_large or (arrival.will_be_large and len(self._large) > _CROWD):
            self._serve(peer, self._large)  # and of the rest nothing is read until then
        elif arrival.is_too_long:
            self._refuse(peer, raw_answers.HEAD_TOO_LONG)
        elif arrival.is_no_request:
            self._refuse(peer, raw_answers.NO_REQUEST)
        elif arrival.awaits_go_ahead:
            arrival.awaits_go_ahead = False
            peer.sock.say(raw_answers.GO_AHEAD)
        if (surplus := self._room.over_bytes()) is not None:
            self._refuse(surplus, raw_answers.TOO_SLOW)

    def _make_room(self) -> bool:
        """Hang up on whoever has been silent longest; False when nobody waits."""
        peer = self._room.longest_silent()
        if peer is None:
            return False
        self._drop(peer)
        return True

    def _refuse(self, peer: Peer, answer: bytes) -> None:
        self._forget(peer)
        peer.sock.say(answer)
        self._part_from(peer)

    def _part_from(self, peer: Peer) -> None:
        """Closed at once, a connection would lose the answer that its peer has not read yet."""
        try:
            peer.sock.shutdown(1)
        except OSError:
            self._close(peer)
            return
        peer.leave()
        self._let_wait(peer)

    def _drop(self, peer: Peer) -> None:
        self._forget(peer)
        self._close(peer)

    def _forget(self, peer: Peer) -> None:
        self._room.remove(peer)
        self.poller.unregister(peer.sock)

    def _close(self, peer: Peer) -> None:
        self.nr_conns -= 1
        peer.close()

    # --- The way to a thread and back -----------------------------------------------------------

    def _serve(self, peer: Peer, lane: Lane | None) -> None:
        self._forget(peer)
        if lane is None:
            self._submit_for_health(peer)
            return
        for surplus in lane.put(peer):
            surplus.sock.say(raw_answers.TOO_MANY)
            self._part_from(surplus)
        self._begin_waiting()

    def _begin_waiting(self) -> None:
        for lane in (*self._lanes.values(), self._large):
            for peer in lane.begun():
                if peer.has_given_up:
                    lane.leave(peer)
                    self._close(peer)
                else:
                    self._submit(peer)

    def _submit(self, peer: Peer) -> None:
        """A thread takes whose turn it is then, which may be somebody else."""
        self._ready.put(peer.sender, peer)
        served = self.tpool.submit(self._serve_next)
        served.add_done_callback(lambda done: self.method_queue.defer(self._served, done))

    def _submit_for_health(self, peer: Peer) -> None:
        """Posts may hold all other threads while the database lets them wait."""
        peer.is_for_health = True
        served = self._health.submit(self._answer, peer)
        served.add_done_callback(lambda done: self.method_queue.defer(self._served, done))

    def _serve_next(self) -> tuple[Peer, bool]:
        peer = self._ready.take()
        assert peer is not None
        return self._answer(peer)

    def _answer(self, peer: Peer) -> tuple[Peer, bool]:
        peer.hand_over()
        try:
            return peer, self.handle(peer)
        except BaseException:
            self.log.exception("a request broke off")
            return peer, False

    def _served(self, done: Any) -> None:
        peer, is_kept = done.result()
        peer.is_for_health = False
        if peer.lane is not None:
            peer.lane.leave(peer)
        self._begin_waiting()  # also where an export made way
        if not is_kept:
            self._part_from(peer)
        elif peer.arrival.is_ready and peer.has_much_unread:
            peer.wait(0)
            self._blocked.append(peer)
        else:
            self._let_wait(peer)
            self._judge(peer)

    def others_wait(self) -> bool:
        return len(self._ready) > 0 or len(self._lanes["post"]) > 0
