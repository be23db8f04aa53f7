"""How far the sums are that came in a later version, for who must wait for them."""

from usage.rollups.filling import share_filled


class SumsStillLackRows(Exception):
    """A question needs sums that are still being filled, and has too many rows to do without."""

    def __init__(self) -> None:
        super().__init__(
            f"the sums for this are still being filled from older rows, newest first: "
            f"{share_filled():.0%} is done. Try again later, or narrow `from` and `to`"
        )
