"""How long one may wait for a peer that sends or reads too little."""


class LeastRate:
    """Seconds of waiting that a peer has to its credit: bytes earn some, up to `patience`.

    So a pause of `patience` is forgiven, a standstill ends after it, and whoever is slower than
    `bytes_a_second` uses his credit up. No peer is waited for longer than `total` altogether.
    """

    def __init__(self, *, bytes_a_second: int, patience: float, total: float) -> None:
        self._bytes_a_second = bytes_a_second
        self._patience = patience
        self._credit = patience
        self._total = total

    @property
    def seconds_left(self) -> float:
        return min(self._credit, self._total)

    def spend(self, seconds: float) -> None:
        self._credit -= seconds
        self._total -= seconds

    def earn(self, received_bytes: int) -> None:
        self._credit = min(self._patience, self._credit + received_bytes / self._bytes_a_second)

    def shorten(self, seconds: float) -> None:
        """From here on the peer may be waited for that long at most."""
        self._total = min(self._total, seconds)


def of_a_body() -> LeastRate:
    return LeastRate(bytes_a_second=4096, patience=10, total=900)


def of_an_answer() -> LeastRate:
    return LeastRate(bytes_a_second=16_384, patience=10, total=3600)
