"""What an operator, the machine and strangers do to the portal meanwhile."""

from benchmarks import processes
from benchmarks.endurance.stage import LOST, Stage
from benchmarks.hostile_peers import KINDS, HostilePeers
from tests.serving import manage

_PURGE_EVERY = 45.0
_LOOK_EVERY = 1.0


def kill(stage: Stage) -> None:
    """End every process of the portal at once, and start it again."""
    while True:
        stage.rest(stage.seconds_between_kills)
        if stage.is_over.is_set():
            return
        stage.kill_portal()
        stage.minutes.count("kills")
        stage.raise_portal()


def purge(stage: Stage) -> None:
    """Rows older than 90 days, of which the senders make some."""
    while True:
        stage.rest(_PURGE_EVERY)
        if stage.is_over.is_set():
            return
        done = manage(stage.folder, "purge", patience=600, **stage.settings)
        stage.minutes.count("purges" if done.returncode == 0 else "purges that failed")
        if done.returncode:
            stage.ledger.surprise(f"purge: {done.stderr.strip().splitlines()[-1:]}")


def be_hostile(stage: Stage) -> None:
    """Peers of all kinds that a portal must bear, which come again after each kill."""
    host, _, port = stage.address.rpartition(":")
    with HostilePeers(host, int(port), list(KINDS), stage.peers):
        stage.is_over.wait()


def weigh(stage: Stage) -> None:
    """The largest worker's memory."""
    while not stage.is_over.is_set():
        portal = stage.portal
        try:
            if portal is not None:
                sizes = [processes.resident_bytes(worker) for worker in portal.workers()]
                stage.minutes.memory(max(sizes, default=0))
        except LOST:
            pass  # it was killed just now
        stage.rest(_LOOK_EVERY)
