"""What a thread of the worker does with the peer that it is given."""

import select
from typing import Any

from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

from usage.management.web import raw_answers
from usage.management.web.peer import Peer
from usage.management.web.peer_socket import PeerSocket

_PAUSE_MS = 5


class AnsweringWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """The half of the worker that runs in its threads."""

    def others_wait(self) -> bool:
        """Whether a request waits for a thread."""
        raise NotImplementedError

    def handle(self, conn: Any) -> bool:
        """A client that asks again at once keeps its thread, unless others wait for one.

        The way through the main thread and back costs as much as a small request.
        """
        if not isinstance(conn, Peer):  # of TLS
            return bool(super().handle(conn))
        is_kept = super().handle(conn)
        while is_kept is True and self._asks_again(conn):
            conn.hand_over()
            is_kept = super().handle(conn)
        return bool(is_kept)

    def _asks_again(self, peer: Peer) -> bool:
        """Whether a whole request is there; what there is of one is kept."""
        peer.take_back()
        if not self.alive or self.others_wait() or not peer.may_keep_its_thread:
            return False
        if peer.arrival.has_begun:
            if peer.has_much_unread:
                return False
        else:
            pause = select.poll()
            pause.register(peer.sock, select.POLLIN)
            if pause.poll(_PAUSE_MS) and (data := peer.sock.receive()):
                peer.arrival.add(data)
        return peer.arrival.is_whole and peer.sender == peer.counted_for

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        if isinstance(exc, errors.ParseException):
            said = raw_answers.of_malformed(exc)
        else:  # gunicorn's own page would be HTML
            self.log.error("a request failed outside Django", exc_info=exc)
            said = raw_answers.FAILED
        if isinstance(client, PeerSocket):
            client.say(said)
